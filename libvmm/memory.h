/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_MEMORY_H
#define LIBVMM_MEMORY_H

#include "libvmm/internal.h"

/* dom0's memory/target, filled in where nobody wrote one. Its limit in Xen is not touched. */
int memory_dom0_target(struct vmm *vmm, uint64_t *kb, struct err *err) must_check;
int memory_ask_dom0(struct vmm *vmm, uint64_t target_kb, struct err *err) must_check;

#endif
