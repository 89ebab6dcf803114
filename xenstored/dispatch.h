/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_DISPATCH_H
#define XENSTORED_DISPATCH_H

#include "xenstored/conn.h"
#include "xenstored/wire.h"
#include "xenstored/world.h"

/* The table of operations: type, arity, privilege, transaction; then the handler; then its reply or
 * error. */

/* Handle one whole message of a connection. The reply is queued; room for it was made before
 * anything happened. -1: there is no room for even an error: the message must stay in the input and
 * be tried again. */
int dispatch(struct world *w, struct conn *c, const struct wire_header *h, const char *payload);

/* A whole turn over world->turn: fill and handle every ready connection, flush the journal, settle,
 * write, sweep. The server calls it from its loop; tests and local clients call it directly. True:
 * something is left to do at once. */
bool dispatch_turn(struct world *w, uint64_t now_ms);
/* A turn that also reads from those in turn->recent, without news of them. */
bool dispatch_again(struct world *w, uint64_t now_ms);

#endif
