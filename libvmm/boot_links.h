/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_BOOT_LINKS_H
#define LIBVMM_BOOT_LINKS_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/boot_emit.h"
#include "libvmm/boot_plan.h"
#include "libvmm/boot_spec.h"
#include "libvmm/config.h"

/*
 * What Xen sets up between guests before they run: event channels and shared memory. A pure
 * function of all configurations of a board: each end is checked against the other, ports and
 * addresses are given out once.
 */
#define BOOT_DOM0 SIZE_MAX		/* as the number of a guest */
#define BOOT_DOM0_NAME "Domain-0"

struct boot_end {
	size_t guest;			/* its place among the configurations, or BOOT_DOM0 */
	uint32_t port, phandle;
};
struct boot_link { struct boot_end a, b; };
struct boot_share { size_t guest; struct boot_shm shm; };

struct boot_links {
	struct boot_link *links;
	size_t nr_links;
	struct boot_share *shares;
	size_t nr_shares;
};

/* Guests with static memory get a region where others have their magic pages, so that a toolstack
 * can give them rings. */
int boot_links_add_rings(struct boot_links *l, struct vmm_config *const *guests, size_t nr,
			 struct err *err) must_check;
/* Phandles are taken from *phandle on. Machine memory for regions whose place nobody chose is taken
 * from `map`. */
int boot_links_collect(struct boot_links *l, struct vmm_config *const *guests, size_t nr,
		       struct boot_map *map, uint32_t *phandle, struct err *err) must_check;
/* The nodes of one guest, or of dom0 (below /chosen itself). */
void boot_links_emit(const struct boot_links *l, size_t guest, struct boot_emit *e);
/* Has dom0 a region? Its addresses are read with the cell sizes of /chosen. */
bool boot_links_share_with_dom0(const struct boot_links *l);
void boot_links_free(struct boot_links *l);

#endif
