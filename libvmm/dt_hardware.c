// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Registers, interrupts and paths of devices in a board's tree and in partial ones. Source:
 * docs/misc/arm/passthrough.txt, the device tree specification, and the GIC's binding for the three
 * cells of an interrupt.
 */
#include "libvmm/dt_hardware.h"

#include <libfdt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PATH_LEN 256

void hardware_add_irq(struct hardware *h, uint32_t irq)
{
	h->irqs = xreallocarray(h->irqs, h->nr_irqs + 1, sizeof(*h->irqs));
	h->irqs[h->nr_irqs++] = irq;
}

void hardware_free(struct hardware *h)
{
	boot_ranges_free(&h->pages);
	free(h->irqs);
	h->irqs = NULL;
	h->nr_irqs = 0;
	strlist_free(&h->paths);
}

static uint64_t number(const fdt32_t *cells, int nr)
{
	uint64_t v = 0;

	for (int i = 0; i < nr; i++)
		v = v << 32 | fdt32_to_cpu(cells[i]);
	return v;
}

/* Rows of address and size, and as many cells behind them as `more` addresses take. */
static void add_ranges(const void *fdt, int node, const char *name, int more, struct hardware *out)
{
	int parent = fdt_parent_offset(fdt, node), len;
	int ac = fdt_address_cells(fdt, parent), sc = fdt_size_cells(fdt, parent);
	const fdt32_t *p = fdt_getprop(fdt, node, name, &len);
	int row = ac + sc + more * ac;

	if (!p || ac < 1 || ac > 2 || sc < 1 || sc > 2)
		return;
	for (int i = 0; (i + row) * (int)sizeof(*p) <= len; i += row)
		boot_ranges_add(&out->pages, number(p + i, ac), number(p + i + ac, sc));
}

/* SPIs alone: the others belong to a processor, not to a device. */
static void add_irqs(const void *fdt, int node, struct hardware *out)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, node, "interrupts", &len);

	for (int i = 0; p && (i + 3) * (int)sizeof(*p) <= len; i += 3)
		if (fdt32_to_cpu(p[i]) == 0 && fdt32_to_cpu(p[i + 1]) < 988)
			hardware_add_irq(out, 32 + fdt32_to_cpu(p[i + 1]));
}

void dt_hardware_partial(const void *blob, struct hardware *out)
{
	int root = fdt_path_offset(blob, "/passthrough"), depth = 0;

	for (int node = root; node >= 0 && depth >= 0; node = fdt_next_node(blob, node, &depth)) {
		int len;
		const char *path = fdt_getprop(blob, node, "xen,path", &len);

		add_ranges(blob, node, "xen,reg", 1, out);
		add_irqs(blob, node, out);
		if (path && len > 0 && strnlen(path, (size_t)len) < (size_t)len)
			strlist_add(&out->paths, path);
	}
}

void dt_hardware_board(const void *fdt, struct board_devices *out)
{
	int depth = 0;

	*out = (struct board_devices){ NULL, 0 };
	for (int node = fdt_next_node(fdt, -1, &depth); node >= 0;
	     node = fdt_next_node(fdt, node, &depth)) {
		char path[PATH_LEN];
		struct hardware *h;

		if (!fdt_getprop(fdt, node, "xen,passthrough", NULL) ||
		    fdt_get_path(fdt, node, path, sizeof(path)) < 0)
			continue;
		out->v = xreallocarray(out->v, out->nr + 1, sizeof(*out->v));
		h = &out->v[out->nr++];
		memset(h, 0, sizeof(*h));
		strlist_add(&h->paths, path);
		add_ranges(fdt, node, "reg", 0, h);
		add_irqs(fdt, node, h);
	}
}

void board_devices_free(struct board_devices *d)
{
	for (size_t i = 0; i < d->nr; i++)
		hardware_free(&d->v[i]);
	free(d->v);
	*d = (struct board_devices){ NULL, 0 };
}
