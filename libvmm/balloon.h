/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_BALLOON_H
#define LIBVMM_BALLOON_H

#include "libvmm/internal.h"

/*
 * See that Xen has need_kb free before a domain is made: waits for what dying domains give back,
 * then has dom0 give up the rest where `mode` allows. *dom0_kb is the target dom0 had, for
 * balloon_undo when the domain does not come to be; 0: not touched. A failure leaves dom0 as it
 * was.
 */
int balloon_make_room(struct vmm *vmm, enum vmm_balloon mode, uint64_t need_kb, uint64_t *dom0_kb,
		      struct err *err) must_check;
void balloon_undo(struct vmm *vmm, uint64_t dom0_kb);

#endif
