// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Writes the part of a guest's device tree that tells of the host's devices it is given. Each
 * property is copied unless a row below says that it leads to another node: those are kept when
 * they stay inside the device, made fixed (clocks), or left out. Bindings beyond these rows are the
 * guest's driver's business.
 */
#include "libvmm/dt_derive.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>
#include "base/mem.h"
#include "base/num.h"
#include "libvmm/dt.h"
#include "libvmm/dt_partial.h"
#include "libvmm/layout.h"

#define MAX_CLOCKS 64u
#define MAX_CLOCK_DEPTH 8	/* of factors upon factors; a circle ends here */
#define IRQ_CELLS 3u

struct clocks {
	uint64_t hz[MAX_CLOCKS];
	unsigned nr;
};

struct deriving {
	const struct dt_derive *d;
	const struct dt_host *h;
	struct dt *dt;
	const struct dt_pick *pick;
	struct clocks clocks;		/* one node for each rate */
	uint32_t first_phandle;		/* theirs, one after the other */
	struct err *err;
};

/* Properties with phandles. What follows each phandle is told by the node it leads to (`cells`;
 * NULL: nothing does). */
static const struct reference {
	const char *name, *cells, *names, *why;		/* `names`: goes with it */
} references[] = {
	{ "resets", "#reset-cells", "reset-names", "it must be out of reset when the guest starts" },
	{ "power-domains", "#power-domain-cells", "power-domain-names", "its power must be on and stay on" },
	{ "dmas", "#dma-cells", "dma-names", "it works without the host's DMA controller" },
	{ "phys", "#phy-cells", "phy-names", "the PHY must be set up when the guest starts" },
	{ "iommus", "#iommu-cells", NULL, NULL },
	{ "interconnects", "#interconnect-cells", "interconnect-names", "bandwidth is as the firmware left it" },
	{ "mboxes", "#mbox-cells", "mbox-names", "the mailbox is not the guest's" },
	{ "nvmem-cells", NULL, "nvmem-cell-names", "the calibration data is not the guest's" },
	{ "memory-region", NULL, "memory-region-names", "the memory is the host's" },
	{ "operating-points-v2", NULL, NULL, "its speed is as the firmware left it" },
	{ "msi-parent", NULL, NULL, "the guest has no controller for MSIs" },
	{ "thermal-sensors", "#thermal-sensor-cells", NULL, "the sensor is not the guest's" },
	{ "gpio-ranges", NULL, NULL, "the pins are set up by the host" },
	{ "syscon", NULL, NULL, "the system controller is not the guest's" },
	{ "power-supply", NULL, NULL, "its supply must be on and stay on" },
};
static const struct reference gpio_reference = { NULL, "#gpio-cells", NULL,
						 "the pin is not the guest's" };
static const struct reference supply_reference = { NULL, NULL, NULL,
						   "its supply must be on and stay on" };
static const struct reference pins_reference = { NULL, NULL, NULL,
						 "its pins must be set up when the guest starts" };

/* Written anew, or of no use to a guest. */
static const char *const left_out[] = {
	"phandle",
	"linux,phandle",
	"status",
	"xen,passthrough",
	"interrupt-parent",
	"interrupts-extended",
	"clocks",
	"assigned-clocks",
	"assigned-clock-parents",
	"assigned-clock-rates",
	"pinctrl-names",
	"iommu-map",
	"iommu-map-mask",
	"dma-coherent",
};

static void note(const struct deriving *v, uint32_t node, const char *name, const char *why)
{
	autofree char *path = dt_host_path(v->h, node);

	if (v->d->notes && why)
		strlist_take(v->d->notes, str_printf("%s: %s left out: %s", path, name, why));
}

static int refuse(const struct deriving *v, uint32_t node, int code, const char *fmt, ...)
	printf_like(4, 5);
static int refuse(const struct deriving *v, uint32_t node, int code, const char *fmt, ...)
{
	autofree char *path = dt_host_path(v->h, node), *msg = NULL;
	va_list ap;

	va_start(ap, fmt);
	msg = str_vprintf(fmt, ap);
	va_end(ap);
	return err_set(v->err, code, "%s: node %s: %s", v->h->what, path, msg);
}

static bool is_one_of(const char *name, const char *const *list, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

static bool is_picked(const struct deriving *v, uint32_t node)
{
	for (size_t i = 0; i < v->d->nr_picks; i++)
		if (dt_host_is_below(v->h, node, v->d->picks[i].node))
			return true;
	return false;
}

/* --- clocks ----------------------------------------------------------------------------------- */

/* The rate of a clock that never changes; 0: the tree does not tell. */
static uint64_t fixed_rate(const struct dt_host *h, uint32_t clock, unsigned depth)
{
	uint64_t rate, mult, div;
	unsigned nr;
	const void *parent;

	if (dt_host_is_compatible(h, clock, "fixed-clock"))
		return dt_host_u32(h, clock, "clock-frequency", 0);
	parent = dt_host_cells(h, clock, "clocks", &nr);
	if (!dt_host_is_compatible(h, clock, "fixed-factor-clock") || !parent ||
	    depth == MAX_CLOCK_DEPTH || dt_host_by_phandle(h, dt_cell(parent, 0)) == DT_HOST_NONE)
		return 0;
	mult = dt_host_u32(h, clock, "clock-mult", 0);
	div = dt_host_u32(h, clock, "clock-div", 0);
	rate = fixed_rate(h, dt_host_by_phandle(h, dt_cell(parent, 0)), depth + 1);
	return div && num_mul(rate, mult, &rate) ? rate / div : 0;
}

/* What the device itself asks the clock to be set to: the entry of assigned-clocks that equals
 * entry `at` of clocks. */
static uint64_t assigned_rate(const struct dt_host *h, uint32_t node, const void *clocks,
			      unsigned at, unsigned len)
{
	unsigned nr, nr_rates, step;
	const void *assigned = dt_host_cells(h, node, "assigned-clocks", &nr);
	const void *rates = dt_host_cells(h, node, "assigned-clock-rates", &nr_rates);

	for (unsigned i = 0, k = 0; i < nr && k < nr_rates; i += step, k++) {
		uint32_t clock = dt_host_by_phandle(h, dt_cell(assigned, i));

		if (clock == DT_HOST_NONE)
			return 0;
		step = 1 + dt_host_u32(h, clock, "#clock-cells", 0) % 16;
		if (step == len && i + len <= nr &&
		    !memcmp((const char *)assigned + 4 * i, (const char *)clocks + 4 * at,
			    4 * (size_t)len))
			return dt_cell(rates, k);
	}
	return 0;
}

/* The phandle of a fixed clock in the guest. */
static int clock_phandle(struct deriving *v, uint32_t node, uint64_t hz, uint32_t *phandle)
{
	unsigned i = 0;

	while (i < v->clocks.nr && v->clocks.hz[i] != hz)
		i++;
	if (i == MAX_CLOCKS)
		return refuse(v, node, E2BIG, "more than %u different clocks", MAX_CLOCKS);
	if (i == v->clocks.nr)
		v->clocks.hz[v->clocks.nr++] = hz;
	*phandle = v->first_phandle + i;
	return 0;
}

/* One entry of clocks: where it leads in the guest. */
static int put_clock(struct deriving *v, uint32_t node, const void *cells, unsigned at,
		     unsigned len, uint32_t *out, unsigned *nr_out)
{
	uint32_t clock = dt_host_by_phandle(v->h, dt_cell(cells, at));
	uint64_t hz;

	if (is_picked(v, clock)) {
		for (unsigned i = 0; i < len; i++)
			out[(*nr_out)++] = dt_cell(cells, at + i);
		return 0;
	}
	hz = fixed_rate(v->h, clock, 0);
	if (!hz) {
		hz = assigned_rate(v->h, node, cells, at, len);
		note(v, node, "control of its clock", "it must be on and stay at its rate");
	}
	if (!hz)
		hz = v->pick->clock_hz;
	if (!hz || hz > UINT32_MAX) {
		autofree char *path = dt_host_path(v->h, clock);

		return refuse(v, node, ENODATA,
			      "the tree does not tell the rate of its clock %s; if it is known, "
			      "add \";clock=HZ\" "
			      "to the device",
			      path);
	}
	return clock_phandle(v, node, hz, &out[(*nr_out)++]);
}

static int put_clocks(struct deriving *v, uint32_t node)
{
	unsigned nr, nr_out = 0, len;
	const void *cells = dt_host_cells(v->h, node, "clocks", &nr);
	autofree uint32_t *out = xcalloc(nr ? nr : 1, sizeof(*out));

	for (unsigned i = 0; i < nr; i += len) {
		uint32_t clock = dt_host_by_phandle(v->h, dt_cell(cells, i));

		if (clock == DT_HOST_NONE)
			return refuse(v, node, ENOENT,
				      "clocks refers to phandle %u, which no node of this tree has",
				      dt_cell(cells, i));
		len = 1 + dt_host_u32(v->h, clock, "#clock-cells", 0) % 16;
		if (len > nr - i)
			return refuse(v, node, EINVAL, "clocks ends inside an entry");
		if (put_clock(v, node, cells, i, len, out, &nr_out) < 0)
			return -1;
	}
	if (cells)
		dt_prop_u32s(v->dt, "clocks", out, nr_out);
	return 0;
}

/* --- interrupts and addresses ----------------------------------------------------------------- */

/* Those of the interrupt controller, as the guest's has them. Others lead to nodes of the device
 * and stay as they are. */
static int put_irqs(struct deriving *v, uint32_t node)
{
	struct dt_irq irqs[DT_MAX_IRQS];
	uint32_t cells[DT_MAX_IRQS * IRQ_CELLS];
	unsigned nr, nr_cells = 0, phandle = dt_host_u32(v->h, node, "interrupt-parent", 0);

	if (dt_host_irqs(v->h, node, irqs, &nr, v->err) < 0)
		return -1;
	for (unsigned i = 0; i < nr; i++) {
		if (irqs[i].controller != v->h->gic)
			continue;
		cells[nr_cells++] = irqs[i].type;
		cells[nr_cells++] = irqs[i].number;
		cells[nr_cells++] = irqs[i].flags & 0xf;
	}
	if (nr_cells) {
		dt_prop_u32s(v->dt, "interrupts", cells, nr_cells);
		dt_prop_u32(v->dt, "interrupt-parent", LAYOUT_PHANDLE_GIC);
		return 0;
	}
	if (phandle && is_picked(v, dt_host_by_phandle(v->h, phandle)))
		dt_prop_u32(v->dt, "interrupt-parent", phandle);
	return 0;
}

static uint64_t in_guest(const struct deriving *v, uint64_t addr)
{
	for (size_t i = 0; i < v->d->nr_moves; i++)
		if (addr >= v->d->moves[i].from.base &&
		    addr - v->d->moves[i].from.base < v->d->moves[i].from.size)
			return v->d->moves[i].to + (addr - v->d->moves[i].from.base);
	return addr;
}

static int put_reg(struct deriving *v, uint32_t node)
{
	unsigned nr = dt_host_nr_regs(v->h, node);
	autofree uint64_t *pairs = xcalloc(nr ? nr : 1, 2 * sizeof(*pairs));

	for (unsigned i = 0; i < nr; i++) {
		struct dt_range reg;

		if (dt_host_reg(v->h, node, i, &reg, v->err) < 0)
			return -1;
		pairs[2 * i] = in_guest(v, reg.base);
		pairs[2 * i + 1] = reg.size;
	}
	dt_prop_reg(v->dt, "reg", pairs, nr);
	return 0;
}

/* The device's own bus: what is below keeps its addresses, but they mean other ones above. */
static int put_ranges(struct deriving *v, uint32_t node)
{
	unsigned nr, child = dt_host_u32(v->h, node, "#address-cells", 2),
		     size = dt_host_u32(v->h, node, "#size-cells", 1);
	unsigned parent = dt_host_u32(v->h, v->h->nodes[node].parent, "#address-cells", 2),
		 step = child + parent + size, n = 0;
	const void *cells = dt_host_cells(v->h, node, "ranges", &nr);
	autofree uint32_t *out = NULL;

	if (!cells || child > 2 || parent > 2 || size > 2 || nr % step)
		return refuse(v, node, EINVAL, "its ranges are damaged");
	out = xcalloc(nr / step + 1, (child + 2 + size) * sizeof(*out));
	for (unsigned i = 0; i < nr; i += step) {
		uint64_t addr = 0;

		for (unsigned k = 0; k < parent; k++)
			addr = addr << 32 | dt_cell(cells, i + child + k);
		if (dt_host_translate(v->h, v->h->nodes[node].parent, addr, &addr, v->err) < 0)
			return -1;
		addr = in_guest(v, addr);
		for (unsigned k = 0; k < child; k++)
			out[n++] = dt_cell(cells, i + k);
		out[n++] = (uint32_t)(addr >> 32);
		out[n++] = (uint32_t)addr;
		for (unsigned k = 0; k < size; k++)
			out[n++] = dt_cell(cells, i + child + parent + k);
	}
	dt_prop_u32s(v->dt, "ranges", out, n);
	return 0;
}

/* --- references ------------------------------------------------------------------------------- */

static bool is_pinctrl(const char *name)
{
	return str_starts(name, "pinctrl-") && num_is_dec(name + strlen("pinctrl-"));
}

static const struct reference *reference_of(const char *name)
{
	for (size_t i = 0; i < array_size(references); i++)
		if (strcmp(references[i].name, name) == 0)
			return &references[i];
	if (strcmp(name, "gpios") == 0 || str_ends(name, "-gpios") || str_ends(name, "-gpio"))
		return &gpio_reference;
	if (is_pinctrl(name))
		return &pins_reference;
	return str_ends(name, "-supply") ? &supply_reference : NULL;
}

/* Does every phandle of the property stay within what the guest is given? */
static bool stays_inside(const struct deriving *v, uint32_t node, const char *name,
			 const struct reference *ref)
{
	unsigned nr;
	const void *cells = dt_host_cells(v->h, node, name, &nr);

	for (unsigned i = 0; i < nr; i++) {
		uint32_t target = dt_host_by_phandle(v->h, dt_cell(cells, i));

		if (target == DT_HOST_NONE || !is_picked(v, target))
			return false;
		if (ref->cells)
			i += dt_host_u32(v->h, target, ref->cells, 0) % 16;
	}
	return nr > 0;
}

/* The names of references that were left out are left out too. */
static bool is_name_of_left_out(const struct deriving *v, uint32_t node, const char *name)
{
	for (size_t i = 0; i < array_size(references); i++)
		if (references[i].names && strcmp(references[i].names, name) == 0)
			return !stays_inside(v, node, references[i].name, &references[i]);
	return false;
}

static bool is_wanted(const struct deriving *v, uint32_t node, const char *name)
{
	const struct reference *ref = reference_of(name);

	if (is_one_of(name, left_out, array_size(left_out)) || is_name_of_left_out(v, node, name))
		return false;
	if (!ref || stays_inside(v, node, name, ref))
		return true;
	note(v, node, name, ref->why);
	return false;
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* Interrupts that lead to the controller are written anew by put_irqs. */
static int keeps_interrupts(struct deriving *v, uint32_t node, bool *keeps)
{
	struct dt_irq irqs[DT_MAX_IRQS];
	unsigned nr;

	if (dt_host_irqs(v->h, node, irqs, &nr, v->err) < 0)
		return -1;
	*keeps = nr && irqs[0].controller != v->h->gic;
	return 0;
}

static int put_property(struct deriving *v, uint32_t node, bool is_top, int prop)
{
	const char *name;
	int len;
	bool keeps = true;
	const void *value = fdt_getprop_by_offset(v->h->blob, prop, &name, &len);

	if (!value)
		return refuse(v, node, EINVAL, "a property cannot be read");
	if (!strcmp(name, "interrupts") && keeps_interrupts(v, node, &keeps) < 0)
		return -1;
	if (!keeps || !is_wanted(v, node, name))
		return 0;
	if (is_top && !strcmp(name, "reg"))
		return put_reg(v, node);
	if (is_top && !strcmp(name, "ranges") && len)
		return put_ranges(v, node);
	dt_prop(v->dt, name, value, (size_t)len);
	return 0;
}

static int put_phandle(struct deriving *v, uint32_t node)
{
	uint32_t phandle = v->h->nodes[node].phandle;

	if (phandle == LAYOUT_PHANDLE_GIC || phandle == LAYOUT_PHANDLE_IOMMU)
		return refuse(v, node, EINVAL, "its phandle %u is one of the guest's own", phandle);
	if (phandle)
		dt_prop_u32(v->dt, "phandle", phandle);
	return 0;
}

static int put_node(struct deriving *v, uint32_t node, bool is_top, const char *name)
{
	int prop;

	dt_begin_node(v->dt, name);
	fdt_for_each_property_offset(prop, v->h->blob, v->h->nodes[node].offset)
		if (put_property(v, node, is_top, prop) < 0)
			return -1;
	if (put_irqs(v, node) < 0 || put_clocks(v, node) < 0 || put_phandle(v, node) < 0)
		return -1;
	for (uint32_t i = node + 1; i < v->h->nodes[node].end; i = v->h->nodes[i].end)
		if (put_node(v, i, false, v->h->nodes[i].name) < 0)
			return -1;
	dt_end_node(v->dt);
	return 0;
}

/* Named by where it is in the guest, which no other device is. */
static int guest_name(struct deriving *v, uint32_t node, char **out)
{
	const char *name = v->h->nodes[node].name;
	struct dt_range reg;

	if (dt_host_reg(v->h, node, 0, &reg, v->err) < 0)
		return -1;
	*out = str_printf("%.*s@%" PRIx64, (int)strcspn(name, "@"), name, in_guest(v, reg.base));
	return 0;
}

static int put_device(struct deriving *v, const struct dt_pick *pick)
{
	autofree char *name = NULL;

	v->pick = pick;
	return guest_name(v, pick->node, &name) < 0 ? -1 : put_node(v, pick->node, true, name);
}

static void put_clock_nodes(struct deriving *v)
{
	for (unsigned i = 0; i < v->clocks.nr; i++) {
		char name[40];

		snprintf(name, sizeof(name), "clock-%" PRIu64, v->clocks.hz[i]);
		dt_begin_node(v->dt, name);
		dt_prop_str(v->dt, "compatible", "fixed-clock");
		dt_prop_u32(v->dt, "#clock-cells", 0);
		dt_prop_u32(v->dt, "clock-frequency", (uint32_t)v->clocks.hz[i]);
		dt_prop_u32(v->dt, "phandle", v->first_phandle + i);
		dt_end_node(v->dt);
	}
}

/* --- aliases ---------------------------------------------------------------------------------- */

static int put_host_aliases(struct deriving *v, const char *path, const char *guest_path)
{
	uint32_t aliases = dt_host_find(v->h, "/aliases");
	int prop;

	if (aliases == DT_HOST_NONE)
		return 0;
	fdt_for_each_property_offset(prop, v->h->blob, v->h->nodes[aliases].offset) {
		const char *name;
		int len;
		const char *value = fdt_getprop_by_offset(v->h->blob, prop, &name, &len);

		if (value && len == (int)strlen(path) + 1 && !memcmp(value, path, (size_t)len))
			dt_prop_str(v->dt, name, guest_path);
	}
	return 0;
}

static int put_aliases(struct deriving *v)
{
	for (size_t i = 0; i < v->d->nr_picks; i++) {
		const struct dt_pick *pick = &v->d->picks[i];
		autofree char *path = dt_host_path(v->h, pick->node), *name = NULL,
			      *guest_path = NULL;

		if (guest_name(v, pick->node, &name) < 0)
			return -1;
		guest_path = str_printf("/passthrough/%s", name);
		if (pick->alias)
			dt_prop_str(v->dt, pick->alias, guest_path);
		else if (put_host_aliases(v, path, guest_path) < 0)
			return -1;
	}
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Above every phandle there is, so that none is met twice. */
static int choose_phandles(struct deriving *v)
{
	uint32_t top = LAYOUT_PHANDLE_IOMMU, max;

	if (v->h->nr_phandles)
		max = v->h->nodes[v->h->by_phandle[v->h->nr_phandles - 1]].phandle;
	else
		max = 0;
	top = max > top ? max : top;
	if (v->d->partial && fdt_find_max_phandle(v->d->partial, &max) == 0 && max > top)
		top = max;
	if (top > UINT32_MAX - MAX_CLOCKS - 2)
		return err_set(v->err, ERANGE, "%s: its phandles leave no room for more",
			       v->h->what);
	v->first_phandle = top + 1;
	return 0;
}

/* What stands in /passthrough of the hand-written tree has to be written as ours is. */
static int check_partial(const struct deriving *v)
{
	int node = fdt_path_offset(v->d->partial, "/passthrough");

	if (node < 0 || fdt_address_cells(v->d->partial, node) != 2 ||
	    fdt_size_cells(v->d->partial, node) != 2)
		return err_set(v->err, EINVAL,
			       "device_tree= together with devices=: its /passthrough must have "
			       "#address-cells and "
			       "#size-cells of 2");
	return 0;
}

static int put_all(struct deriving *v)
{
	dt_begin_node(v->dt, "");
	dt_begin_node(v->dt, "passthrough");
	if (v->d->partial) {
		dt_partial_copy_inside(v->dt, v->d->partial, "passthrough");
	} else {
		dt_prop_str(v->dt, "compatible", "simple-bus");
		dt_prop_empty(v->dt, "ranges");
		dt_prop_u32(v->dt, "#address-cells", 2);
		dt_prop_u32(v->dt, "#size-cells", 2);
	}
	for (size_t i = 0; i < v->d->nr_picks; i++)
		if (put_device(v, &v->d->picks[i]) < 0)
			return -1;
	put_clock_nodes(v);
	dt_end_node(v->dt);
	dt_begin_node(v->dt, "aliases");
	if (v->d->partial)
		dt_partial_copy_inside(v->dt, v->d->partial, "aliases");
	if (put_aliases(v) < 0)
		return -1;
	dt_end_node(v->dt);
	dt_end_node(v->dt);
	return 0;
}

int dt_derive(const struct dt_derive *d, void **blob, size_t *size, struct err *err)
{
	struct deriving v = { .d = d, .h = d->host, .err = err };
	autofree void *made = NULL;
	int r;

	if (choose_phandles(&v) < 0 || (d->partial && check_partial(&v) < 0))
		return -1;
	v.dt = dt_new();
	r = put_all(&v);
	if (r == 0)
		r = dt_finish(v.dt, &made, size, err);
	dt_free(v.dt);
	/* What a strange host tree, or two trees together, could have brought in. */
	if (r < 0 || dt_partial_check(made, *size, "the device tree made of devices=", err) < 0)
		return -1;
	*blob = steal(made);
	return 0;
}
