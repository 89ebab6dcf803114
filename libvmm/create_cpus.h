/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_CREATE_CPUS_H
#define LIBVMM_CREATE_CPUS_H

#include <stdint.h>
#include "base/err.h"
#include "libvmm/config.h"
#include "libvmm/internal.h"
#include "libvmm/libvmm.h"

/* cpus=, cpus_soft= and the masks of xl.conf, for the vcpus of a new domain. */
int create_affinity(struct vmm *vmm, const struct vmm_config *cfg, const struct vmm_create_options *options,
		    uint32_t domid, struct err *err) must_check;
/* cpu_weight=, cap=, period=, budget=, extratime=, as the pool's scheduler understands them. */
int create_scheduling(struct vmm *vmm, const struct vmm_config *cfg, uint32_t domid, uint32_t pool,
		      struct err *err) must_check;
/* pool= to its number. */
int create_pool(struct vmm *vmm, const struct vmm_config *cfg, uint32_t *pool, struct err *err) must_check;

#endif
