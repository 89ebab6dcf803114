/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_GUEST_H
#define LIBVMM_DT_GUEST_H

#include "libvmm/config.h"
#include "libvmm/dt.h"
#include "libvmm/hv.h"
#include "libvmm/layout.h"

#define DT_RNG_SEED_LEN 128

/* The guest's own device tree: cpus, psci, memory, gic, timer, hypervisor, vuart, chosen. Pure. */
struct dt_guest {
	const struct vmm_config *cfg;
	const struct layout *layout; /* addresses known; for the size estimate any layout with the
					same ranges set */
	bool is_64bit;			/* of the kernel */
	int xen_major, xen_minor;
	enum hv_gic gic_version;	/* what Xen settled on: V2 or V3 */
	uint32_t timer_frequency;	/* Hz; 0: not written */
	const void *partial;		/* partial device tree, checked; may be NULL */
	uint8_t rng_seed[DT_RNG_SEED_LEN];
	uint32_t vuart_spi;
};
/* The size never depends on addresses, only on which ranges are there: build once to learn the
 * size, plan, build again. */
int dt_guest_build(const struct dt_guest *g, void **blob, size_t *size, struct err *err) must_check;

#endif
