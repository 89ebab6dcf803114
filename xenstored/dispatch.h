/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_DISPATCH_H
#define XENSTORED_DISPATCH_H

#include "xenstored/conn.h"
#include "xenstored/wire.h"
#include "xenstored/world.h"

/* The table of operations: type, arity, privilege, transaction; then the handler; then its reply or error. */

/* Handle one whole message of a connection. The reply is queued; room for it was made before anything happened. -1: there is
 * no room for even an error: the message must stay in the input and be tried again. */
int dispatch(struct world *w, struct conn *c, const struct wire_header *h, const char *payload);

/* Handle what is whole in c->in, at most `max` messages and while limits allow. True: more is left and can go on next turn. */
bool dispatch_input(struct world *w, struct conn *c, unsigned max);

/* A whole turn over world->turn: fill and handle every ready connection, flush the journal, settle, write, sweep. The server calls it from its loop;
 * tests and local clients call it directly. True: something is left to do at once. */
bool dispatch_turn(struct world *w, uint64_t now_ms);

/*
 * A client inside this process (tests, the fake libxenstore): requests in, replies out, events by callback; no descriptor.
 * on_message gets every whole message that the daemon sends: replies and, with type WIRE_WATCH_EVENT, events.
 */
struct local;
typedef void local_fn(void *arg, const struct wire_header *h, const char *payload);
/* domid 0 with privileged: like a socket; otherwise a guest's connection without ring. NULL: no memory. */
struct local *local_open(struct world *w, unsigned domid, local_fn *on_message, void *arg);
/* One request, carried out before it returns: its reply and every event it causes for any local client were delivered. -1: the connection is dead. */
int local_request(struct local *l, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *payload, size_t len);
/* Raw bytes, for tests of the wire. */
int local_send(struct local *l, const void *data, size_t len);
struct conn *local_conn(struct local *l);
void local_close(struct local *l);

#endif
