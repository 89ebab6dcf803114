// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Gives pages of I/O memory, interrupts and devices of the host's device tree to a new domain, as its configuration lists them.
 */
#include "libvmm/create_passthrough.h"

static int give_iomem(struct vmm *vmm, const struct config_iomem *io, uint32_t domid, struct err *err)
{
	if (hv_iomem_permission(vmm->hv, domid, io->mfn, io->nr, true, err) < 0 ||
	    hv_memory_mapping(vmm->hv, domid, io->gfn, io->mfn, io->nr, true, err) < 0)
		return err_wrap(err, "iomem \"%llx,%llx@%llx\"", (unsigned long long)io->mfn, (unsigned long long)io->nr,
				(unsigned long long)io->gfn);
	return 0;
}

int create_passthrough(struct vmm *vmm, const struct vmm_config *cfg, uint32_t domid, struct err *err)
{
	if (!cfg->nr_iomem && !cfg->nr_irqs && !cfg->dtdev.n)
		return 0;
	if (vmm_step(vmm, err, "giving devices to the domain") < 0)
		return -1;
	for (size_t i = 0; i < cfg->nr_iomem; i++)
		if (give_iomem(vmm, &cfg->iomem[i], domid, err) < 0)
			return -1;
	for (size_t i = 0; i < cfg->nr_irqs; i++)
		if (hv_spi_bind(vmm->hv, domid, cfg->irqs[i], err) < 0)
			return err_wrap(err, "irqs: interrupt %u", cfg->irqs[i]);
	for (size_t i = 0; i < cfg->dtdev.n; i++)
		if (hv_dtdev_assign(vmm->hv, domid, cfg->dtdev.v[i], err) < 0)
			return err_wrap(err, "dtdev: %s", cfg->dtdev.v[i]);
	return 0;
}
