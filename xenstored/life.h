/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_LIFE_H
#define XENSTORED_LIFE_H

#include "xenstored/guests.h"
#include "xenstored/journal.h"
#include "xenstored/server.h"
#include "xenstored/update.h"

/*
 * How the daemon comes to its state and its connections, in the order in which that is safe: from
 * the program it replaces (-U), from the journal of one that died, or afresh.
 */

struct life_options {
	const char *run_dir;		/* of the journal */
	const char *socket_path;
	char **argv;			/* of this process */
	uint32_t own_port; /* -e: event channel of the domain we run in; 0: the kernel knows */
	bool no_domains, no_journal, live_update, no_filter;
	const char *user;		/* to become; NULL: stay */
};

struct life {
	struct guests *guests;
	struct journal *journal;
	struct update_parts parts;
};

/* Up to where clients may connect. */
int life_start(struct life *l, struct server *srv, const struct life_options *o,
	       struct err *err) must_check;
/* The last step before the loop: what is not needed any more is given up. */
int life_settle_down(const struct life_options *o, struct err *err) must_check;
/* The journal stays: the next daemon goes on where this one ended. Call before server_free. */
void life_end(struct life *l);

#endif
