/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_CONN_SOCKET_H
#define XENSTORED_CONN_SOCKET_H

#include "base/ev.h"
#include "xenstored/conn.h"

/* A local client over a Unix socket (non-blocking, close-on-exec). Takes fd on success. `on_close`
 * (may be NULL) is told after a descriptor was given back. */
struct conn *conn_socket_new(struct ev *ev, struct turn *turn, struct account *account, int fd,
			     void (*on_close)(void *arg), void *arg, struct err *err);
/* The descriptor, for live update; -1: not a socket. */
int conn_socket_fd(const struct conn *c);

#endif
