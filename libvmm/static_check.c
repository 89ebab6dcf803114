// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One look at all guests of a board, of both kinds: what was given twice, and, where the board is
 * known, what to nobody. It reads configurations, partial trees and the board's, never the host.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/boot_spec.h"
#include "libvmm/config.h"
#include "libvmm/dt_boot.h"
#include "libvmm/dt_hardware.h"
#include "libvmm/dt_partial.h"
#include "libvmm/internal.h"

#define MAX_BOARD (4u << 20)
#define PAGE 4096u

struct guest {
	const struct vmm_config *cfg;
	struct hardware hw;		/* keys and partial tree together */
	struct boot_ranges memory;	/* of the machine, that nobody else may have */
};

struct check {
	struct guest *guests;
	size_t nr;
	vmm_static_fn *report;
	void *arg;
	unsigned nr_conflicts;
	char *board;			/* NULL: not known */
	struct boot_map map;
	struct board_devices devices;
	size_t nr_pcpus;
};

static void say(struct check *c, bool is_conflict, const char *fmt, ...) printf_like(3, 4);
static void say(struct check *c, bool is_conflict, const char *fmt, ...)
{
	autofree char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	line = str_vprintf(fmt, ap);
	va_end(ap);
	c->nr_conflicts += is_conflict;
	c->report(c->arg, is_conflict, line);
}

static void conflict(struct check *c, const struct guest *a, const struct guest *b, const char *fmt,
		     ...) printf_like(4, 5);
static void conflict(struct check *c, const struct guest *a, const struct guest *b, const char *fmt,
		     ...)
{
	autofree char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = str_vprintf(fmt, ap);
	va_end(ap);
	say(c, true, "'%s' and '%s': %s", a->cfg->name, b->cfg->name, what);
}

/* --- what a guest is given -------------------------------------------------------------------- */

static void add_keys(struct guest *g)
{
	const struct vmm_config *cfg = g->cfg;

	for (size_t i = 0; i < cfg->nr_irqs; i++)
		hardware_add_irq(&g->hw, cfg->irqs[i]);
	for (size_t i = 0; i < cfg->nr_iomem; i++)
		boot_ranges_add(&g->hw.pages, cfg->iomem[i].mfn * PAGE, cfg->iomem[i].nr * PAGE);
	for (size_t i = 0; i < cfg->dtdev.n; i++)
		strlist_add(&g->hw.paths, cfg->dtdev.v[i]);
	for (size_t i = 0; i < cfg->passthrough_devices.n; i++)
		strlist_take(&g->hw.paths, config_device_path(cfg->passthrough_devices.v[i]));
}

/* A page or an interrupt that the keys and the partial tree both name is the same one. */
static void add_partial(struct guest *g, const struct hardware *partial)
{
	for (size_t i = 0; i < partial->nr_irqs; i++) {
		bool is_known = false;

		for (size_t k = 0; k < g->hw.nr_irqs; k++)
			is_known |= g->hw.irqs[k] == partial->irqs[i];
		if (!is_known)
			hardware_add_irq(&g->hw, partial->irqs[i]);
	}
	for (size_t i = 0; i < partial->pages.nr; i++)
		boot_ranges_add(&g->hw.pages, partial->pages.v[i].base, partial->pages.v[i].size);
	for (size_t i = 0; i < partial->paths.n; i++)
		if (!strlist_has(&g->hw.paths, partial->paths.v[i]))
			strlist_add(&g->hw.paths, partial->paths.v[i]);
}

static int read_guest(struct guest *g, struct err *err)
{
	autohardware struct hardware partial = { .irqs = NULL };
	autofree void *blob = NULL;
	size_t size;

	add_keys(g);
	for (size_t i = 0; i < g->cfg->static_mem.n; i++) {
		struct boot_mem mem;

		if (boot_spec_mem(g->cfg->static_mem.v[i], g->cfg->name, &mem, err) < 0)
			return -1;
		boot_ranges_add(&g->memory, mem.base, mem.size);
	}
	if (!g->cfg->device_tree)
		return 0;
	if (dt_partial_load(g->cfg->device_tree, &blob, &size, err) < 0)
		return err_wrap(err, "'%s'", g->cfg->name);
	dt_hardware_partial(blob, &partial);
	add_partial(g, &partial);
	return 0;
}

/* --- what two guests cannot both have --------------------------------------------------------- */

static void compare_identity(struct check *c, const struct guest *a, const struct guest *b)
{
	if (strcmp(a->cfg->name, b->cfg->name) == 0)
		conflict(c, a, b, "the same name");
	if (memcmp(a->cfg->uuid, b->cfg->uuid, sizeof(a->cfg->uuid)) == 0)
		conflict(c, a, b, "the same uuid");
}

static void compare_irqs(struct check *c, const struct guest *a, const struct guest *b)
{
	for (size_t i = 0; i < a->hw.nr_irqs; i++)
		for (size_t k = 0; k < b->hw.nr_irqs; k++)
			if (a->hw.irqs[i] == b->hw.irqs[k])
				conflict(c, a, b, "irq %" PRIu32 " is given to both",
					 a->hw.irqs[i]);
}

/* Without adding, so that nothing wraps. */
static bool overlap(const struct layout_range *a, const struct layout_range *b)
{
	return a->base < b->base ? b->base - a->base < a->size : a->base - b->base < b->size;
}

static void compare_pages(struct check *c, const struct guest *a, const struct guest *b)
{
	for (size_t i = 0; i < a->hw.pages.nr; i++)
		for (size_t k = 0; k < b->hw.pages.nr; k++) {
			const struct layout_range *x = &a->hw.pages.v[i], *y = &b->hw.pages.v[k];

			if (overlap(x, y))
				conflict(c, a, b, "the device page 0x%" PRIx64 " is given to both",
					 (x->base > y->base ? x->base : y->base) / PAGE);
		}
}

static void compare_paths(struct check *c, const struct guest *a, const struct guest *b)
{
	for (size_t i = 0; i < a->hw.paths.n; i++)
		if (strlist_has(&b->hw.paths, a->hw.paths.v[i]))
			conflict(c, a, b, "the device %s is given to both", a->hw.paths.v[i]);
}

static void compare_memory(struct check *c, const struct guest *a, const struct guest *b)
{
	for (size_t i = 0; i < a->memory.nr; i++)
		for (size_t k = 0; k < b->memory.nr; k++)
			if (overlap(&a->memory.v[i], &b->memory.v[k]))
				conflict(c, a, b, "static_mem '%s' overlaps '%s'",
					 a->cfg->static_mem.v[i], b->cfg->static_mem.v[k]);
}

static void compare(struct check *c, const struct guest *a, const struct guest *b)
{
	compare_identity(c, a, b);
	compare_irqs(c, a, b);
	compare_pages(c, a, b);
	compare_paths(c, a, b);
	compare_memory(c, a, b);
}

/* Shared memory lies where no guest alone has its own. */
static void check_shared(struct check *c, const struct guest *g)
{
	for (size_t i = 0; i < g->cfg->static_shm.n; i++) {
		struct err why = ERR_INIT;
		struct boot_shm shm;
		struct layout_range range;

		if (boot_spec_shm(g->cfg->static_shm.v[i], g->cfg->name, &shm, &why) < 0) {
			say(c, true, "%s", why.msg);
			continue;
		}
		range = (struct layout_range){ shm.host, shm.size };
		for (size_t k = 0; shm.has_host && k < c->nr; k++)
			for (size_t n = 0; n < c->guests[k].memory.nr; n++)
				if (overlap(&range, &c->guests[k].memory.v[n]))
					conflict(c, g, &c->guests[k],
						 "static_shm '%s' overlaps static_mem '%s'", shm.id,
						 c->guests[k].cfg->static_mem.v[n]);
	}
}

/* --- who runs where --------------------------------------------------------------------------- */

static void add_cpus(struct bitmap *all, const char *text)
{
	struct bitmap cpus;
	struct err ignored = ERR_INIT;

	if (bitmap_parse_cpus(&cpus, text, BITMAP_BITS, NULL, NULL, "cpus", &ignored) == 0)
		bitmap_or(all, &cpus);
}

/* The pcpus a guest is pinned to; none when it may run anywhere. */
static void pinned(const struct vmm_config *cfg, struct bitmap *out)
{
	bitmap_zero(out);
	if (cfg->cpus.all && strcmp(cfg->cpus.all, "all") != 0)
		add_cpus(out, cfg->cpus.all);
	for (size_t i = 0; i < cfg->cpus.each.n; i++)
		add_cpus(out, cfg->cpus.each.v[i]);
}

/* Adds the pcpus of each pinned guest to `used`. */
static void report_cpus(struct check *c, struct bitmap *used)
{
	bitmap_zero(used);
	for (size_t i = 0; i < c->nr; i++) {
		struct bitmap mine, shared;

		pinned(c->guests[i].cfg, &mine);
		bitmap_or(used, &mine);
		if (bitmap_is_empty(&mine)) {
			say(c, false, "'%s' may run on any pcpu, those of pinned guests included",
			    c->guests[i].cfg->name);
			continue;
		}
		for (size_t k = i + 1; k < c->nr; k++) {
			autofree char *text = NULL;

			pinned(c->guests[k].cfg, &shared);
			bitmap_and(&shared, &mine);
			if (bitmap_is_empty(&shared))
				continue;
			text = bitmap_str(&shared, BITMAP_BITS);
			say(c, false, "'%s' and '%s' share pcpu %s", c->guests[i].cfg->name,
			    c->guests[k].cfg->name, text);
		}
	}
}

static uint64_t report_totals(struct check *c)
{
	uint64_t kb = 0, vcpus = 0;

	for (size_t i = 0; i < c->nr; i++) {
		kb += c->guests[i].cfg->max_kb;
		vcpus += c->guests[i].cfg->max_vcpus;
	}
	say(c, false, "%zu guests, %" PRIu64 " vcpus, %" PRIu64 " MiB of memory", c->nr, vcpus,
	    (kb + 1023) / 1024);
	return kb;
}

/* --- what the board has ----------------------------------------------------------------------- */

static void report_memory(struct check *c, uint64_t want_kb)
{
	uint64_t have_kb = 0, dom0_kb = dt_boot_dom0_kb(c->board);

	for (size_t i = 0; i < c->map.ram.nr; i++)
		have_kb += c->map.ram.v[i].size / 1024;
	if (want_kb > have_kb || dom0_kb > have_kb - want_kb)
		say(c, true,
		    "the guests want %" PRIu64 " MiB and dom0 %" PRIu64
		    " MiB, the board has %" PRIu64 " MiB",
		    want_kb / 1024, dom0_kb / 1024, have_kb / 1024);
	else
		say(c, false,
		    "memory of the board: %" PRIu64 " MiB, dom0 %" PRIu64 " MiB%s, guests %" PRIu64
		    " MiB, %" PRIu64 " MiB left for Xen and others",
		    have_kb / 1024, dom0_kb / 1024, dom0_kb ? "" : " (no dom0_mem=)",
		    want_kb / 1024, (have_kb - want_kb - dom0_kb) / 1024);
	for (size_t i = 0; i < c->nr; i++)
		for (size_t k = 0; k < c->guests[i].memory.nr; k++) {
			const struct layout_range *r = &c->guests[i].memory.v[k];

			if (!boot_is_ram(&c->map, r->base, r->size))
				say(c, true, "'%s': static_mem '%s' is not memory of this board",
				    c->guests[i].cfg->name, c->guests[i].cfg->static_mem.v[k]);
		}
}

static void report_pcpus(struct check *c, const struct bitmap *used)
{
	struct bitmap unused;
	autofree char *text = NULL;
	int last = -1;

	bitmap_fill(&unused, c->nr_pcpus < BITMAP_BITS ? (unsigned)c->nr_pcpus : BITMAP_BITS);
	for (int cpu = bitmap_first(used); cpu >= 0; cpu = bitmap_next(used, cpu)) {
		bitmap_clear(&unused, (unsigned)cpu);
		last = cpu;
	}
	if (last >= 0 && (size_t)last >= c->nr_pcpus)
		say(c, true, "cpus: the board has %zu pcpus, no pcpu %d", c->nr_pcpus, last);
	text = bitmap_str(&unused, BITMAP_BITS);
	say(c, false, "%zu pcpus; pinned to by no guest: %s", c->nr_pcpus,
	    bitmap_is_empty(&unused) ? "none" : text);
}

static bool has_device(const struct guest *g, const struct hardware *device)
{
	if (strlist_has(&g->hw.paths, device->paths.v[0]))
		return true;
	for (size_t i = 0; i < g->hw.pages.nr; i++)
		for (size_t k = 0; k < device->pages.nr; k++)
			if (overlap(&g->hw.pages.v[i], &device->pages.v[k]))
				return true;
	return false;
}

static bool has_irq(const struct guest *g, uint32_t irq)
{
	for (size_t i = 0; i < g->hw.nr_irqs; i++)
		if (g->hw.irqs[i] == irq)
			return true;
	return false;
}

/* A device with registers here and its interrupt there works for nobody. */
static void report_device(struct check *c, const struct hardware *device)
{
	const struct guest *owner = NULL;

	for (size_t i = 0; i < c->nr && !owner; i++)
		if (has_device(&c->guests[i], device))
			owner = &c->guests[i];
	if (!owner) {
		say(c, false, "%s is kept from dom0 and given to nobody", device->paths.v[0]);
		return;
	}
	say(c, false, "%s is given to '%s'", device->paths.v[0], owner->cfg->name);
	for (size_t i = 0; i < device->nr_irqs; i++) {
		if (has_irq(owner, device->irqs[i]))
			continue;
		say(c, false, "%s: its irq %" PRIu32 " is not given to '%s'", device->paths.v[0],
		    device->irqs[i], owner->cfg->name);
	}
}

/* Pages that dom0 keeps, or that are none of a device's. */
static void report_pages(struct check *c, const struct guest *g)
{
	for (size_t i = 0; i < g->hw.pages.nr; i++) {
		bool is_known = false;

		for (size_t k = 0; k < c->devices.nr; k++)
			for (size_t n = 0; n < c->devices.v[k].pages.nr; n++)
				is_known |= overlap(&g->hw.pages.v[i], &c->devices.v[k].pages.v[n]);
		if (!is_known)
			say(c, false,
			    "'%s': page 0x%" PRIx64
			    " belongs to no device that is kept from dom0 (xen,passthrough)",
			    g->cfg->name, g->hw.pages.v[i].base / PAGE);
	}
}

static int read_board(struct check *c, const char *path, struct err *err)
{
	struct boot_cpu *cpus;
	size_t size;

	if (!path)
		return 0;
	if (file_read(path, MAX_BOARD, &c->board, &size, err) < 0)
		return -1;
	if (dt_boot_map(c->board, size, &c->map, err) < 0 ||
	    dt_boot_cpus(c->board, &cpus, &c->nr_pcpus, err) < 0)
		return err_wrap(err, "%s", path);
	dt_boot_cpus_free(cpus, c->nr_pcpus);
	dt_hardware_board(c->board, &c->devices);
	return 0;
}

/* --- all together ----------------------------------------------------------------------------- */

static void report_all(struct check *c)
{
	struct bitmap used;
	uint64_t kb;

	for (size_t i = 0; i < c->nr; i++)
		for (size_t k = i + 1; k < c->nr; k++)
			compare(c, &c->guests[i], &c->guests[k]);
	for (size_t i = 0; i < c->nr; i++)
		check_shared(c, &c->guests[i]);
	report_cpus(c, &used);
	kb = report_totals(c);
	if (!c->board)
		return;
	report_memory(c, kb);
	report_pcpus(c, &used);
	for (size_t i = 0; i < c->devices.nr; i++)
		report_device(c, &c->devices.v[i]);
	for (size_t i = 0; i < c->nr; i++)
		report_pages(c, &c->guests[i]);
}

int vmm_check_static(struct vmm_config *const *guests, size_t nr, const char *board,
		     vmm_static_fn *report, void *arg, unsigned *nr_conflicts, struct err *err)
{
	struct check c = { .nr = nr, .report = report, .arg = arg };
	int r;

	c.guests = xcalloc(nr ? nr : 1, sizeof(*c.guests));
	r = read_board(&c, board, err);
	for (size_t i = 0; i < nr; i++) {
		c.guests[i].cfg = guests[i];
		if (r == 0)
			r = read_guest(&c.guests[i], err);
	}
	if (r == 0)
		report_all(&c);
	*nr_conflicts = c.nr_conflicts;
	for (size_t i = 0; i < nr; i++) {
		hardware_free(&c.guests[i].hw);
		boot_ranges_free(&c.guests[i].memory);
	}
	board_devices_free(&c.devices);
	boot_map_free(&c.map);
	free(c.guests);
	free(c.board);
	return r;
}
