/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_HOST_H
#define LIBVMM_DT_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/str.h"

/*
 * The host's device tree, as far as giving devices away asks: what a node's registers and
 * interrupts are in the host's numbers, and what keeps it from being given to a guest. The tree is
 * not trusted: it may be damaged, cyclic or made to harm. Pure but for dt_host_load.
 */

struct dt_host_node {
	const char *name;
	int offset;
	uint32_t parent;	/* index; the root's is its own */
	uint32_t end;		/* index behind the last node below this one */
	uint32_t phandle;	/* 0: none */
};

struct dt_host {
	void *blob;
	char *what;			/* the file, for messages */
	struct dt_host_node
		*nodes; /* in the order of the blob: a node comes before what is below it */
	uint32_t nr;
	uint32_t *by_phandle;		/* indices of the nodes with one, by its number */
	uint32_t nr_phandles;
	uint32_t gic;			/* index; DT_HOST_NONE: none */
	bool is_own;			/* dom0's, from which Xen took what is its own */
};
#define DT_HOST_NONE UINT32_MAX

/* path NULL: dom0's own. */
int dt_host_load(const char *path, struct dt_host **out, struct err *err) must_check;
/* Takes the blob, also when it fails. */
int dt_host_open(void *blob, size_t size, const char *what, struct dt_host **out, struct err *err)
	must_check;
void dt_host_close(struct dt_host *h);		/* NULL is fine */
void dt_host_autoclose(struct dt_host **h);
#define autohost __attribute__((cleanup(dt_host_autoclose)))

/* DT_HOST_NONE: no such node. */
uint32_t dt_host_find(const struct dt_host *h, const char *path);
uint32_t dt_host_by_phandle(const struct dt_host *h, uint32_t phandle);
char *dt_host_path(const struct dt_host *h, uint32_t node);	/* yours */
bool dt_host_is_below(const struct dt_host *h, uint32_t node, uint32_t top);	/* or is it */
const void *dt_host_prop(const struct dt_host *h, uint32_t node, const char *name, int *len);
/* A property of one cell; `fallback` where there is none. */
uint32_t dt_host_u32(const struct dt_host *h, uint32_t node, const char *name, uint32_t fallback);
/* A whole number of cells for dt_cell; NULL where there is none, *nr is 0 then. */
const void *dt_host_cells(const struct dt_host *h, uint32_t node, const char *name, unsigned *nr);
uint32_t dt_cell(const void *cells, unsigned i);
/* The first string of a property; NULL when it is none. */
const char *dt_host_str(const struct dt_host *h, uint32_t node, const char *name);
bool dt_host_is_compatible(const struct dt_host *h, uint32_t node, const char *name);

struct dt_range { uint64_t base, size; };	/* bytes */

/* Of one node: how many registers it has, and where the i-th lies in the host's memory. ENOTSUP:
 * not memory at all (behind a bus that is not mapped). */
unsigned dt_host_nr_regs(const struct dt_host *h, uint32_t node);
int dt_host_reg(const struct dt_host *h, uint32_t node, unsigned i, struct dt_range *out,
		struct err *err) must_check;
/* Where an address below `node` (a bus) lies in the host's memory. */
int dt_host_translate(const struct dt_host *h, uint32_t node, uint64_t addr, uint64_t *out,
		      struct err *err) must_check;

/* An interrupt of one node. */
struct dt_irq {
	uint32_t controller;	/* index of a node */
	uint32_t type, number,
		flags; /* of the GIC's cells: type 0 is an SPI, the 0th being Xen's 32 */
};
#define DT_MAX_IRQS 256u
/* At most DT_MAX_IRQS; *nr may be 0. */
int dt_host_irqs(const struct dt_host *h, uint32_t node, struct dt_irq *out, unsigned *nr,
		 struct err *err) must_check;

/* Has it been set aside for a guest (xen,passthrough; in dom0's tree Xen made of it status =
 * "disabled")? */
bool dt_host_is_set_aside(const struct dt_host *h, uint32_t node);
/* A node that could be a device of its own: it has a driver to look for and registers in memory,
 * and is not part of the machine itself. */
bool dt_host_is_device(const struct dt_host *h, uint32_t node);
/* Why it is taken to access memory by itself; NULL: nothing says so. */
const char *dt_host_dma_sign(const struct dt_host *h, uint32_t node);

/* A node with all that is below it. */
struct dt_device {
	struct dt_range *regs;
	size_t nr_regs;
	uint32_t *irqs;		/* Xen's numbers: SPIs from 32 */
	size_t nr_irqs;
	struct err obstacle;	/* code 0: none; why no guest could use it */
};
/* Fails when the node is damaged or has no registers. */
int dt_host_device(const struct dt_host *h, uint32_t node, struct dt_device *out, struct err *err)
	must_check;
void dt_device_free(struct dt_device *dev);
#define autodtdevice __attribute__((cleanup(dt_device_free)))

#endif
