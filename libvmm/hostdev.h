/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_HOSTDEV_H
#define LIBVMM_HOSTDEV_H

#include "libvmm/config.h"
#include "libvmm/dt_derive.h"
#include "libvmm/dt_host.h"
#include "libvmm/internal.h"

/*
 * The host's devices as something to give away: which node of its tree, who has it, what keeps it.
 * hostdev.c judges, hostdev_take.c turns devices= into iomem, irqs, dtdev and a device tree.
 */

/* A register or an interrupt of some node. */
struct hostdev_claim {
	uint32_t node;
	uint64_t first, last;		/* pages; of an interrupt, its number twice */
};

struct hostdev_driver { char *path, *driver; };	/* a node that a driver of dom0 is bound to */

struct hostdev_tree {
	struct dt_host *host;
	struct dt_host
		*own; /* dom0's, when `host` is another one; NULL: the same, or there is none */
	struct hostdev_claim *pages, *irqs;
	size_t nr_pages, nr_irqs;
	struct hostdev_driver *drivers;
	size_t nr_drivers;
};

/* host_dtb NULL: dom0's own. */
int hostdev_open(struct hostdev_tree *t, const char *host_dtb, struct err *err) must_check;
void hostdev_close(struct hostdev_tree *t);	/* zeroed is fine */
#define autohostdev __attribute__((cleanup(hostdev_close)))

/* `picks` are given away together; the i-th is asked about. Could a guest use it? ENOTSUP, ENODATA
 * (an unknown clock). */
int hostdev_usable(const struct hostdev_tree *t, const struct dt_pick *picks, size_t nr_picks,
		   size_t i, struct err *err) must_check;
/* Would the guest get nothing else with it? EXDEV (shares a page or an interrupt with a device not
 * picked, and may not), ENODEV (DMA without IOMMU). *does_dma, set in any case: it is to go behind
 * the IOMMU. */
int hostdev_safe(struct vmm *vmm, const struct hostdev_tree *t, const struct dt_pick *picks,
		 size_t nr_picks, size_t i, bool may_share, bool *does_dma, struct err *err)
	must_check;
/* Does dom0 keep its hands off it? EBUSY: no, and why. */
int hostdev_left_alone(const struct hostdev_tree *t, uint32_t node, struct err *err) must_check;

/* Before there is a domain: put what devices= stands for into iomem, irqs and dtdev (what is there
 * already stays), and make the partial tree of it and of device_tree=; *partial is yours. Nothing
 * happens without devices=. `looking`: not for a domain but for somebody who wants to see it;
 * whoever has the devices, what would be refused, and what is left out, become lines there. */
int hostdev_resolve(struct vmm *vmm, struct vmm_config *cfg, void **partial,
		    struct strlist *looking, struct err *err) must_check;

#endif
