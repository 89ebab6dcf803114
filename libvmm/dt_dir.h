/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_DIR_H
#define LIBVMM_DT_DIR_H

#include <stddef.h>
#include "base/err.h"

/* Where Linux shows the device tree it runs on: a folder for each node, a file for each
 * property. */
#define DT_DIR_OWN "/proc/device-tree"

/* Such a folder as a blob, yours to free. ENOENT: there is none. */
int dt_dir_read(const char *path, void **blob, size_t *size, struct err *err) must_check;

#endif
