/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_SERVER_H
#define XENSTORED_SERVER_H

#include "base/ev.h"
#include "xenstored/world.h"

/* The loop: listening sockets, the turn, the clock. Owns the descriptors. */

struct server {
	struct ev *ev;
	struct world *world;
	struct ev_defer turn;
	struct ev_timer tick, accept_again;
	struct ev_io listener;
	struct ev_signal term, interrupt, hup;
	bool accepting;
	bool wait_logged;	/* that clients have to wait was said */
	struct eager {
		unsigned skip, left; /* turns without a second look after one in vain; what is left
					of them */
		uint64_t off_ms, off_until_ms;	/* none at all: how long, until when */
		uint64_t took_us, now_ms;	/* the last yield; its end */
	} eager;
};

/* Everything but the socket. Takes the world. */
int server_init(struct server *s, struct world *w, struct err *err) must_check;
/* Listen at a path: mode 0600, a stale socket is replaced. fd >= 0: an already listening one (live
 * update). */
int server_listen(struct server *s, const char *path, int fd, struct err *err) must_check;
/* A client of a former daemon, connected already (live update), with the number it had. Takes fd;
 * NULL: it could not be. */
struct conn *server_restore_client(struct server *s, int fd, uint32_t id, struct err *err);
int server_run(struct server *s, struct err *err) must_check;
void server_free(struct server *s);

/* guests.c adds its event-channel descriptor with ev_io_add(server->ev, ...) and calls conn_ready()
 * for each ring that was kicked. */

#endif
