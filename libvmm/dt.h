/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_H
#define LIBVMM_DT_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * A device-tree writer with a sticky error: after the first failure every call is a no-op and
 * dt_finish reports it. The buffer grows by itself. Only dt*.c see libfdt.
 */
struct dt;

struct dt *dt_new(void);
void dt_free(struct dt *dt);
void dt_begin_node(struct dt *dt, const char *name);
void dt_end_node(struct dt *dt);
void dt_prop(struct dt *dt, const char *name, const void *value, size_t len);
void dt_prop_empty(struct dt *dt, const char *name);
void dt_prop_str(struct dt *dt, const char *name, const char *value);
void dt_prop_strs(struct dt *dt, const char *name, const char *const *values, size_t nr);
void dt_prop_u32(struct dt *dt, const char *name, uint32_t value);
void dt_prop_u64(struct dt *dt, const char *name, uint64_t value);
void dt_prop_u32s(struct dt *dt, const char *name, const uint32_t *values, size_t nr);
/* reg with two address and two size cells; pairs of (base, size). */
void dt_prop_reg(struct dt *dt, const char *name, const uint64_t *pairs, size_t nr_pairs);
void dt_fail(struct dt *dt, int code, const char *fmt, ...) printf_like(3, 4);
/* The blob, packed, yours to free; the writer is empty afterwards. */
int dt_finish(struct dt *dt, void **blob, size_t *size, struct err *err) must_check;

/* Whether libfdt can walk the blob without harm: 0 or one of its errors (-FDT_ERR_*). */
int dt_check(const void *blob, size_t size) must_check;
/* The same, told: EINVAL, "WHAT: not a sound device tree blob: why". */
int dt_check_blob(const void *blob, size_t size, const char *what, struct err *err) must_check;

#endif
