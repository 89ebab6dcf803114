/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_TEXT_H
#define LIBVMM_DT_TEXT_H

#include <stddef.h>
#include "base/err.h"

/* A blob as source text that dtc compiles into the same blob, yours to free. What a property means
 * is guessed from its bytes, as dtc does. The blob was checked. */
int dt_text(const void *blob, char **out, struct err *err) must_check;

#endif
