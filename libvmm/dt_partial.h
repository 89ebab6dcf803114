/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_PARTIAL_H
#define LIBVMM_DT_PARTIAL_H

#include <stddef.h>
#include "base/err.h"
#include "libvmm/dt.h"

/*
 * A partial device tree (device_tree=): what a guest is told of devices passed through.
 * /passthrough and /aliases of it become part of the guest's tree. The blob is the user's and is
 * not trusted.
 */

/* Read and check: a sound blob, /passthrough is there, phandles are unique and none of the guest's
 * own (65000, 65001), interrupt parents and clocks are there, aliases lead to nodes. Messages name
 * the node. *blob is yours. */
int dt_partial_load(const char *path, void **blob, size_t *size, struct err *err) must_check;
int dt_partial_check(const void *blob, size_t size, const char *what, struct err *err) must_check;

/* Copy what belongs to the guest, inside its root node; the blob was checked. */
void dt_partial_copy(struct dt *dt, const void *blob);
/* What is in /TOP, properties and nodes, into the node that is open. Only nodes may follow. */
void dt_partial_copy_inside(struct dt *dt, const void *blob, const char *top);

#endif
