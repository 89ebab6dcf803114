// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * devices=: from the paths of host devices to the pages, interrupts and device-tree nodes that a
 * guest with them has. Decides where the pages lie in the guest: where the host has them, or in a
 * hole where that place is taken.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/create_passthrough.h"
#include "libvmm/dt_partial.h"
#include "libvmm/dt_text.h"
#include "libvmm/hostdev.h"

/* Nothing of Xen's is here in a guest without PCI (public/arch-arm.h, GUEST_VPCI_ECAM). */
#define HOLE_FIRST 0x10000u	/* pages */
#define HOLE_END 0x20000u
#define MAX_PICKS 64

struct picks {
	struct dt_pick v[MAX_PICKS];
	char *aliases[MAX_PICKS];
	size_t nr;
};

static void free_picks(struct picks *p)
{
	for (size_t i = 0; i < p->nr; i++)
		free(p->aliases[i]);
}

#define autopicks __attribute__((cleanup(free_picks)))

/* --- the specification ------------------------------------------------------------------------ */

/* Devicetree Specification 3.3: small letters, digits and dashes. */
static bool is_alias(const char *s)
{
	size_t len = strlen(s);

	return len > 0 && len < 32 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* [NAME=]/PATH[;clock=HZ]: what stands before and behind the path. */
static int parse_words(const char *entry, struct dt_pick *pick, char **alias, struct err *err)
{
	const char *path = strchr(entry, '/'), *option = strchr(entry, ';');

	if (!path || (path > entry && path[-1] != '='))
		return err_set(err, EINVAL, "write [NAME=]/PATH/OF/NODE[;clock=HZ]");
	if (path > entry) {
		*alias = xstrndup(entry, (size_t)(path - entry) - 1);
		if (!is_alias(*alias))
			return err_set(err, EINVAL,
				       "the name '%s' may have small letters, digits and dashes",
				       *alias);
	}
	pick->alias = *alias;
	if (!option)
		return 0;
	option++;
	if (!str_starts(option, "clock="))
		return err_set(err, EINVAL, "'%s' is not clock=HZ", option);
	return num_u64(option + strlen("clock="), 1, UINT32_MAX, "clock", &pick->clock_hz, err);
}

static int parse_pick(const struct hostdev_tree *t, const char *entry, struct picks *p,
		      struct err *err)
{
	autofree char *path = config_device_path(entry);
	struct dt_pick *pick = &p->v[p->nr];

	*pick = (struct dt_pick){ .node = DT_HOST_NONE };
	if (parse_words(entry, pick, &p->aliases[p->nr++], err) < 0)
		return -1;
	pick->node = dt_host_find(t->host, path);
	if (pick->node == DT_HOST_NONE)
		return err_set(err, ENOENT, "%s has no node %s", t->host->what, path);
	for (size_t i = 0; i + 1 < p->nr; i++) {
		if (dt_host_is_below(t->host, p->v[i].node, pick->node) ||
		    dt_host_is_below(t->host, pick->node, p->v[i].node))
			return err_set(err, EINVAL,
				       "it is, or is part of, another device of the list");
		if (pick->alias && str_eq(p->v[i].alias, pick->alias))
			return err_set(err, EINVAL, "another device of the list has the name '%s'",
				       pick->alias);
	}
	return 0;
}

static int parse_picks(const struct hostdev_tree *t, const struct vmm_config *cfg, struct picks *p,
		       struct err *err)
{
	const struct strlist *list = &cfg->passthrough_devices;

	if (list->n > MAX_PICKS)
		return err_set(err, E2BIG, "devices: %zu; at most %d are taken", list->n,
			       MAX_PICKS);
	for (size_t i = 0; i < list->n; i++)
		if (parse_pick(t, list->v[i], p, err) < 0)
			return err_wrap(err, "devices: \"%s\"", list->v[i]);
	return 0;
}

/* --- pages, interrupts ------------------------------------------------------------------------ */

struct span { uint64_t first, last; };	/* pages */

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Every page once, in pieces without gaps. Returns the number of pieces. */
static size_t merge_spans(struct span *spans, size_t nr)
{
	size_t n = 0;

	qsort(spans, nr, sizeof(*spans), compare_spans);
	for (size_t i = 0; i < nr; i++) {
		if (n && spans[i].first <= spans[n - 1].last) {
			if (spans[i].last > spans[n - 1].last)
				spans[n - 1].last = spans[i].last;
			continue;
		}
		spans[n++] = spans[i];
	}
	return n;
}

static bool is_free(const struct vmm_config *cfg, const struct config_iomem *io)
{
	struct err ignored = ERR_INIT;

	/* The larger of the two interrupt controllers: which one it is, Xen tells when the domain
	 * is made. */
	if (passthrough_check_place(cfg, HV_GIC_V3, io, &ignored) < 0)
		return false;
	for (size_t i = 0; i < cfg->nr_iomem; i++)
		if (io->gfn < cfg->iomem[i].gfn + cfg->iomem[i].nr &&
		    cfg->iomem[i].gfn < io->gfn + io->nr)
			return false;
	return true;
}

/* Where the host has it, else the lowest place in the hole. */
static int choose_place(const struct vmm_config *cfg, struct config_iomem *io, struct err *err)
{
	if (is_free(cfg, io))
		return 0;
	for (io->gfn = HOLE_FIRST; io->gfn + io->nr <= HOLE_END; io->gfn++)
		if (is_free(cfg, io))
			return 0;
	return err_set(err, ENOSPC, "%" PRIu64 " pages of device memory find no place in the guest",
		       io->nr);
}

static int add_span(struct vmm_config *cfg, const struct span *s, struct err *err)
{
	struct config_iomem io = { s->first, s->last - s->first + 1, s->first };

	for (size_t i = 0; i < cfg->nr_iomem; i++) {
		const struct config_iomem *have = &cfg->iomem[i];

		if (have->mfn <= io.mfn && io.mfn + io.nr <= have->mfn + have->nr)
			return 0;
		if (have->mfn < io.mfn + io.nr && io.mfn < have->mfn + have->nr)
			return err_set(err, EINVAL,
				       "iomem= has a part of its pages %#" PRIx64 ",%#" PRIx64
				       "; leave that out",
				       io.mfn, io.nr);
	}
	if (choose_place(cfg, &io, err) < 0)
		return -1;
	cfg->iomem = xreallocarray(cfg->iomem, cfg->nr_iomem + 1, sizeof(*cfg->iomem));
	cfg->iomem[cfg->nr_iomem++] = io;
	return 0;
}

static void add_irq(struct vmm_config *cfg, uint32_t irq)
{
	for (size_t i = 0; i < cfg->nr_irqs; i++)
		if (cfg->irqs[i] == irq)
			return;
	cfg->irqs = xreallocarray(cfg->irqs, cfg->nr_irqs + 1, sizeof(*cfg->irqs));
	cfg->irqs[cfg->nr_irqs++] = irq;
}

static void add_spans(struct span **spans, size_t *nr, const struct dt_device *dev)
{
	*spans = xreallocarray(*spans, *nr + dev->nr_regs, sizeof(**spans));
	for (size_t i = 0; i < dev->nr_regs; i++)
		(*spans)[(*nr)++] = (struct span){ dev->regs[i].base >> HV_PAGE_SHIFT,
						   (dev->regs[i].base + dev->regs[i].size - 1) >>
							   HV_PAGE_SHIFT };
}

/* --- taking ----------------------------------------------------------------------------------- */

/* Who only looks is told what would be refused, and goes on. */
static int check_safe(struct vmm *vmm, const struct hostdev_tree *t, const struct vmm_config *cfg,
		      const struct picks *p, size_t i, struct strlist *looking, bool *does_dma,
		      struct err *err)
{
	if (hostdev_safe(vmm, t, p->v, p->nr, i, cfg->force_shared_page, does_dma, err) == 0)
		return 0;
	if (!looking)
		return -1;
	strlist_take(looking, str_printf("%s: %s", cfg->passthrough_devices.v[i], err->msg));
	err_clear(err);
	return 0;
}

static int check_pick(struct vmm *vmm, const struct hostdev_tree *t, struct vmm_config *cfg,
		      const struct picks *p, size_t i, struct strlist *looking, struct err *err)
{
	autofree char *path = dt_host_path(t->host, p->v[i].node);
	bool does_dma;

	if (hostdev_usable(t, p->v, p->nr, i, err) < 0 ||
	    check_safe(vmm, t, cfg, p, i, looking, &does_dma, err) < 0 ||
	    (!looking && hostdev_left_alone(t, p->v[i].node, err) < 0))
		return -1;
	if (does_dma && !strlist_has(&cfg->dtdev, path))
		strlist_add(&cfg->dtdev, path);
	return 0;
}

static int take(struct vmm *vmm, const struct hostdev_tree *t, struct vmm_config *cfg,
		const struct picks *p, struct strlist *looking, struct err *err)
{
	autofree struct span *spans = xcalloc(1, sizeof(*spans));
	size_t nr = 0;

	for (size_t i = 0; i < p->nr; i++) {
		autodtdevice struct dt_device dev = { .regs = NULL };

		if (check_pick(vmm, t, cfg, p, i, looking, err) < 0 ||
		    dt_host_device(t->host, p->v[i].node, &dev, err) < 0)
			return err_wrap(err, "devices: \"%s\"", cfg->passthrough_devices.v[i]);
		for (size_t k = 0; k < dev.nr_irqs; k++)
			add_irq(cfg, dev.irqs[k]);
		add_spans(&spans, &nr, &dev);
	}
	nr = merge_spans(spans, nr);
	for (size_t i = 0; i < nr; i++)
		if (add_span(cfg, &spans[i], err) < 0)
			return err_wrap(err, "devices");
	return 0;
}

static int describe(const struct hostdev_tree *t, const struct vmm_config *cfg,
		    const struct picks *p, void **partial, struct strlist *notes, struct err *err)
{
	autofree struct dt_move *moves = xcalloc(cfg->nr_iomem, sizeof(*moves));
	autofree void *written = NULL;
	size_t size;
	struct dt_derive d = {
		.host = t->host, .picks = p->v, .nr_picks = p->nr, .moves = moves, .nr_moves = cfg->nr_iomem, .notes = notes,
	};

	for (size_t i = 0; i < cfg->nr_iomem; i++)
		moves[i] = (struct dt_move){
			{ cfg->iomem[i].mfn << HV_PAGE_SHIFT, cfg->iomem[i].nr << HV_PAGE_SHIFT },
			cfg->iomem[i].gfn << HV_PAGE_SHIFT,
		};
	if (cfg->device_tree && dt_partial_load(cfg->device_tree, &written, &size, err) < 0)
		return -1;
	d.partial = written;
	return dt_derive(&d, partial, &size, err) < 0 ? err_wrap(err, "devices") : 0;
}

int hostdev_resolve(struct vmm *vmm, struct vmm_config *cfg, void **partial,
		    struct strlist *looking, struct err *err)
{
	autohostdev struct hostdev_tree t = { .host = NULL };
	autopicks struct picks p = { .nr = 0 };

	if (!cfg->passthrough_devices.n)
		return 0;
	if (hostdev_open(&t, cfg->host_dtb, err) < 0)
		return err_wrap(err, "devices");
	if (parse_picks(&t, cfg, &p, err) < 0 || take(vmm, &t, cfg, &p, looking, err) < 0)
		return -1;
	return describe(&t, cfg, &p, partial, looking, err);
}

/* --- showing ---------------------------------------------------------------------------------- */

static void add_lines(struct strbuf *out, const struct vmm_config *cfg)
{
	strbuf_add(out, "/*\n * iomem = [");
	for (size_t i = 0; i < cfg->nr_iomem; i++)
		strbuf_printf(out, "%s \"%#" PRIx64 ",%" PRIx64 "@%#" PRIx64 "\"", i ? "," : "",
			      cfg->iomem[i].mfn, cfg->iomem[i].nr, cfg->iomem[i].gfn);
	strbuf_add(out, " ]\n");
	if (cfg->nr_irqs) {
		strbuf_add(out, " * irqs = [");
		for (size_t i = 0; i < cfg->nr_irqs; i++)
			strbuf_printf(out, "%s %u", i ? "," : "", cfg->irqs[i]);
		strbuf_add(out, " ]\n");
	}
	if (cfg->dtdev.n) {
		strbuf_add(out, " * dtdev = [");
		for (size_t i = 0; i < cfg->dtdev.n; i++)
			strbuf_printf(out, "%s \"%s\"", i ? "," : "", cfg->dtdev.v[i]);
		strbuf_add(out, " ]\n");
	}
	strbuf_add(out, " */\n");
}

int vmm_hostdev_dts(struct vmm *vmm, const char *host_dtb, const char *const *devices, char **dts,
		    char **notes, struct err *err)
{
	autoconfig struct vmm_config cfg = { .name = NULL };
	autostrbuf struct strbuf out = STRBUF_INIT, left_out = STRBUF_INIT;
	autostrlist struct strlist list = STRLIST_INIT;
	autofree void *partial = NULL;
	autofree char *text = NULL;

	config_init(&cfg);
	for (; *devices; devices++)
		strlist_add(&cfg.passthrough_devices, *devices);
	if (host_dtb)
		cfg.host_dtb = xstrdup(host_dtb);
	if (hostdev_resolve(vmm, &cfg, &partial, &list, err) < 0 ||
	    dt_text(partial, &text, err) < 0)
		return -1;
	add_lines(&out, &cfg);
	strbuf_add(&out, text);
	for (size_t i = 0; i < list.n; i++)
		strbuf_printf(&left_out, "%s\n", list.v[i]);
	*dts = strbuf_steal(&out);
	*notes = strbuf_steal(&left_out);
	return 0;
}
