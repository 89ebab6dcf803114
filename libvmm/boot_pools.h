/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_BOOT_POOLS_H
#define LIBVMM_BOOT_POOLS_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/boot_emit.h"
#include "libvmm/config.h"
#include "libvmm/dt_boot.h"

/*
 * Cpupools that Xen makes at boot, from the files that `xl cpupool-create` reads. Source:
 * docs/misc/arm/device-tree/cpupools.txt. Toolstacks see such a pool by its number alone: the node
 * keeps its pcpus for dom0 (DT_BOOT_CPUS), which names it after the node.
 */
struct boot_pools {
	const struct vmm_cpupool_config *cfgs;
	size_t nr;
	uint32_t first_phandle;	/* of the pools themselves */
	struct boot_cpu *cpus;	/* of the board, by pcpu number */
	size_t nr_cpus;
};

/* Each pool against the board and the others, and the guests that are to run there. Phandles are
 * taken from *phandle on. */
int boot_pools_collect(struct boot_pools *p, const void *fdt, struct vmm_config *const *guests,
		       size_t nr_guests, uint32_t *phandle, struct err *err) must_check;
/* 0: it is none of these. */
uint32_t boot_pools_find(const struct boot_pools *p, const char *name);
/* Their nodes below /chosen. */
void boot_pools_emit(const struct boot_pools *p, struct boot_emit *e);
void boot_pools_free(struct boot_pools *p);

#endif
