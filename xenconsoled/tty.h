/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENCONSOLED_TTY_H
#define XENCONSOLED_TTY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/err.h"

/*
 * Where a console's user is: a pseudo terminal, or a unix socket with one client at a time. The
 * bytes go through it as they are.
 */

struct tty {
	int fd;		/* what is read and written; -1: nobody there */
	int slave; /* the terminal's own end, held so that a client that leaves does not hang it
		    * up */
	int listener;	/* of a socket; -1: a terminal */
	char *path;
};

#define TTY_INIT { -1, -1, -1, NULL }

/* A new pseudo terminal, if it can be the one that `wanted` names (may be NULL): clients hold on to
 * the name. */
int tty_open_pty(struct tty *t, const char *wanted, struct err *err) must_check;
/* Listen at a path; a stale socket is replaced, another file is not. */
int tty_open_socket(struct tty *t, const char *path, struct err *err) must_check;
/* A client is waiting at the listener: it becomes fd, unless there is one already (it is turned
 * away). */
void tty_accept(struct tty *t);
/* The socket's client is gone. */
void tty_hang_up(struct tty *t);
void tty_close(struct tty *t);

/* Bytes, or 0 when it would have to wait; -1: the client is gone (sockets). */
ssize_t tty_read(struct tty *t, void *buf, size_t size);
ssize_t tty_write(struct tty *t, const void *data, size_t len);
/* Nothing written is left for a client to read. */
bool tty_is_drained(const struct tty *t);

#endif
