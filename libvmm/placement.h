/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_PLACEMENT_H
#define LIBVMM_PLACEMENT_H

#include "libvmm/internal.h"

/* How things are: the pools, and every domain that lives with its vcpus. */
struct domain_state {
	struct vmm_dominfo info;
	char *name;		/* may be NULL */
	struct vmm_vcpuinfo *vcpus;
	size_t nr_vcpus;
};

struct placement_state {
	struct vmm_cpupool *pools;
	struct domain_state *domains;
	size_t nr_pools, nr_domains;
};

/* *s is to be freed also after a failure. */
int placement_take(struct vmm *vmm, struct placement_state *s, struct err *err) must_check;
void placement_free(struct placement_state *s);
#define autostate __attribute__((cleanup(placement_free)))

const struct vmm_cpupool *placement_pool(const struct placement_state *s,
					 const char *name); /* NULL: none */

#endif
