/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_CREATE_PASSTHROUGH_H
#define LIBVMM_CREATE_PASSTHROUGH_H

#include "base/err.h"
#include "libvmm/config.h"
#include "libvmm/internal.h"

/* iomem=, irqs= and dtdev=. */

/* Do these pages fit between what the guest has already? */
int passthrough_check_place(const struct vmm_config *cfg, enum hv_gic gic,
			    const struct config_iomem *io, struct err *err) must_check;
/* Before there is a domain: the pages fit between what the guest has already, and no other domain
 * has them, the interrupts or the devices. Pages may be shared with force_shared_page. */
int passthrough_check(struct vmm *vmm, const struct vmm_config *cfg, struct err *err) must_check;
/* Give them to a built domain. What fails half-way goes with the domain: Xen takes back a dying
 * domain's pages, interrupts and devices. */
int passthrough_give(struct vmm *vmm, const struct vmm_config *cfg, const struct hv_created *dom,
		     struct err *err) must_check;

#endif
