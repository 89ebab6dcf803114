/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORE_CLIENT_H
#define XENSTORE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * A client of the store that speaks its wire protocol (xen/io/xs_wire.h, docs/misc/xenstore.txt). Requests are queued and
 * go out together; replies come back in the order of the requests, so a caller keeps its own list of what it
 * asked for. Nothing deadlocks however much is queued: client_next reads while it writes.
 */

enum {
	XS_CONTROL = 0,
	XS_DIRECTORY = 1,
	XS_READ = 2,
	XS_GET_PERMS = 3,
	XS_WATCH = 4,
	XS_TRANSACTION_START = 6,
	XS_TRANSACTION_END = 7,
	XS_WRITE = 11,
	XS_RM = 13,
	XS_SET_PERMS = 14,
	XS_WATCH_EVENT = 15,
	XS_ERROR = 16,
	XS_DIRECTORY_PART = 22,
};

#define XS_PAYLOAD_MAX 4096

struct client;

/* What came back. `error` is 0 or the errno the store named; `data` has a NUL behind `len` bytes and is valid until
 * the next call. */
struct reply {
	int error;
	size_t len;
	const char *data;
};

/* The socket of the local daemon (environment XENSTORED_PATH, or XENSTORED_RUNDIR/socket), else, unless socket_only,
 * the kernel's road to it (/dev/xen/xenbus, /proc/xen/xenbus). err.msg is strerror's text alone. */
int client_open(struct client **out, bool socket_only, struct err *err) must_check;
void client_close(struct client *c);
void client_autoclose(struct client **c);

/* Queue a request whose payload is `len` bytes; E2BIG beyond XS_PAYLOAD_MAX. */
int client_queue(struct client *c, uint32_t type, uint32_t tx, const void *data, size_t len,
		 struct err *err) must_check;
/* The same with a path, its NUL, and a tail of `len` bytes. */
int client_queue_path(struct client *c, uint32_t type, uint32_t tx, const char *path,
		      const void *tail, size_t len, struct err *err) must_check;

/* The reply to the oldest request not yet answered. -1 only when the connection is broken: what the store refused is a
 * reply with an error. Watch events met on the way are kept for client_event. */
int client_next(struct client *c, struct reply *reply, struct err *err) must_check;

/* Queue and wait: for callers with nothing else under way. */
int client_call(struct client *c, uint32_t type, uint32_t tx, const char *path, const void *tail,
		size_t len, struct reply *reply, struct err *err) must_check;

/* The path of the next watch event, waiting for it. Yours to free. */
int client_event(struct client *c, char **path, struct err *err) must_check;

#endif
