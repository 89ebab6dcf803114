// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Writes a flattened device tree through libfdt's sequential interface. The buffer grows when
 * libfdt says that it is full. Knows no node and no property by name.
 */
#include <endian.h>
#include <errno.h>
#include <libfdt.h>
#include <stdarg.h>
#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/dt.h"

#define DT_FIRST_SIZE 4096
#define DT_MAX_SIZE (2 << 20)	/* Linux maps no more; Xen's own limit for its tree as well */

struct dt {
	void *buf;
	int size;
	int depth;		/* nodes begun and not ended */
	struct err err;		/* the first failure; code 0: none */
};

static void dt_fdt_fail(struct dt *dt, int r)
{
	dt_fail(dt, r == -FDT_ERR_NOSPACE ? EFBIG : EINVAL, "writing the device tree: %s",
		fdt_strerror(r));
}

struct dt *dt_new(void)
{
	struct dt *dt = xcalloc(1, sizeof(*dt));
	int r;

	dt->size = DT_FIRST_SIZE;
	dt->buf = xmalloc(dt->size);
	r = fdt_create(dt->buf, dt->size);
	if (r == 0)
		r = fdt_finish_reservemap(dt->buf);
	if (r < 0)
		dt_fdt_fail(dt, r);
	return dt;
}

void dt_free(struct dt *dt)
{
	if (!dt)
		return;
	free(dt->buf);
	free(dt);
}

void dt_fail(struct dt *dt, int code, const char *fmt, ...)
{
	autofree char *msg = NULL;
	va_list ap;

	if (dt->err.code)
		return;
	va_start(ap, fmt);
	msg = str_vprintf(fmt, ap);
	va_end(ap);
	err_set(&dt->err, code, "%s", msg);
}

/* After a call of libfdt returned r: true when it is to be called again, in a larger buffer. */
static bool dt_again(struct dt *dt, int r)
{
	void *larger;

	if (r >= 0)
		return false;
	if (r != -FDT_ERR_NOSPACE || dt->size >= DT_MAX_SIZE) {
		dt_fdt_fail(dt, r);
		return false;
	}
	larger = xmalloc(2 * dt->size);
	r = fdt_resize(dt->buf, larger, 2 * dt->size);
	if (r < 0) {
		free(larger);
		dt_fdt_fail(dt, r);
		return false;
	}
	free(dt->buf);
	dt->buf = larger;
	dt->size *= 2;
	return true;
}

/* Every libfdt call that writes: nothing after the first failure. */
#define DT_CALL(dt, call)				\
	do {						\
		if ((dt)->err.code)			\
			break;				\
	} while (dt_again((dt), (call)))

void dt_begin_node(struct dt *dt, const char *name)
{
	DT_CALL(dt, fdt_begin_node(dt->buf, name));
	dt->depth++;
}

void dt_end_node(struct dt *dt)
{
	DT_CALL(dt, fdt_end_node(dt->buf));
	dt->depth--;
}

void dt_prop(struct dt *dt, const char *name, const void *value, size_t len)
{
	if (len > DT_MAX_SIZE) {
		dt_fail(dt, EFBIG, "device tree property %s: %zu bytes are too many", name, len);
		return;
	}
	DT_CALL(dt, fdt_property(dt->buf, name, value, len));
}

void dt_prop_empty(struct dt *dt, const char *name)
{
	dt_prop(dt, name, "", 0);
}

void dt_prop_str(struct dt *dt, const char *name, const char *value)
{
	dt_prop(dt, name, value, strlen(value) + 1);
}

void dt_prop_strs(struct dt *dt, const char *name, const char *const *values, size_t nr)
{
	autostrbuf struct strbuf all = STRBUF_INIT;

	for (size_t i = 0; i < nr; i++)
		strbuf_addn(&all, values[i], strlen(values[i]) + 1);
	dt_prop(dt, name, all.data ? all.data : "", all.len);
}

void dt_prop_u32(struct dt *dt, const char *name, uint32_t value)
{
	dt_prop_u32s(dt, name, &value, 1);
}

void dt_prop_u64(struct dt *dt, const char *name, uint64_t value)
{
	uint64_t be = htobe64(value);

	dt_prop(dt, name, &be, sizeof(be));
}

void dt_prop_u32s(struct dt *dt, const char *name, const uint32_t *values, size_t nr)
{
	autofree uint32_t *be = xreallocarray(NULL, nr ? nr : 1, sizeof(*be));

	for (size_t i = 0; i < nr; i++)
		be[i] = htobe32(values[i]);
	dt_prop(dt, name, be, nr * sizeof(*be));
}

void dt_prop_reg(struct dt *dt, const char *name, const uint64_t *pairs, size_t nr_pairs)
{
	autofree uint64_t *be = xreallocarray(NULL, nr_pairs ? nr_pairs : 1, 2 * sizeof(*be));

	for (size_t i = 0; i < 2 * nr_pairs; i++)
		be[i] = htobe64(pairs[i]);
	dt_prop(dt, name, be, nr_pairs * 2 * sizeof(*be));
}

int dt_finish(struct dt *dt, void **blob, size_t *size, struct err *err)
{
	if (dt->depth)
		dt_fail(dt, EINVAL, "writing the device tree: %d nodes are open at its end",
			dt->depth);
	DT_CALL(dt, fdt_finish(dt->buf));
	if (dt->err.code) {
		*err = dt->err;
		return -1;
	}
	*size = fdt_totalsize(dt->buf);
	*blob = steal(dt->buf);
	return 0;
}

/* Names of nodes were whole paths before version 16; fdt_check_full of libfdt 1.6 follows a null
 * pointer where one has no '/'. */
#define DT_FIRST_VERSION 16

/* A length near 2^32 leads fdt_check_full of libfdt 1.6 back to where it was, for ever. */
static int check_that_it_ends(const void *blob)
{
	int at, next = 0;
	uint32_t tag;

	do {
		at = next;
		tag = fdt_next_tag(blob, at, &next);
		if (next < 0)
			return next;
		if (tag != FDT_END && next <= at)
			return -FDT_ERR_BADSTRUCTURE;
	} while (tag != FDT_END);
	return 0;
}

int dt_check(const void *blob, size_t size)
{
	int r;

	if (size < sizeof(struct fdt_header))
		return -FDT_ERR_TRUNCATED;
	if (fdt_magic(blob) == FDT_MAGIC && fdt_version(blob) < DT_FIRST_VERSION)
		return -FDT_ERR_BADVERSION;
	r = fdt_check_header(blob);
	if (r == 0 && fdt_totalsize(blob) > size)
		r = -FDT_ERR_TRUNCATED;
	if (r == 0)
		r = check_that_it_ends(blob);
	return r < 0 ? r : fdt_check_full(blob, size);
}

int dt_check_blob(const void *blob, size_t size, const char *what, struct err *err)
{
	int r = dt_check(blob, size);

	return r < 0 ? err_set(err, EINVAL, "%s: not a sound device tree blob: %s", what,
			       fdt_strerror(r)) :
		       0;
}
