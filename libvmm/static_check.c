// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One look at all guests of a board, of both kinds: what was given twice. Pure: it reads configurations, never the host.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/config.h"
#include "libvmm/internal.h"

struct check {
	struct vmm_config *const *guests;
	size_t nr;
	vmm_static_fn *report;
	void *arg;
	unsigned nr_conflicts;
};

static void conflict(struct check *c, const struct vmm_config *a, const struct vmm_config *b, const char *fmt, ...)
	printf_like(4, 5);
static void conflict(struct check *c, const struct vmm_config *a, const struct vmm_config *b, const char *fmt, ...)
{
	autofree char *what = NULL, *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = str_vprintf(fmt, ap);
	va_end(ap);
	line = str_printf("'%s' and '%s': %s", a->name, b->name, what);
	c->nr_conflicts++;
	c->report(c->arg, true, line);
}

static void remark(struct check *c, const char *fmt, ...) printf_like(2, 3);
static void remark(struct check *c, const char *fmt, ...)
{
	autofree char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	line = str_vprintf(fmt, ap);
	va_end(ap);
	c->report(c->arg, false, line);
}

/* --- what two guests cannot both have ------------------------------------------------------------------------------- */

static void compare_identity(struct check *c, const struct vmm_config *a, const struct vmm_config *b)
{
	if (strcmp(a->name, b->name) == 0)
		conflict(c, a, b, "the same name");
	if (memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0)
		conflict(c, a, b, "the same uuid");
}

static void compare_irqs(struct check *c, const struct vmm_config *a, const struct vmm_config *b)
{
	for (size_t i = 0; i < a->nr_irqs; i++)
		for (size_t k = 0; k < b->nr_irqs; k++)
			if (a->irqs[i] == b->irqs[k])
				conflict(c, a, b, "irq %" PRIu32 " is given to both", a->irqs[i]);
}

/* Without adding, so that nothing wraps. */
static bool overlap(uint64_t base_a, uint64_t size_a, uint64_t base_b, uint64_t size_b)
{
	return base_a < base_b ? base_b - base_a < size_a : base_a - base_b < size_b;
}

static void compare_pages(struct check *c, const struct vmm_config *a, const struct vmm_config *b)
{
	for (size_t i = 0; i < a->nr_iomem; i++)
		for (size_t k = 0; k < b->nr_iomem; k++) {
			const struct config_iomem *x = &a->iomem[i], *y = &b->iomem[k];

			if (overlap(x->mfn, x->nr, y->mfn, y->nr))
				conflict(c, a, b, "the device page 0x%" PRIx64 " is given to both",
					 x->mfn > y->mfn ? x->mfn : y->mfn);
		}
}

static void compare_words(struct check *c, const struct vmm_config *a, const struct vmm_config *b, const char *key,
			  const struct strlist *x, const struct strlist *y)
{
	for (size_t i = 0; i < x->n; i++)
		if (strlist_has(y, x->v[i]))
			conflict(c, a, b, "%s: '%s' is given to both", key, x->v[i]);
}

/* static_mem's entries were not parsed yet: one that is wrong is export-dt's to refuse. */
static bool parse_static(const char *text, uint64_t *base, uint64_t *size)
{
	autostrlist struct strlist pair = STRLIST_INIT;
	struct err ignored = ERR_INIT;

	strlist_split(&pair, text, ",");
	return pair.n == 2 && num_u64(pair.v[0], 0, UINT64_MAX, "start", base, &ignored) == 0 &&
	       num_size(pair.v[1], 'b', "size", size, &ignored) == 0;
}

static void compare_memory(struct check *c, const struct vmm_config *a, const struct vmm_config *b)
{
	uint64_t base_a, size_a, base_b, size_b;

	for (size_t i = 0; i < a->static_mem.n; i++)
		for (size_t k = 0; k < b->static_mem.n; k++)
			if (parse_static(a->static_mem.v[i], &base_a, &size_a) &&
			    parse_static(b->static_mem.v[k], &base_b, &size_b) &&
			    overlap(base_a, size_a, base_b, size_b))
				conflict(c, a, b, "static_mem '%s' overlaps '%s'", a->static_mem.v[i], b->static_mem.v[k]);
}

static void compare(struct check *c, const struct vmm_config *a, const struct vmm_config *b)
{
	compare_identity(c, a, b);
	compare_irqs(c, a, b);
	compare_pages(c, a, b);
	compare_words(c, a, b, "dtdev", &a->dtdev, &b->dtdev);
	compare_words(c, a, b, "devices", &a->passthrough_devices, &b->passthrough_devices);
	compare_memory(c, a, b);
}

/* --- who runs where ---------------------------------------------------------------------------------------------------- */

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

static void report_cpus(struct check *c)
{
	for (size_t i = 0; i < c->nr; i++) {
		struct bitmap mine, shared;

		pinned(c->guests[i], &mine);
		if (bitmap_is_empty(&mine)) {
			remark(c, "'%s' may run on any pcpu, those of pinned guests included", c->guests[i]->name);
			continue;
		}
		for (size_t k = i + 1; k < c->nr; k++) {
			autofree char *text = NULL;

			pinned(c->guests[k], &shared);
			bitmap_and(&shared, &mine);
			if (bitmap_is_empty(&shared))
				continue;
			text = bitmap_str(&shared, BITMAP_BITS);
			remark(c, "'%s' and '%s' share pcpu %s", c->guests[i]->name, c->guests[k]->name, text);
		}
	}
}

static void report_totals(struct check *c)
{
	uint64_t kb = 0, vcpus = 0;

	for (size_t i = 0; i < c->nr; i++) {
		kb += c->guests[i]->max_kb;
		vcpus += c->guests[i]->max_vcpus;
	}
	remark(c, "%zu guests, %" PRIu64 " vcpus, %" PRIu64 " MiB of memory", c->nr, vcpus, (kb + 1023) / 1024);
}

unsigned vmm_check_static(struct vmm_config *const *guests, size_t nr, vmm_static_fn *report, void *arg)
{
	struct check c = { .guests = guests, .nr = nr, .report = report, .arg = arg };

	for (size_t i = 0; i < nr; i++)
		for (size_t k = i + 1; k < nr; k++)
			compare(&c, guests[i], guests[k]);
	report_cpus(&c);
	report_totals(&c);
	return c.nr_conflicts;
}
