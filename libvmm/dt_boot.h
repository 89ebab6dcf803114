/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_BOOT_H
#define LIBVMM_DT_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/boot_emit.h"
#include "libvmm/boot_plan.h"

#define DT_BOOT_CONFIG "libvmm,config"	/* property of a guest's node: the text of its guest.cfg */
#define DT_BOOT_RINGS "rings-"		/* how the ids of such regions begin */
/* Xen 4.20 keeps the nodes of its guests from dom0. What dom0 needs of them is therefore in a table
 * as well: /chosen/libvmm-guests, a node for each guest, of its name. */
#define DT_BOOT_TABLE "libvmm-guests"
#define DT_BOOT_DOMID "libvmm,domid"
#define DT_BOOT_STATIC "libvmm,static"	/* empty: xen,static-mem */
#define DT_BOOT_ROOM "libvmm,rings"	/* empty: there is memory for rings */
#define DT_BOOT_CPUS "libvmm,cpus"	/* of a pool's: its pcpus */
#define DT_BOOT_FILE "libvmm,file"	/* of a module's: the path as guest.cfg has it */

/*
 * Guests that Xen starts itself, as a device tree describes them: the nodes of /chosen that are
 * compatible with "xen,domain", in their order, which is the order of their domids. Source:
 * docs/misc/arm/device-tree/booting.txt.
 */
struct boot_node {
	char *name;		/* of the node */
	uint32_t cpus;
	uint64_t memory_kb;
	bool has_store;		/* xen,enhanced: it waits for a store ring */
	bool has_vpl011;
	bool is_static;		/* xen,static-mem */
	bool has_ring_memory;	/* shared memory where guests have their magic pages */
	char *config;		/* the guest.cfg that export-dt kept in it; NULL: none */
	char *bootargs; /* of its kernel; NULL: none, or dom0's copy of the tree does not show it */
};

/* EINVAL: this is no device tree. */
int dt_boot_check(const void *fdt, size_t size, struct err *err) must_check;
/* The tree is checked before it is walked. *out (and what it points to) is yours:
 * boot_nodes_free. */
int dt_boot_nodes(const void *fdt, size_t size, struct boot_node **out, size_t *nr, struct err *err)
	must_check;
void boot_nodes_free(struct boot_node *nodes, size_t nr);

/* Pools that Xen made at boot, as their nodes keep them for dom0: name and pcpus ("1-3"). Yours:
 * boot_pool_nodes_free. */
struct boot_pool_node { char *name, *cpus; };
int dt_boot_pools(const void *fdt, size_t size, struct boot_pool_node **out, size_t *nr,
		  struct err *err) must_check;
void boot_pool_nodes_free(struct boot_pool_node *nodes, size_t nr);

/* A board's processors in the order of the tree, with their phandles (0: none), and the highest
 * phandle in use. */
struct boot_cpu {
	char *path;		/* of the node; owned */
	uint32_t phandle;
	bool is_new;		/* the tree gave it none */
	bool is_used;
};
int dt_boot_cpus(const void *fdt, struct boot_cpu **out, size_t *nr, struct err *err) must_check;
void dt_boot_cpus_free(struct boot_cpu *cpus, size_t nr);
int dt_boot_last_phandle(const void *fdt, uint32_t *phandle, struct err *err) must_check;
/* dom0_mem= of Xen's command line in that tree; 0: not said. */
uint64_t dt_boot_dom0_kb(const void *fdt);

/* A board's memory, and what of it is taken: reservations, and the modules /chosen names already.
 * The tree is checked first. */
int dt_boot_map(const void *fdt, size_t size, struct boot_map *map, struct err *err) must_check;
/* A copy of the board's tree with room for `more` bytes of nodes, in e->out, for boot_emit_blob. */
int dt_boot_open(struct boot_emit *e, const void *fdt, size_t size, size_t more, struct err *err)
	must_check;
/* Make /chosen count addresses and sizes in two cells each; EINVAL when it says otherwise, since
 * others rely on that. */
int dt_boot_widen(struct boot_emit *e, struct err *err) must_check;
/* Give the room back. */
int dt_boot_close(struct boot_emit *e, struct err *err) must_check;

#endif
