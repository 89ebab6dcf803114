/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_LOCAL_H
#define XENSTORED_LOCAL_H

#include "xenstored/dispatch.h"

/*
 * A client inside this process (tests, the fake libxenstore): requests in, replies out, events by
 * callback; no descriptor. on_message gets every whole message that the daemon sends: replies and,
 * with type WIRE_WATCH_EVENT, events.
 */
struct local;
typedef void local_fn(void *arg, const struct wire_header *h, const char *payload);

/* Domain 0 is like a socket: all rights. Another is a guest with a connection but no ring; it
 * becomes known and introduced. NULL: no memory. */
struct local *local_open(struct world *w, unsigned domid, local_fn *on_message, void *arg);
/* One request, carried out before it returns: its reply and every event it causes for any local
 * client were delivered. -1: the connection is dead. */
int local_request(struct local *l, uint32_t type, uint32_t req_id, uint32_t tx_id,
		  const void *payload, size_t len);
/* Raw bytes, for tests of the wire. -1: the connection is dead or 1 MB waits already. */
int local_send(struct local *l, const void *data, size_t len);
/* Take no output (a reader that stalls), or take it again. */
void local_stall(struct local *l, bool stall);
struct conn *local_conn(struct local *l);
void local_close(struct local *l);

#endif
