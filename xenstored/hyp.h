/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_HYP_H
#define XENSTORED_HYP_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

/*
 * What the store needs of the hypervisor: event channels, the ring pages of guests, and who is
 * alive. The only module of the daemon that sees Xen's headers.
 */

struct hyp;

/* All devices at once, so that privileges can go afterwards. `evtchn_fd` is that of a daemon whose
 * place this one takes (live update: its bound ports go on), or -1. */
int hyp_open(struct hyp **out, int evtchn_fd, struct err *err) must_check;
void hyp_close(struct hyp *h);
/* The event channels' descriptor survives an exec, or does not any more. Mappings do not. */
void hyp_hand_over(struct hyp *h, bool away);

/* Event channels. hyp_fd is readable when a port is pending; such a port stays masked until it is
 * unmasked. */
int hyp_fd(const struct hyp *h);
int hyp_bind(struct hyp *h, uint16_t domid, uint32_t remote_port, uint32_t *port,
	     struct err *err) must_check;
int hyp_bind_domain_events(struct hyp *h, uint32_t *port, struct err *err) must_check;
void hyp_unbind(struct hyp *h, uint32_t port);
void hyp_notify(struct hyp *h, uint32_t port);
bool hyp_next_pending(struct hyp *h, uint32_t *port);
void hyp_unmask(struct hyp *h, uint32_t port);

/* The page a guest shares with the store: entry 1 of its grant table (GNTTAB_RESERVED_XENSTORE). */
int hyp_map_ring(struct hyp *h, uint16_t domid, void **page, struct err *err) must_check;
void hyp_unmap_ring(struct hyp *h, void *page);

/* The kernel's of the domain that this daemon runs in: /proc/xen/xsd_kva and xsd_port, prefixed by
 * XENSTORED_PROC_XEN in the environment when tests ask for it. */
int hyp_map_own_ring(void **page, struct err *err) must_check;
void hyp_unmap_own_ring(void *page);
int hyp_own_port(uint32_t *port, struct err *err) must_check;

/* A domain as Xen knows it. `handle` is its UUID: a second domain with a used id has another
 * one. */
struct hyp_domain {
	uint16_t domid;
	bool is_dying;		/* gone, or about to be */
	bool is_shutdown;	/* has stopped: powered off, rebooted, crashed, suspended */
	uint8_t handle[16];
};

/* The first domain with an id of at least `from`: 1 found, 0 none left, -1 Xen does not say. */
int hyp_next_domain(struct hyp *h, uint16_t from, struct hyp_domain *out, struct err *err)
	must_check;
/* That very domain: 1 alive or dying, 0 not there, -1. */
int hyp_find_domain(struct hyp *h, uint16_t domid, struct hyp_domain *out, struct err *err)
	must_check;
/* The guest's end of its store connection (HVM_PARAM_STORE_EVTCHN); 0 when it has none. */
uint32_t hyp_store_port(struct hyp *h, uint16_t domid);

#endif
