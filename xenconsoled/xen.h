/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENCONSOLED_XEN_H
#define XENCONSOLED_XEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* All that xenconsoled asks of Xen. xen.c is the only file of it that sees Xen's headers. */

struct xen;

int xen_open(struct xen **out, struct err *err) must_check;
void xen_close(struct xen *x);

/* Running domains but dom0, by ascending domid, at most `room`, from `first` on: how many, or -1.
 * Dying ones are not among them. */
int xen_domains(struct xen *x, uint32_t first, uint32_t *domids, size_t room, struct err *err)
	must_check;

/* --- event channels: one descriptor for all --------------------------------------------------- */

int xen_event_fd(const struct xen *x);
/* The next port that was kicked, which stays masked until xen_unmask; -1: none. */
int xen_next_event(struct xen *x);
void xen_unmask(struct xen *x, int port);
void xen_notify(struct xen *x, int port);
/* The guest's port, bound to one of ours (returned), or -1. */
int xen_bind(struct xen *x, uint32_t domid, uint32_t remote_port, struct err *err) must_check;
int xen_bind_console_ring(struct xen *x, struct err *err) must_check;	/* of the hypervisor */
void xen_unbind(struct xen *x, int port);

/* --- pages ------------------------------------------------------------------------------------ */

enum xen_page_kind { XEN_PAGE_NONE, XEN_PAGE_GRANT, XEN_PAGE_FRAME };
struct xen_page {
	enum xen_page_kind kind;
	void *addr;
};
int xen_map_grant(struct xen *x, uint32_t domid, uint32_t ref, struct xen_page *out,
		  struct err *err) must_check;
int xen_map_frame(struct xen *x, uint32_t domid, uint64_t gfn, struct xen_page *out,
		  struct err *err) must_check;
void xen_unmap(struct xen *x, struct xen_page *page);

/* The hypervisor's console from *index on, which moves; how many bytes, or -1. */
int xen_read_console(struct xen *x, char *buf, size_t size, uint32_t *index, struct err *err)
	must_check;

#endif
