/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_PLAN_H
#define LIBVMM_PLAN_H

#include "base/err.h"
#include "libvmm/libvmm.h"

/* A plan from a file, checked against the host's pcpus. */
int plan_read(struct vmm *vmm, const char *path, struct vmm_plan *out, struct err *err) must_check;

#endif
