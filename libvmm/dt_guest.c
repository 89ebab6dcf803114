// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The device tree a guest boots with: what Xen gives it and where. Node and property names are
 * upstream's, which kernels and Xen's docs/misc/arm/device-tree/guest.txt know. Pure: the same
 * struct gives the same tree.
 */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "libvmm/devclass.h"
#include "libvmm/dt_guest.h"
#include "libvmm/dt_partial.h"

enum { IRQ_SPI = 0, IRQ_PPI = 1 };
enum { IRQ_EDGE_RISING = 1, IRQ_LEVEL_HIGH = 4, IRQ_LEVEL_LOW = 8 };
#define IRQ_ALL_CPUS 0xf00u		/* bits 8-15: the pcpus a PPI is for, GICv2's binding */

/* Three cells: type, number within the type, flags. */
static void irq_cells(uint32_t cells[3], uint32_t irq, uint32_t flags)
{
	bool is_ppi = irq < 32;

	cells[0] = is_ppi ? IRQ_PPI : IRQ_SPI;
	cells[1] = irq - (is_ppi ? 16 : 32);
	cells[2] = IRQ_ALL_CPUS | flags;
}

static void prop_irqs(struct dt *dt, const uint32_t *irqs, size_t nr, uint32_t flags)
{
	uint32_t cells[3 * 3];

	for (size_t i = 0; i < nr; i++)
		irq_cells(cells + 3 * i, irqs[i], flags);
	dt_prop_u32s(dt, "interrupts", cells, 3 * nr);
	dt_prop_u32(dt, "interrupt-parent", LAYOUT_PHANDLE_GIC);
}

static void prop_range(struct dt *dt, uint64_t base, uint64_t size)
{
	uint64_t pair[2] = { base, size };

	dt_prop_reg(dt, "reg", pair, 1);
}

static void root_props(struct dt *dt, const struct dt_guest *g)
{
	char model[48], version[48];

	snprintf(model, sizeof(model), "XENVM-%d.%d", g->xen_major, g->xen_minor);
	snprintf(version, sizeof(version), "xen,xenvm-%d.%d", g->xen_major, g->xen_minor);
	dt_prop_str(dt, "model", model);
	dt_prop_strs(dt, "compatible", (const char *const[]){ version, "xen,xenvm" }, 2);
	dt_prop_u32(dt, "interrupt-parent", LAYOUT_PHANDLE_GIC);
	dt_prop_u32(dt, "#address-cells", 2);
	dt_prop_u32(dt, "#size-cells", 2);
}

static void chosen(struct dt *dt, const struct dt_guest *g)
{
	const struct layout_range *initrd = &g->layout->initrd;

	dt_begin_node(dt, "chosen");
	if (g->cfg->cmdline)
		dt_prop_str(dt, "bootargs", g->cfg->cmdline);
	if (initrd->size) {
		dt_prop_u64(dt, "linux,initrd-start", initrd->base);
		dt_prop_u64(dt, "linux,initrd-end", initrd->base + initrd->size);
	}
	dt_prop(dt, "rng-seed", g->rng_seed, sizeof(g->rng_seed));
	dt_end_node(dt);
}

/* As Xen numbers them (vcpuid_to_vaffinity): sixteen a cluster, which is what a GICv3 can send an
 * interrupt to at once. */
static uint32_t mpidr_of(uint32_t vcpu)
{
	return (vcpu & 0xf) | ((vcpu >> 4) & 0xff) << 8;
}

static void cpus(struct dt *dt, const struct dt_guest *g)
{
	dt_begin_node(dt, "cpus");
	dt_prop_u32(dt, "#address-cells", 1);
	dt_prop_u32(dt, "#size-cells", 0);
	for (uint32_t i = 0; i < g->cfg->max_vcpus; i++) {
		char name[24];

		snprintf(name, sizeof(name), "cpu@%x", mpidr_of(i));
		dt_begin_node(dt, name);
		dt_prop_str(dt, "device_type", "cpu");
		dt_prop_str(dt, "compatible", g->is_64bit ? "arm,armv8" : "arm,cortex-a15");
		dt_prop_str(dt, "enable-method", "psci");
		dt_prop_u32(dt, "reg", mpidr_of(i));
		dt_end_node(dt);
	}
	dt_end_node(dt);
}

static void psci(struct dt *dt)
{
	dt_begin_node(dt, "psci");
	dt_prop_strs(dt, "compatible",
		     (const char *const[]){ "arm,psci-1.0", "arm,psci-0.2", "arm,psci" }, 3);
	dt_prop_str(dt, "method", "hvc");
	/* Function ids of PSCI 0.1, for the last of the three. */
	dt_prop_u32(dt, "cpu_off", 1);
	dt_prop_u32(dt, "cpu_on", 2);
	dt_end_node(dt);
}

static void memory(struct dt *dt, const struct dt_guest *g)
{
	for (unsigned i = 0; i < g->layout->nr_banks; i++) {
		const struct layout_range *bank = &g->layout->bank[i];
		char name[32];

		snprintf(name, sizeof(name), "memory@%llx", (unsigned long long)bank->base);
		dt_begin_node(dt, name);
		dt_prop_str(dt, "device_type", "memory");
		prop_range(dt, bank->base, bank->size);
		dt_end_node(dt);
	}
}

static void gic(struct dt *dt, const struct dt_guest *g)
{
	static const uint64_t v2[] = { LAYOUT_GICV2_GICD, LAYOUT_GICV2_GICD_SIZE, LAYOUT_GICV2_GICC,
				       LAYOUT_GICV2_GICC_SIZE };
	static const uint64_t v3[] = { LAYOUT_GICV3_GICD, LAYOUT_GICV3_GICD_SIZE, LAYOUT_GICV3_GICR,
				       LAYOUT_GICV3_GICR_SIZE };
	bool is_v2 = g->gic_version == HV_GIC_V2;
	char name[48];

	snprintf(name, sizeof(name), "interrupt-controller@%llx",
		 (unsigned long long)(is_v2 ? v2[0] : v3[0]));
	dt_begin_node(dt, name);
	if (is_v2)
		dt_prop_strs(dt, "compatible",
			     (const char *const[]){ "arm,cortex-a15-gic", "arm,cortex-a9-gic" }, 2);
	else
		dt_prop_str(dt, "compatible", "arm,gic-v3");
	dt_prop_u32(dt, "#interrupt-cells", 3);
	dt_prop_u32(dt, "#address-cells", 0);
	dt_prop_empty(dt, "interrupt-controller");
	dt_prop_reg(dt, "reg", is_v2 ? v2 : v3, 2);
	dt_prop_u32(dt, "linux,phandle", LAYOUT_PHANDLE_GIC);
	dt_prop_u32(dt, "phandle", LAYOUT_PHANDLE_GIC);
	dt_end_node(dt);
}

static void timer(struct dt *dt, const struct dt_guest *g)
{
	static const uint32_t ppis[] = { LAYOUT_TIMER_PHYS_S_PPI, LAYOUT_TIMER_PHYS_NS_PPI,
					 LAYOUT_TIMER_VIRT_PPI };

	dt_begin_node(dt, "timer");
	dt_prop_str(dt, "compatible", g->is_64bit ? "arm,armv8-timer" : "arm,armv7-timer");
	prop_irqs(dt, ppis, array_size(ppis), IRQ_LEVEL_LOW);
	if (g->timer_frequency)
		dt_prop_u32(dt, "clock-frequency", g->timer_frequency);
	dt_end_node(dt);
}

static void hypervisor(struct dt *dt, const struct dt_guest *g)
{
	static const uint32_t evtchn[] = { LAYOUT_EVTCHN_PPI };
	uint64_t pairs[2 * (1 + array_size(g->layout->extended))] = { LAYOUT_GNTTAB,
								      LAYOUT_GNTTAB_SIZE };
	size_t nr = 1;
	char version[48];

	for (unsigned i = 0; i < g->layout->nr_extended; i++, nr++) {
		pairs[2 * nr] = g->layout->extended[i].base;
		pairs[2 * nr + 1] = g->layout->extended[i].size;
	}
	snprintf(version, sizeof(version), "xen,xen-%d.%d", g->xen_major, g->xen_minor);
	dt_begin_node(dt, "hypervisor");
	dt_prop_strs(dt, "compatible", (const char *const[]){ version, "xen,xen" }, 2);
	dt_prop_reg(dt, "reg", pairs, nr);
	prop_irqs(dt, evtchn, 1, IRQ_LEVEL_LOW);
	dt_end_node(dt);
}

static void vuart(struct dt *dt, const struct dt_guest *g)
{
	if (g->cfg->vuart == CONFIG_VUART_NONE)
		return;
	dt_begin_node(dt, "sbsa-pl011");
	dt_prop_str(dt, "compatible", "arm,sbsa-uart");
	prop_range(dt, LAYOUT_VPL011, LAYOUT_VPL011_SIZE);
	prop_irqs(dt, &g->vuart_spi, 1, IRQ_LEVEL_HIGH);
	dt_prop_u32(dt, "current-speed", 115200);
	dt_end_node(dt);
}

static void firmware(struct dt *dt, const struct dt_guest *g)
{
	if (g->cfg->tee != CONFIG_TEE_OPTEE)
		return;
	dt_begin_node(dt, "firmware");
	dt_begin_node(dt, "optee");
	dt_prop_str(dt, "compatible", "linaro,optee-tz");
	dt_prop_str(dt, "method", "hvc");
	dt_end_node(dt);
	dt_end_node(dt);
}

/* --- virtio-mmio devices ---------------------------------------------------------------------- */

static bool mmio_of(const struct vmm_device *dev, struct device_mmio *mmio)
{
	return dev->class->mmio && dev->class->mmio(dev, mmio);
}

/* Linux' bindings want these devices to be nodes of their own below the transport's. */
static void virtio_child(struct dt *dt, const char *type)
{
	bool is_gpio = !strcmp(type, "virtio,device29");

	if (!is_gpio && strcmp(type, "virtio,device22") != 0)
		return;
	dt_begin_node(dt, is_gpio ? "gpio" : "i2c");
	dt_prop_str(dt, "compatible", type);
	if (is_gpio) {
		dt_prop_empty(dt, "gpio-controller");
		dt_prop_u32(dt, "#gpio-cells", 2);
		dt_prop_empty(dt, "interrupt-controller");
		dt_prop_u32(dt, "#interrupt-cells", 2);
	}
	dt_end_node(dt);
}

static void virtio(struct dt *dt, const struct device_mmio *mmio)
{
	char name[32];

	snprintf(name, sizeof(name), "virtio@%llx", (unsigned long long)mmio->base);
	dt_begin_node(dt, name);
	dt_prop_str(dt, "compatible", "virtio,mmio");
	prop_range(dt, mmio->base, LAYOUT_VIRTIO_STRIDE);
	prop_irqs(dt, &mmio->spi, 1, IRQ_EDGE_RISING);
	dt_prop_empty(dt, "dma-coherent");
	if (mmio->uses_grants)
		dt_prop_u32s(dt, "iommus",
			     (const uint32_t[]){ LAYOUT_PHANDLE_IOMMU, mmio->backend_domid }, 2);
	virtio_child(dt, mmio->type);
	dt_end_node(dt);
}

/* Memory that is shared by grants has addresses of its own: Linux' grant-dma-ops. */
static void grant_iommu(struct dt *dt)
{
	dt_begin_node(dt, "xen_iommu");
	dt_prop_str(dt, "compatible", "xen,grant-dma");
	dt_prop_u32(dt, "#iommu-cells", 1);
	dt_prop_u32(dt, "phandle", LAYOUT_PHANDLE_IOMMU);
	dt_end_node(dt);
}

static void devices(struct dt *dt, const struct dt_guest *g)
{
	struct vmm_device *dev;
	struct device_mmio mmio;
	bool uses_grants = false;

	/* A configuration that no list was ever put into. */
	if (!g->cfg->nr_devices)
		return;
	list_for_each_entry(dev, &g->cfg->devices, link)
		uses_grants |= mmio_of(dev, &mmio) && mmio.uses_grants;
	if (uses_grants)
		grant_iommu(dt);
	list_for_each_entry(dev, &g->cfg->devices, link)
		if (mmio_of(dev, &mmio))
			virtio(dt, &mmio);
}

int dt_guest_build(const struct dt_guest *g, void **blob, size_t *size, struct err *err)
{
	struct dt *dt = dt_new();
	int r;

	dt_begin_node(dt, "");
	root_props(dt, g);
	chosen(dt, g);
	cpus(dt, g);
	psci(dt);
	memory(dt, g);
	gic(dt, g);
	timer(dt, g);
	hypervisor(dt, g);
	vuart(dt, g);
	firmware(dt, g);
	devices(dt, g);
	if (g->partial)
		dt_partial_copy(dt, g->partial);
	dt_end_node(dt);
	r = dt_finish(dt, blob, size, err);
	dt_free(dt);
	return r;
}
