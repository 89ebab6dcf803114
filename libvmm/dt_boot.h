/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_BOOT_H
#define LIBVMM_DT_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/boot_emit.h"
#include "libvmm/boot_plan.h"

/*
 * Guests that Xen starts itself, as a device tree describes them: the nodes of /chosen that are compatible with "xen,domain",
 * in their order, which is the order of their domids. Source: docs/misc/arm/device-tree/booting.txt.
 */
struct boot_node {
	char *name;		/* of the node */
	uint32_t cpus;
	uint64_t memory_kb;
	bool has_store;		/* xen,enhanced: it waits for a store ring */
	bool has_vpl011;
	char *bootargs;		/* of its kernel; NULL: none, or dom0's copy of the tree does not show it */
};

/* The tree is checked before it is walked. *out (and what it points to) is yours: boot_nodes_free. */
int dt_boot_nodes(const void *fdt, size_t size, struct boot_node **out, size_t *nr, struct err *err) must_check;
void boot_nodes_free(struct boot_node *nodes, size_t nr);

/* A board's memory, and what of it is taken: reservations, and the modules /chosen names already. The tree is checked first. */
int dt_boot_map(const void *fdt, size_t size, struct boot_map *map, struct err *err) must_check;
/* A copy of the board's tree with room for more nodes, in e->out, for boot_emit_blob. */
int dt_boot_open(struct boot_emit *e, const void *fdt, size_t size, struct err *err) must_check;
/* Make /chosen count addresses and sizes in two cells each; EINVAL when it says otherwise, since others rely on that. */
int dt_boot_widen(struct boot_emit *e, struct err *err) must_check;
/* Give the room back. */
int dt_boot_close(struct boot_emit *e, struct err *err) must_check;

#endif
