/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XS_CLIENT_H
#define XS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "xs/proto.h"

/*
 * A client of the store: messages and their order, not what they mean. Requests are queued and go
 * out together; replies come back in the order of the requests, so a caller keeps its own list of
 * what it asked for. Nothing deadlocks however much is queued: whoever waits for a reply reads
 * while it writes, and a bounded number of requests is in flight.
 *
 * The other end is trusted no further than the protocol: a message that is too long or out of turn
 * breaks the connection, and so does one that does not come in time, for what was asked would be
 * answered later, to somebody else. A broken connection stays broken: every later call fails at
 * once, with the same error.
 *
 * Memory that is not to be had is an error (ENOMEM), never the end of the process: a daemon may use
 * this.
 */

struct xs_client;

/* What came back. `error` is 0 or the errno the store named; `data` has a NUL behind `len` bytes
 * and is valid until the next call. */
struct xs_reply {
	int error;
	size_t len;
	const char *data;
};

/* The socket of the local daemon ($XENSTORED_PATH, or $XENSTORED_RUNDIR/socket, or the usual
 * place), else, unless socket_only, the kernel's road to it (/dev/xen/xenbus, or what
 * $XENSTORED_PATH names), which is a guest's: a control domain's kernel waits without end for a
 * daemon that does not run. err->code is that of the last attempt. */
int xs_client_open(struct xs_client **out, bool socket_only, struct err *err) must_check;
/* Over a descriptor that is there; it is closed with the client, and at once when this fails. */
int xs_client_from_fd(struct xs_client **out, int fd, bool is_device, struct err *err) must_check;
void xs_client_close(struct xs_client *c);	/* NULL is fine */
void xs_client_autoclose(struct xs_client **c);

/* How long a call waits for the store to say anything at all; -1, as at first: for ever. */
void xs_client_set_timeout(struct xs_client *c, int timeout_ms);

/* Queue a request whose payload is `len` bytes; E2BIG beyond XS_PAYLOAD_MAX. */
int xs_client_queue(struct xs_client *c, enum xs_type type, uint32_t tx, const void *data,
		    size_t len, struct err *err) must_check;
/* The same with a path, its NUL, and a tail of `len` bytes. */
int xs_client_queue_path(struct xs_client *c, enum xs_type type, uint32_t tx, const char *path,
			 const void *tail, size_t len, struct err *err) must_check;
/* Requests queued whose replies were not taken yet. */
size_t xs_client_nr_pending(const struct xs_client *c);

/* The reply to the oldest request not yet answered. -1 only when the connection is broken: what the
 * store refused is a reply with an error. Watch events met on the way are kept for
 * xs_client_event. */
int xs_client_next(struct xs_client *c, struct xs_reply *reply, struct err *err) must_check;
/* Queue and wait: for callers with nothing else under way. */
int xs_client_call(struct xs_client *c, enum xs_type type, uint32_t tx, const char *path,
		   const void *tail, size_t len, struct xs_reply *reply, struct err *err)
	must_check;

/* The next watch event, waiting at most timeout_ms (-1: for ever, 0: only what is here). 1: an
 * event, *path and *token (which may be NULL) are yours to free; 0: none in time; -1: broken. While
 * a request is unanswered it does not read: events that came before a reply are here once that was
 * taken. */
int xs_client_event(struct xs_client *c, int timeout_ms, char **path, char **token,
		    struct err *err) must_check;
/* Forget the events with this path and token that wait: after an unwatch. */
void xs_client_drop_events(struct xs_client *c, const char *path, const char *token);

/*
 * For event loops: send and read what can be without waiting. 1: a reply; 0: none now. When the
 * descriptor polls ready as xs_client_poll_events says, and after queueing, take replies until
 * there are none, then events (timeout 0).
 */
int xs_client_fd(const struct xs_client *c);
short xs_client_poll_events(const struct xs_client *c);
int xs_client_try_reply(struct xs_client *c, struct xs_reply *reply, struct err *err) must_check;

#endif
