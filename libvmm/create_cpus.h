/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_CREATE_CPUS_H
#define LIBVMM_CREATE_CPUS_H

#include <stdint.h>
#include "base/err.h"
#include "libvmm/config.h"
#include "libvmm/internal.h"
#include "libvmm/libvmm.h"

/* Where the vcpus of a new domain go, and that all that is asked for about them can be, before
 * there is a domain. */
struct create_place {
	uint32_t pool;
	bool is_planned; /* a plan of static partitioning names it: its pool and pins count, not
			    pool= and cpus= */
};
/* `planned_pool` may be NULL: then pool= counts. */
int create_place(struct vmm *vmm, const struct vmm_config *cfg,
		 const struct vmm_create_options *options, const char *planned_pool,
		 struct create_place *out, struct err *err) must_check;
/* cpus=, cpus_soft= and the masks of xl.conf, for the vcpus of a new domain. */
int create_affinity(struct vmm *vmm, const struct vmm_config *cfg,
		    const struct vmm_create_options *options, const struct create_place *place,
		    uint32_t domid, struct err *err) must_check;
/* cpu_weight=, cap=, period=, budget=, extratime=, as the pool's scheduler understands them. */
int create_scheduling(struct vmm *vmm, const struct vmm_config *cfg, uint32_t domid, uint32_t pool,
		      struct err *err) must_check;

#endif
