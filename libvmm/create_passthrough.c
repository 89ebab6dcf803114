// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Gives pages of I/O memory, interrupts and devices of the host's device tree to a new domain, as
 * its configuration lists them. Xen guards what is its own and dom0's; that two guests do not get
 * the same thing is seen to here, from the saved configurations of the others.
 */
#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/create_passthrough.h"
#include "libvmm/layout.h"

#define PAGE_SHIFT HV_PAGE_SHIFT

static bool is_any(const struct vmm_config *cfg)
{
	return cfg->nr_iomem || cfg->nr_irqs || cfg->dtdev.n;
}

/* --- the guest's side ------------------------------------------------------------------------- */

static bool overlaps(uint64_t base, uint64_t nr, uint64_t other, uint64_t other_nr)
{
	return base < other + other_nr && other < base + nr;
}

static uint64_t bank_bytes(const struct vmm_config *cfg, unsigned bank)
{
	uint64_t first =
		cfg->max_kb * 1024 < LAYOUT_RAM0_SIZE ? cfg->max_kb * 1024 : LAYOUT_RAM0_SIZE;

	return bank == 0 ? first : cfg->max_kb * 1024 - first;
}

/* What stands in every guest's physical address space. A size of 0: not in this one's. */
int passthrough_check_place(const struct vmm_config *cfg, enum hv_gic gic,
			    const struct config_iomem *io, struct err *err)
{
	const uint64_t gic_end = gic == HV_GIC_V3 ? LAYOUT_GICV3_GICR + LAYOUT_GICV3_GICR_SIZE :
						    LAYOUT_GICV2_GICC + LAYOUT_GICV2_GICC_SIZE;
	const struct {
		const char *what;
		uint64_t base, size;
	} taken[] = {
		{ "RAM", LAYOUT_RAM0, bank_bytes(cfg, 0) },
		{ "RAM", LAYOUT_RAM1, bank_bytes(cfg, 1) },
		{ "interrupt controller", LAYOUT_GICV2_GICD, gic_end - LAYOUT_GICV2_GICD },
		{ "emulated UART", LAYOUT_VPL011, cfg->vuart == CONFIG_VUART_NONE ? 0 : LAYOUT_VPL011_SIZE },
		{ "grant table", LAYOUT_GNTTAB, LAYOUT_GNTTAB_SIZE },
		{ "Xen's own pages", LAYOUT_MAGIC, LAYOUT_MAGIC_SIZE },
		{ "virtio devices", LAYOUT_VIRTIO_BASE, cfg->nr_devices ? LAYOUT_VIRTIO_SIZE : 0 },
	};
	uint64_t end;

	if (!num_add(io->gfn, io->nr, &end) || end > 1ull << (48 - PAGE_SHIFT) ||
	    !num_add(io->mfn, io->nr, &end) || end > 1ull << (48 - PAGE_SHIFT))
		return err_set(err, ERANGE, "it reaches beyond 48 address bits");
	for (unsigned i = 0; i < array_size(taken); i++)
		if (taken[i].size && overlaps(io->gfn, io->nr, taken[i].base >> PAGE_SHIFT,
					      taken[i].size >> PAGE_SHIFT))
			return err_set(err, EINVAL,
				       "in the guest it would cover its %s (from %#llx); choose "
				       "another place: "
				       "\"%llx,%llx@GFN\"",
				       taken[i].what, (unsigned long long)taken[i].base,
				       (unsigned long long)io->mfn, (unsigned long long)io->nr);
	return 0;
}

static int wrap_iomem(const struct config_iomem *io, struct err *err)
{
	return err_wrap(err, "iomem \"%llx,%llx@%llx\"", (unsigned long long)io->mfn,
			(unsigned long long)io->nr, (unsigned long long)io->gfn);
}

static int check_places(const struct vmm_config *cfg, enum hv_gic gic, struct err *err)
{
	for (size_t i = 0; i < cfg->nr_iomem; i++) {
		const struct config_iomem *io = &cfg->iomem[i];

		if (passthrough_check_place(cfg, gic, io, err) < 0)
			return wrap_iomem(io, err);
		for (size_t k = 0; k < i; k++)
			if (overlaps(io->gfn, io->nr, cfg->iomem[k].gfn, cfg->iomem[k].nr)) {
				err_set(err, EINVAL,
					"in the guest it would cover \"%llx,%llx@%llx\"",
					(unsigned long long)cfg->iomem[k].mfn,
					(unsigned long long)cfg->iomem[k].nr,
					(unsigned long long)cfg->iomem[k].gfn);
				return wrap_iomem(io, err);
			}
	}
	return 0;
}

/* --- other domains ---------------------------------------------------------------------------- */

static int compare_iomem(const struct vmm_config *cfg, const struct vmm_config *other,
			 struct err *err)
{
	for (size_t i = 0; i < cfg->nr_iomem && !cfg->force_shared_page; i++) {
		const struct config_iomem *io = &cfg->iomem[i];

		for (size_t k = 0; k < other->nr_iomem; k++)
			if (overlaps(io->mfn, io->nr, other->iomem[k].mfn, other->iomem[k].nr)) {
				err_set(err, EBUSY, "the pages %#llx,%#llx are its already",
					(unsigned long long)other->iomem[k].mfn,
					(unsigned long long)other->iomem[k].nr);
				return wrap_iomem(io, err);
			}
	}
	return 0;
}

static int compare(const struct vmm_config *cfg, const struct vmm_config *other, struct err *err)
{
	if (compare_iomem(cfg, other, err) < 0)
		return -1;
	for (size_t i = 0; i < cfg->nr_irqs; i++)
		for (size_t k = 0; k < other->nr_irqs; k++)
			if (cfg->irqs[i] == other->irqs[k])
				return err_set(err, EBUSY, "irqs: interrupt %u is its already",
					       cfg->irqs[i]);
	for (size_t i = 0; i < cfg->dtdev.n; i++)
		if (strlist_has(&other->dtdev, cfg->dtdev.v[i]))
			return err_set(err, EBUSY, "dtdev: %s is its already", cfg->dtdev.v[i]);
	return 0;
}

static int compare_domain(struct vmm *vmm, const struct vmm_config *cfg, uint32_t domid,
			  struct err *err)
{
	struct vmm_config *other = NULL;
	int r;

	if (vmm_domain_config(vmm, domid, &other, err) < 0) {
		/* None was saved: a domain that Xen started by itself, or one that is being made.
		 * Xen refuses interrupts and devices that are taken. */
		if (err->code != ENOENT && err->code != ESRCH)
			return err_wrap(err, "what domain %u was given", domid);
		err_clear(err);
		return 0;
	}
	r = compare(cfg, other, err);
	vmm_config_free(other);
	return r < 0 ? err_wrap(err, "domain %u", domid) : 0;
}

int passthrough_check(struct vmm *vmm, const struct vmm_config *cfg, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	size_t nr;

	if (!is_any(cfg))
		return 0;
	/* The smaller one, until Xen says which it is. */
	if (check_places(cfg, cfg->gic_version == CONFIG_GIC_V3 ? HV_GIC_V3 : HV_GIC_V2, err) < 0 ||
	    vmm_domain_list(vmm, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++)
		if (list[i].domid && compare_domain(vmm, cfg, list[i].domid, err) < 0)
			return -1;
	return 0;
}

/* --- giving ----------------------------------------------------------------------------------- */

static int give_iomem(struct vmm *vmm, const struct config_iomem *io, uint32_t domid,
		      struct err *err)
{
	if (hv_iomem_permission(vmm->hv, domid, io->mfn, io->nr, true, err) < 0) {
		if (err->code == EPERM)
			err_set(err, EPERM,
				"Xen does not let dom0 give these pages away: RAM, Xen's own UART "
				"or interrupt "
				"controller, or kept from dom0");
		return wrap_iomem(io, err);
	}
	return hv_memory_mapping(vmm->hv, domid, io->gfn, io->mfn, io->nr, true, err) < 0
		       ? wrap_iomem(io, err)
		       : 0;
}

static int give_irq(struct vmm *vmm, uint32_t irq, uint32_t domid, struct err *err)
{
	if (hv_spi_bind(vmm->hv, domid, irq, err) == 0)
		return 0;
	if (err->code == EPERM)
		err_set(err, EPERM,
			"Xen does not let dom0 give it away: Xen's own, or no device of the host's "
			"tree has it");
	else if (err->code == EBUSY)
		err_append(err, "another domain has it: dom0, unless the device is marked "
				"xen,passthrough in the host's device tree");
	return err_wrap(err, "irqs: interrupt %u", irq);
}

int passthrough_give(struct vmm *vmm, const struct vmm_config *cfg, const struct hv_created *dom,
		     struct err *err)
{
	uint32_t domid = dom->domid;

	if (!is_any(cfg))
		return 0;
	if (vmm_step(vmm, err, "giving devices to the domain") < 0 ||
	    check_places(cfg, dom->gic_version, err) < 0)
		return -1;
	for (size_t i = 0; i < cfg->nr_iomem; i++)
		if (give_iomem(vmm, &cfg->iomem[i], domid, err) < 0)
			return -1;
	for (size_t i = 0; i < cfg->nr_irqs; i++)
		if (give_irq(vmm, cfg->irqs[i], domid, err) < 0)
			return -1;
	for (size_t i = 0; i < cfg->dtdev.n; i++)
		if (hv_dtdev_assign(vmm->hv, domid, cfg->dtdev.v[i], err) < 0)
			return err_wrap(err, "dtdev: %s", cfg->dtdev.v[i]);
	return 0;
}
