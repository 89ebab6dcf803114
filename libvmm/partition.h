/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_PARTITION_H
#define LIBVMM_PARTITION_H

#include <stdint.h>
#include "base/err.h"
#include "libvmm/libvmm.h"

/* Where the plan in force is kept: it ends with the boot, as what it describes does. */
char *partition_path(void);
/* The pool that the plan in force has for a domain of this name; yours, NULL when there is none. */
int partition_pool(struct vmm *vmm, const char *name, char **pool, struct err *err) must_check;
/* A new domain takes the place that the plan in force has for it, if there is one. */
int partition_join(struct vmm *vmm, uint32_t domid, const char *name, struct err *err) must_check;

#endif
