// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzing host device trees: whatever a board's tree says, each of its nodes is judged, and what
 * becomes of it for a guest is a sound tree that may be given.
 */
#include <libfdt.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "libvmm/dt_derive.h"
#include "libvmm/dt_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void derive(const struct dt_host *h, uint32_t node)
{
	autostrlist struct strlist notes = STRLIST_INIT;
	const struct dt_pick pick = { .node = node, .clock_hz = node % 2 ? 1000 : 0 };
	const struct dt_derive d = { .host = h, .picks = &pick, .nr_picks = 1, .notes = &notes };
	autofree void *made = NULL;
	autofree char *text = NULL;
	struct err err = ERR_INIT;
	size_t size;

	if (dt_derive(&d, &made, &size, &err) == 0 &&
	    (fdt_check_full(made, size) != 0 || dt_text(made, &text, &err) < 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autohost struct dt_host *h = NULL;
	struct err err = ERR_INIT;
	void *blob = xmalloc(size + 1);

	memcpy(blob, data, size);
	if (dt_host_open(blob, size, "fuzz", &h, &err) < 0)
		return 0;
	for (uint32_t i = 0; i < h->nr && i < 64; i++) {
		autodtdevice struct dt_device dev = { .regs = NULL };

		(void)dt_host_is_device(h, i);
		(void)dt_host_dma_sign(h, i);
		if (dt_host_device(h, i, &dev, &err) == 0)
			derive(h, i);
	}
	return 0;
}
