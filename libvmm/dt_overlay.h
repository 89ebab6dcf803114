/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_OVERLAY_H
#define LIBVMM_DT_OVERLAY_H

#include <stddef.h>
#include "base/err.h"

/* Is this an overlay: a sound blob with fragments that say where they go? `what` is the file, for
 * messages. */
int dt_overlay_check(const void *blob, size_t size, const char *what, struct err *err) must_check;

#endif
