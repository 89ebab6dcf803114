/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_BOOT_RINGS_H
#define LIBVMM_BOOT_RINGS_H

#include <stdbool.h>
#include "base/err.h"
#include "libvmm/build.h"

/* What Xen says of a port or a frame that nobody gave the guest. */
bool boot_rings_unset(uint64_t param);
/* Fills in the ports and frames of `build`, whose domains of the daemons and store port are set.
 * May be repeated after a failure. */
int boot_rings_make(struct hv *hv, const struct hv_dominfo *info, struct build *build,
		    struct err *err) must_check;

#endif
