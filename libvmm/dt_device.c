// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a device of the host's tree is made of: registers in the host's memory, interrupts in Xen's
 * numbers, signs of DMA. Sources: the Devicetree Specification 2.3 and 2.4, Linux' bindings of the
 * GIC. Whose a device is, is asked elsewhere.
 */
#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/dt_host.h"

#define MAX_REGS 1024
#define FIRST_SPI 32u
#define LAST_SPI 1019u

static int fail_at(const struct dt_host *h, uint32_t node, int code, struct err *err,
		   const char *text)
{
	autofree char *path = dt_host_path(h, node);

	return err_set(err, code, "%s: node %s: %s", h->what, path, text);
}

/* --- addresses -------------------------------------------------------------------------------- */

/* How a bus writes the addresses and sizes of what is below it. */
static int bus_cells(const struct dt_host *h, uint32_t bus, unsigned *addr, unsigned *size,
		     struct err *err)
{
	*addr = dt_host_u32(h, bus, "#address-cells", 2);
	*size = dt_host_u32(h, bus, "#size-cells", 1);
	if (*addr < 1 || *addr > 2 || *size > 2)
		return fail_at(h, bus, ENOTSUP, err, "what is below it has no addresses in memory");
	return 0;
}

static uint64_t number(const void *cells, unsigned at, unsigned nr)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < nr; i++)
		v = v << 32 | dt_cell(cells, at + i);
	return v;
}

/* One bus up; *addr is the address as the bus above writes it. */
static int translate_once(const struct dt_host *h, uint32_t bus, uint64_t *addr, struct err *err)
{
	unsigned child, child_size, parent, parent_size, nr, step;
	int len;
	const void *ranges = dt_host_prop(h, bus, "ranges", &len);

	if (!ranges)
		return fail_at(h, bus, ENOTSUP, err,
			       "what is below it is not in memory (the bus has no ranges)");
	if (!len)
		return 0;
	ranges = dt_host_cells(h, bus, "ranges", &nr);
	if (bus_cells(h, bus, &child, &child_size, err) < 0 ||
	    bus_cells(h, h->nodes[bus].parent, &parent, &parent_size, err) < 0)
		return -1;
	step = child + parent + child_size;
	if (!ranges || nr % step || !child_size)
		return fail_at(h, bus, EINVAL, err, "its ranges are damaged");
	for (unsigned i = 0; i < nr; i += step) {
		uint64_t from = number(ranges, i, child),
			 size = number(ranges, i + child + parent, child_size);

		if (*addr >= from && *addr - from < size) {
			if (!num_add(number(ranges, i + child, parent), *addr - from, addr))
				return fail_at(h, bus, ERANGE, err, "its ranges wrap around");
			return 0;
		}
	}
	return fail_at(h, bus, ENOTSUP, err, "its ranges do not cover what is below it");
}

int dt_host_translate(const struct dt_host *h, uint32_t node, uint64_t addr, uint64_t *out,
		      struct err *err)
{
	for (; node; node = h->nodes[node].parent)
		if (translate_once(h, node, &addr, err) < 0)
			return -1;
	*out = addr;
	return 0;
}

unsigned dt_host_nr_regs(const struct dt_host *h, uint32_t node)
{
	unsigned addr, size, nr;
	struct err ignored = ERR_INIT;

	dt_host_cells(h, node, "reg", &nr);
	if (!nr || !node || bus_cells(h, h->nodes[node].parent, &addr, &size, &ignored) < 0 ||
	    !size)
		return 0;
	return nr / (addr + size);
}

int dt_host_reg(const struct dt_host *h, uint32_t node, unsigned i, struct dt_range *out,
		struct err *err)
{
	uint32_t bus = h->nodes[node].parent;
	unsigned addr, size, nr;
	const void *cells = dt_host_cells(h, node, "reg", &nr);
	uint64_t last;

	if (bus_cells(h, bus, &addr, &size, err) < 0)
		return -1;
	if (nr % (addr + size) || i >= nr / (addr + size))
		return fail_at(h, node, EINVAL, err, "its reg is damaged");
	out->size = number(cells, i * (addr + size) + addr, size);
	if (dt_host_translate(h, bus, number(cells, i * (addr + size), addr), &out->base, err) < 0)
		return -1;
	if (!out->size || !num_add(out->base, out->size - 1, &last) || last >> 48)
		return fail_at(h, node, ERANGE, err,
			       "its reg is empty or reaches beyond 48 address bits");
	return 0;
}

/* --- interrupts ------------------------------------------------------------------------------- */

/* The node that `node` (or one above it) names as the parent of its interrupts. */
static uint32_t interrupt_parent(const struct dt_host *h, uint32_t node)
{
	for (;;) {
		uint32_t phandle = dt_host_u32(h, node, "interrupt-parent", 0);

		if (phandle)
			return dt_host_by_phandle(h, phandle);
		if (!node)
			return DT_HOST_NONE;
		node = h->nodes[node].parent;
		/* A controller on the way is the parent of what is below it. */
		if (dt_host_cells(h, node, "#interrupt-cells", &(unsigned){ 0 }))
			return node;
	}
}

static int add_irq(const struct dt_host *h, uint32_t node, uint32_t controller, const void *cells,
		   unsigned at, unsigned left, unsigned *used, struct dt_irq *out, unsigned *nr,
		   struct err *err)
{
	if (controller == DT_HOST_NONE)
		return fail_at(h, node, ENOENT, err,
			       "its interrupts lead to a controller that is not in the tree");
	*used = dt_host_u32(h, controller, "#interrupt-cells", 0);
	if (!*used || *used > 8 || *used > left)
		return fail_at(h, node, EINVAL, err, "its interrupts end inside an entry");
	if (*nr == DT_MAX_IRQS)
		return fail_at(h, node, E2BIG, err, "it has too many interrupts");
	out[*nr] = (struct dt_irq){ .controller = controller };
	if (controller == h->gic && *used >= 3) {
		out[*nr].type = dt_cell(cells, at);
		out[*nr].number = dt_cell(cells, at + 1);
		out[*nr].flags = dt_cell(cells, at + 2);
	}
	++*nr;
	return 0;
}

int dt_host_irqs(const struct dt_host *h, uint32_t node, struct dt_irq *out, unsigned *nr,
		 struct err *err)
{
	unsigned cells_nr, used;
	const void *cells = dt_host_cells(h, node, "interrupts-extended", &cells_nr);

	*nr = 0;
	for (unsigned i = 0; i < cells_nr; i += used) {
		uint32_t controller = dt_host_by_phandle(h, dt_cell(cells, i));

		i++;
		if (add_irq(h, node, controller, cells, i, cells_nr - i, &used, out, nr, err) < 0)
			return -1;
	}
	if (cells)
		return 0;
	cells = dt_host_cells(h, node, "interrupts", &cells_nr);
	for (unsigned i = 0; i < cells_nr; i += used)
		if (add_irq(h, node, interrupt_parent(h, node), cells, i, cells_nr - i, &used, out,
			    nr, err) < 0)
			return -1;
	return 0;
}

/* --- what a node is --------------------------------------------------------------------------- */

bool dt_host_is_set_aside(const struct dt_host *h, uint32_t node)
{
	const char *status = dt_host_str(h, node, "status");
	int len;

	return dt_host_prop(h, node, "xen,passthrough", &len) ||
	       (h->is_own && str_eq(status, "disabled"));
}

static bool is_of_machine(const struct dt_host *h, uint32_t node)
{
	static const char *const tops[] = {
		"reserved-memory", "chosen", "cpus",    "hypervisor",  "firmware",
		"options",         "psci",   "aliases", "passthrough",
	};
	static const char *const compatibles[] = { "xen,xen", "arm,psci", "arm,psci-0.2",
						   "arm,psci-1.0", "xen,domain" };
	const char *type = dt_host_str(h, node, "device_type");
	uint32_t top = node;

	while (h->nodes[top].parent)
		top = h->nodes[top].parent;
	for (size_t i = 0; i < array_size(tops); i++)
		if (str_eq(h->nodes[top].name, tops[i]))
			return true;
	for (size_t i = 0; i < array_size(compatibles); i++)
		if (dt_host_is_compatible(h, node, compatibles[i]))
			return true;
	return str_eq(type, "memory") || str_eq(type, "cpu") ||
	       (h->gic != DT_HOST_NONE && dt_host_is_below(h, node, h->gic));
}

bool dt_host_is_device(const struct dt_host *h, uint32_t node)
{
	struct err ignored = ERR_INIT;
	struct dt_range reg;

	return node && dt_host_str(h, node, "compatible") && dt_host_nr_regs(h, node) &&
	       !is_of_machine(h, node) && dt_host_reg(h, node, 0, &reg, &ignored) == 0;
}

const char *dt_host_dma_sign(const struct dt_host *h, uint32_t node)
{
	static const char *const props[] = { "iommus", "iommu-map", "dma-coherent", "dma-ranges",
					     "memory-region" };
	/* The generic names of the Devicetree Specification 2.2.2 and of common bindings. */
	static const char *const names[] = {
		"ethernet",    "mmc",  "sdhci",       "sdmmc",  "usb",
		"sata",        "ufs",  "gpu",         "dma",    "dma-controller",
		"pci",         "pcie", "video-codec", "vpu",    "display",
		"hdmi",        "isp",  "camera",      "crypto", "nand-controller",
		"virtio_mmio",
	};
	const char *name = h->nodes[node].name;
	size_t base = strcspn(name, "@");
	int len;

	for (size_t i = 0; i < array_size(props); i++)
		if (dt_host_prop(h, node, props[i], &len))
			return props[i];
	for (size_t i = 0; i < array_size(names); i++)
		if (strlen(names[i]) == base && !strncmp(name, names[i], base))
			return names[i];
	return NULL;
}

/* --- a device --------------------------------------------------------------------------------- */

static void obstacle(struct dt_device *dev, const struct dt_host *h, uint32_t node, int code,
		     const char *text)
{
	if (!dev->obstacle.code)
		fail_at(h, node, code, &dev->obstacle, text);
}

static void add_device_irq(const struct dt_host *h, uint32_t node, uint32_t top,
			   const struct dt_irq *irq, struct dt_device *dev)
{
	uint32_t spi = irq->number + FIRST_SPI;

	if (irq->controller != h->gic) {
		if (!dt_host_is_below(h, irq->controller, top))
			obstacle(dev, h, node, ENOTSUP,
				 "its interrupt goes through another device, not to the interrupt "
				 "controller");
		return;
	}
	if (irq->type != 0 || irq->number > LAST_SPI - FIRST_SPI) {
		obstacle(dev, h, node, ENOTSUP,
			 "its interrupt is not a shared one (SPI), and Xen gives guests no other");
		return;
	}
	for (size_t i = 0; i < dev->nr_irqs; i++)
		if (dev->irqs[i] == spi)
			return;
	dev->irqs = xreallocarray(dev->irqs, dev->nr_irqs + 1, sizeof(*dev->irqs));
	dev->irqs[dev->nr_irqs++] = spi;
}

static int add_node(const struct dt_host *h, uint32_t node, uint32_t top, struct dt_device *dev,
		    struct err *err)
{
	unsigned nr = dt_host_nr_regs(h, node), nr_irqs;
	struct dt_irq irqs[DT_MAX_IRQS];

	for (unsigned i = 0; i < nr; i++) {
		struct dt_range reg;

		if (dt_host_reg(h, node, i, &reg, err) < 0) {
			/* Below the device there may be buses of its own, whose addresses are no
			 * memory. */
			if (node == top || err->code != ENOTSUP)
				return -1;
			err_clear(err);
			break;
		}
		if (dev->nr_regs == MAX_REGS)
			return fail_at(h, top, E2BIG, err, "it has too many registers");
		dev->regs = xreallocarray(dev->regs, dev->nr_regs + 1, sizeof(*dev->regs));
		dev->regs[dev->nr_regs++] = reg;
	}
	if (dt_host_irqs(h, node, irqs, &nr_irqs, err) < 0)
		return -1;
	for (unsigned i = 0; i < nr_irqs; i++)
		add_device_irq(h, node, top, &irqs[i], dev);
	if (str_eq(dt_host_str(h, node, "device_type"), "pci"))
		obstacle(dev, h, node, ENOTSUP,
			 "a PCI host bridge; Xen does not give PCI to guests on Arm");
	return 0;
}

int dt_host_device(const struct dt_host *h, uint32_t node, struct dt_device *out, struct err *err)
{
	autodtdevice struct dt_device dev = { .regs = NULL };

	for (uint32_t i = node; i < h->nodes[node].end; i++)
		if (add_node(h, i, node, &dev, err) < 0)
			return -1;
	if (!dev.nr_regs)
		return fail_at(h, node, ENOTSUP, err,
			       "it has no registers in memory, so there is nothing to give");
	if (is_of_machine(h, node))
		return fail_at(h, node, ENOTSUP, err, "a part of the machine itself, no device");
	*out = dev;
	dev = (struct dt_device){ .regs = NULL };
	return 0;
}

void dt_device_free(struct dt_device *dev)
{
	free(dev->regs);
	free(dev->irqs);
	*dev = (struct dt_device){ .regs = NULL };
}
