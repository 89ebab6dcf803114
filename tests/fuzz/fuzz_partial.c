// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzing partial device trees: what passes the check is copied into a tree that is sound, and
 * becomes text.
 */
#include <libfdt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "libvmm/dt_partial.h"
#include "libvmm/dt_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree uint8_t *blob = xmalloc(size + 1);
	autofree void *copy = NULL;
	autofree char *text = NULL;
	struct err err = ERR_INIT;
	struct dt *dt;
	size_t copy_size;

	memcpy(blob, data, size);
	if (dt_partial_check(blob, size, "fuzz", &err) < 0)
		return 0;
	dt = dt_new();
	dt_begin_node(dt, "");
	dt_partial_copy(dt, blob);
	dt_end_node(dt);
	if (dt_finish(dt, &copy, &copy_size, &err) == 0 &&
	    (fdt_check_full(copy, copy_size) != 0 || dt_text(copy, &text, &err) < 0))
		abort();
	dt_free(dt);
	return 0;
}
