/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_GUESTS_H
#define XENSTORED_GUESTS_H

#include "base/ev.h"
#include "xenstored/conn_ring.h"
#include "xenstored/hyp.h"
#include "xenstored/world.h"

/*
 * The domains of this machine: their rings, event channels, births and deaths. Becomes the world's
 * host.
 */

struct guests;

/* Open Xen, listen for events, become w->host. `evtchn_fd` as in hyp_open. */
int guests_open(struct guests **out, struct world *w, struct ev *ev, int evtchn_fd,
		struct err *err) must_check;
void guests_close(struct guests *g);	/* drops the rings too; NULL is fine */
/* Before an exec (true), and after one that failed (false): the event channel descriptor and its
 * bound ports stay with the process. */
void guests_hand_over(struct guests *g, bool away);
/* The other end of a domain's event channel, as the domain has it; 0: not known. */
uint32_t guests_remote_port(struct guests *g, unsigned domid);
struct hyp *guests_hyp(struct guests *g);

/* The kernel of the domain we run in, by its event channel (0: the one it says); nothing when it is
 * connected already. */
int guests_introduce_own(struct guests *g, uint32_t port, struct err *err) must_check;

/* Domains that run and have a store page and port but are not known: those Xen started itself, or
 * all of them after a restart without journal. Their rings go on where they are. Says in the log
 * what it found. */
void guests_find(struct guests *g);

/* Look who is gone or has shut down: after VIRQ_DOM_EXC, and after a restart. */
void guests_scan(struct guests *g);

/* A connection for a domain that was restored, without its page, yet. NULL: no memory. `id` as in
 * struct conn. */
struct conn_ring *guests_restore(struct guests *g, struct domain *d, uint32_t id);

/* What makes this domain itself, and not the next one with its number: see struct hyp_domain.
 * False: not there. */
bool guests_identity(struct guests *g, unsigned domid, uint8_t handle[16]);

/* Give a restored connection its page and port: `local_port` is one that is still bound (live
 * update), else d->port is bound again. Fails when the domain is gone or is another one than
 * `handle` (may be NULL) says; a domain that is there but does not let us in keeps a connection
 * without ring. */
int guests_revive(struct guests *g, struct domain *d, uint32_t local_port, const uint8_t *handle,
		  struct err *err) must_check;

/* Connections that are new or were bound again since they were last taken off this list
 * (conn_ring.of_host). */
struct list *guests_changed(struct guests *g);

#endif
