// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * xenstore-control: words for the daemon itself, and the dialogue of a live update (name the new
 * program, then ask until the daemon finds a moment without transactions). Exit codes are stock's:
 * 1 no daemon, 2 usage, 3 refused.
 */
#include "xenstore/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"

/* Send a command of `nr` words. *text is what the daemon said, "" or more; yours to free. 0, or the
 * errno it refused with, or EPIPE when it is gone. */
static int control(struct xs_client *c, const char *const *words, size_t nr, char **text)
{
	autostrbuf struct strbuf body = STRBUF_INIT;
	struct err err = ERR_INIT;
	struct xs_reply reply;

	*text = NULL;
	for (size_t i = 0; i < nr; i++)
		strbuf_addn(&body, words[i], strlen(words[i]) + 1);
	if (xs_client_queue(c, XS_CONTROL, 0, body.data, body.len, &err) < 0 ||
	    xs_client_next(c, &reply, &err) < 0)
		return err.code ? err.code : EIO;
	if (reply.error)
		return reply.error;
	*text = xstrndup(reply.data, reply.len);
	return 0;
}

static int complain(const char *what, int error, const char *text)
{
	fprintf(stderr, "%s failed:\n%s\n", what, error ? strerror(error) : text);
	return 3;
}

struct update {
	const char *binary;
	const char *cmdline;
	const char *timeout;	/* seconds, as written */
	const char *version;	/* of the state; NULL: the daemon chooses */
	bool force;
};

/* 0, or why not: the exit code 2. */
static int read_update(struct update *u, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		const struct {
			const char *option, *what;
			const char **value;
		} rows[] = {
			{ "-c", "command line", &u->cmdline },
			{ "-t", "timeout", &u->timeout },
			{ "-v", "version", &u->version },
		};
		size_t k = 0;

		while (k < array_size(rows) && strcmp(argv[i], rows[k].option) != 0)
			k++;
		if (k < array_size(rows)) {
			if (++i == argc) {
				fprintf(stderr, "Missing %s value\n", rows[k].what);
				return 2;
			}
			*rows[k].value = argv[i];
		} else if (strcmp(argv[i], "-F") == 0) {
			u->force = true;
		} else {
			u->binary = argv[i];
		}
	}
	if (u->binary)
		return 0;
	fputs("Missing binary specification\n", stderr);
	return 2;
}

static int set_one(struct xs_client *c, const char *option, const char *value)
{
	const char *words[] = { "live-update", option, value };
	autofree char *text = NULL;
	int error = control(c, words, array_size(words), &text);

	if (error || strcmp(text, "OK") != 0)
		return complain("Setting update binary", error, text);
	return 0;
}

/* BUSY: a transaction is open; the daemon answers OK from its new self. */
static int start_update(struct xs_client *c, const struct update *u)
{
	const char *words[7] = { "live-update", "-s", "-t", u->timeout };
	size_t nr = 4;
	uint64_t end = time_ms() + 1000 * strtoull(u->timeout, NULL, 10);
	autofree char *text = xstrdup("BUSY");
	int error = 0;

	if (u->force)
		words[nr++] = "-F";
	if (u->version) {
		words[nr++] = "-v";
		words[nr++] = u->version;
	}
	while (time_ms() < end && strcmp(text, "BUSY") == 0) {
		mem_autofree(&text);
		text = NULL;
		error = control(c, words, nr, &text);
		if (error || strcmp(text, "BUSY") != 0)
			break;
		sleep(1);
	}
	if (error || strcmp(text, "OK") != 0)
		return complain("Starting live update", error, text);
	return 0;
}

static int live_update(struct xs_client *c, int argc, char **argv)
{
	static const char *const abort_words[] = { "live-update", "-a" };
	struct update u = { .timeout = "60" };
	autofree char *text = NULL;
	int code = read_update(&u, argc, argv);

	if (code == 0)
		code = set_one(c, "-f", u.binary);
	if (code != 0)
		return code;
	if (u.cmdline)
		code = set_one(c, "-c", u.cmdline);
	if (code == 0)
		code = start_update(c, &u);
	if (code != 0)
		(void)control(c, abort_words, array_size(abort_words), &text);
	return code;
}

static int one_command(struct xs_client *c, int argc, char **argv)
{
	static const char *const help[] = { "help" };
	autofree char *text = NULL;
	int error = control(c, (const char *const *)argv, (size_t)argc, &text);

	if (error == 0) {
		if (text[0])
			printf("%s\n", text);
		return fflush(stdout) == 0 ? 0 : 3;
	}
	if (error != EINVAL)
		fprintf(stderr, "Error %d when trying to execute command.\n", error);
	else if (control(c, help, 1, &text) == 0)
		fprintf(stderr, "Command not supported. Valid commands are:\n%s\n", text);
	else
		fputs("Error when executing command.\n", stderr);
	return 3;
}

int control_main(int argc, char **argv)
{
	__attribute__((cleanup(xs_client_autoclose))) struct xs_client *c = NULL;
	struct err err = ERR_INIT;

	if (argc < 2) {
		fprintf(stderr, "Usage:\n%s <command> [<arg>...]\n", argv[0]);
		return 2;
	}
	if (xs_client_open(&c, false, &err) < 0) {
		fputs("Failed to contact Xenstored.\n", stderr);
		return 1;
	}
	if (strcmp(argv[1], "live-update") == 0)
		return live_update(c, argc - 2, argv + 2);
	return one_command(c, argc - 1, argv + 1);
}
