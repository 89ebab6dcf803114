/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_CREATE_PASSTHROUGH_H
#define LIBVMM_CREATE_PASSTHROUGH_H

#include <stdint.h>
#include "base/err.h"
#include "libvmm/config.h"
#include "libvmm/internal.h"

/* iomem=, irqs= and dtdev=: give a built domain its pieces of the host. What fails half-way goes with the domain: Xen takes
 * back a dying domain's pages, interrupts and devices. */
int create_passthrough(struct vmm *vmm, const struct vmm_config *cfg, uint32_t domid, struct err *err) must_check;

#endif
