/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_UPDATE_H
#define XENSTORED_UPDATE_H

#include "xenstored/guests.h"
#include "xenstored/journal.h"
#include "xenstored/server.h"

/*
 * Live update: the running daemon writes its state, becomes another program by exec, and that one
 * goes on with the same process id, clients and rings. CONTROL live-update is the dialogue
 * (xenstore-control); the file and its place are upstream's, so its daemon and ours can hand over
 * to each other.
 */

/* What takes part. guests and journal may be NULL. */
struct update_parts {
	struct server *server;
	struct guests *guests;
	struct journal *journal;
	char **argv;		/* of this process, NULL-terminated */
};

/* Make CONTROL live-update known. `parts` stays the caller's and must live on. */
void update_register(const struct update_parts *parts);

/* The state that the former program left. */
struct update_state {
	char *data;
	size_t len;
	int socket_fd, evtchn_fd;	/* -1: none */
};

/* Read the file, and the descriptors in it. */
int update_read(struct update_state *s, struct err *err) must_check;
/* The world as it was; `parts` are open with the descriptors of the state. */
int update_restore(const struct update_state *s, const struct update_parts *parts,
		   struct err *err) must_check;
/* The file has served. */
void update_done(struct update_state *s);

#endif
