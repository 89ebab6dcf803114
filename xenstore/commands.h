/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORE_COMMANDS_H
#define XENSTORE_COMMANDS_H

#include <stdbool.h>
#include "base/str.h"
#include "xs/client.h"

/* One run of one command. */
struct run {
	struct xs_client *client;
	uint32_t tx;		/* 0 outside a transaction */
	char **args;		/* what stands behind the options */
	int nr_args;
	/* options */
	bool prefix;		/* -p */
	bool flat;		/* -f */
	bool tidy;		/* -t */
	bool upto;		/* -u */
	bool recurse;		/* -r */
	bool raw;		/* -R */
	int nr_events;		/* -n; -1 without end */
	struct strbuf
		out; /* printed when the transaction is through; emptied when it is tried again */
};

/* A row a command: its name behind "xenstore-" or as the first word of `xenstore`. */
struct command {
	const char *name;
	const char *options;	/* the letters, of "fptunrR", that mean something here */
	const char *usage;	/* behind the name */
	bool (*transaction)(const struct run *run);	/* NULL: never in one */
	/* The exit code, 0 or 1, a warning having been printed; -1: err says what broke. */
	int (*run)(struct run *run, struct err *err);
};

extern const struct command cmd_read, cmd_write, cmd_rm, cmd_exists, cmd_list, cmd_ls, cmd_chmod,
	cmd_watch;

/* xenstore-control has words of its own and exit codes 0 to 3. */
int control_main(int argc, char **argv);

/* "program: text" on the standard error. */
void warn_user(const char *fmt, ...) printf_like(1, 2);

/* The names of a directory, put together from one DIRECTORY or, when that is too big for a reply,
 * many DIRECTORY_PARTs. */
struct listing {
	struct strbuf names;	/* each NUL-terminated */
	char generation[24];
	bool in_parts;
};
void listing_free(struct listing *l);
int listing_ask(const struct listing *l, struct xs_client *c, uint32_t tx, const char *path,
		struct err *err) must_check;
/* Take the reply: 1 when all is there, 0 when it has to be asked again, or -1 with reply->error in
 * err.code (the message is strerror's). */
int listing_take(struct listing *l, const struct xs_reply *reply, struct err *err) must_check;
/* The first name when `name` is NULL, else the one behind it; NULL at the end. */
const char *listing_next(const struct listing *l, const char *name);

#endif
