/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_CPUPOOL_H
#define LIBVMM_CPUPOOL_H

#include <stdint.h>
#include "base/err.h"
#include "libvmm/libvmm.h"

/* May a domain with nr_vcpus come into the pool? It has pcpus, and where its scheduler gives each
 * vcpu one of its own, enough. */
int cpupool_check_room(struct vmm *vmm, uint32_t pool, uint32_t nr_vcpus, struct err *err)
	must_check;
/* May pcpus be taken out of a pool with this scheduler? EPERM: this Xen would panic. */
int cpupool_check_shrinkable(struct vmm *vmm, enum vmm_sched sched, struct err *err) must_check;

#endif
