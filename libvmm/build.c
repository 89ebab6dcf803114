// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Builds a domain's inside in the order Xen wants: limits, event channels, page-table pool, memory,
 * images, device tree, magic pages, vcpu 0, grant table. Places come from layout.c, bytes from
 * image.c and dt_guest.c; the store and undo are create.c's.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/build.h"
#include "libvmm/devclass.h"
#include "libvmm/dt_guest.h"
#include "libvmm/dt_partial.h"
#include "libvmm/guestmem.h"

#define MAXMEM_SLACK_KB 1024	/* upstream's LIBXL_MAXMEM_CONSTANT: magic pages and what a guest asks for beside its RAM */
#define P2M_EXTRA_KB 128
#define FIRST_SPI 32u
#define SVE_VL_MASK 0x1fu	/* of physinfo's arch_capabilities: vector length / 128 (Xen 4.18) */
#define DTB_NONE UINT32_MAX
#define DTB_GUESS HV_PAGE_SIZE	/* of the tree, until it was made once */

/* --- before there is a domain ----------------------------------------------------------------- */

uint64_t build_p2m_pool_kb(const struct vmm_config *cfg)
{
	if (cfg->shadow_kb)
		return cfg->shadow_kb;
	/* A page of tables for each MiB, and for each vcpu what it may come to use. */
	return 4 * (256ull * cfg->max_vcpus + cfg->max_kb / 1024 + P2M_EXTRA_KB);
}

uint64_t build_magic(enum layout_magic page)
{
	return LAYOUT_MAGIC + (uint64_t)page * HV_PAGE_SIZE;
}

/* SPIs are counted from 32 up to the highest one used. */
static void use_spi(uint32_t *nr, uint32_t spi)
{
	if (spi - FIRST_SPI + 1 > *nr)
		*nr = spi - FIRST_SPI + 1;
}

/* Interrupts the guest's platform has already, by its own design. */
static int check_irq(const struct vmm_config *cfg, uint32_t irq, struct err *err)
{
	struct vmm_device *dev;
	struct device_mmio mmio;

	if (irq < FIRST_SPI)
		return err_set(err, EINVAL, "irqs: %u is not a shared interrupt (SPIs start at 32)",
			       irq);
	if (cfg->vuart != CONFIG_VUART_NONE && irq == LAYOUT_VPL011_SPI)
		return err_set(err, EBUSY,
			       "irqs: %u is also the interrupt of the emulated UART, which Xen "
			       "fixes; leave out "
			       "vuart= or this interrupt",
			       irq);
	if (!cfg->nr_devices)
		return 0;
	list_for_each_entry(dev, &cfg->devices, link)
		if (dev->class->mmio && dev->class->mmio(dev, &mmio) && mmio.spi == irq)
			return err_set(
				err, EBUSY,
				"irqs: %u is also the interrupt of a virtio device of this domain",
				irq);
	return 0;
}

static int count_spis(const struct vmm_config *cfg, uint32_t *nr, struct err *err)
{
	struct vmm_device *dev;
	struct device_mmio mmio;

	*nr = 0;
	if (cfg->vuart != CONFIG_VUART_NONE)
		use_spi(nr, LAYOUT_VPL011_SPI);
	for (size_t i = 0; i < cfg->nr_irqs; i++) {
		if (check_irq(cfg, cfg->irqs[i], err) < 0)
			return -1;
		use_spi(nr, cfg->irqs[i]);
	}
	if (cfg->nr_devices)
		list_for_each_entry(dev, &cfg->devices, link)
			if (dev->class->mmio && dev->class->mmio(dev, &mmio))
				use_spi(nr, mmio.spi);
	if (cfg->nr_spis != CONFIG_UNSET && (uint32_t)cfg->nr_spis > *nr)
		*nr = cfg->nr_spis;
	return 0;
}

/* A device that does DMA takes an IOMMU; one that does not is given by iomem= and irqs= alone. */
static bool wants_iommu(const struct vmm_config *cfg)
{
	return cfg->passthrough == PASSTHROUGH_ENABLED ||
	       (cfg->passthrough == PASSTHROUGH_DEFAULT && cfg->dtdev.n);
}

static int ask_host(struct build *b, struct err *err)
{
	char caps[1024];
	struct hv_physinfo phys;
	bool has_64, has_32;

	if (hv_capabilities(b->vmm->hv, &b->xen_major, &b->xen_minor, caps, sizeof(caps), err) <
		    0 ||
	    hv_physinfo(b->vmm->hv, &phys, err) < 0)
		return -1;
	b->max_sve_vl = phys.arch_capabilities & SVE_VL_MASK;
	if (b->cfg->sve_vl && !b->max_sve_vl)
		return err_set(err, ENODEV,
			       "sve= needs processors with the scalable vector extension, which "
			       "this host lacks (or its "
			       "Xen does not offer, before 4.18)");
	if (wants_iommu(b->cfg) && !(phys.capabilities & HV_CAP_DIRECTIO))
		return err_set(err, ENODEV,
			       "%s needs an IOMMU, and Xen uses none on this host; a device that "
			       "does no DMA is given "
			       "with iomem= and irqs= alone",
			       b->cfg->dtdev.n ? "dtdev=" : "passthrough=");
	b->max_grant_version = phys.capabilities & HV_CAP_GNTTAB_V2   ? 2
			       : phys.capabilities & HV_CAP_GNTTAB_V1 ? 1
								      : 0;
	if (b->cfg->max_grant_version != CONFIG_UNSET)
		b->max_grant_version = b->cfg->max_grant_version;
	has_64 = strstr(caps, "-aarch64") != NULL;
	has_32 = strstr(caps, "-armv7l") != NULL;
	if (b->kernel.kind == IMAGE_RAW)
		b->kernel.is_64bit = has_64;
	b->is_64bit = b->kernel.is_64bit;
	if (b->is_64bit ? !has_64 : !has_32)
		return err_set(
			err, ENOEXEC, "%s: a %d-bit kernel, but Xen on this host runs only %s",
			b->cfg->kernel, b->is_64bit ? 64 : 32, *caps ? caps : "nothing it names");
	return 0;
}

uint64_t build_need_kb(const struct vmm_config *cfg)
{
	return cfg->max_kb + build_p2m_pool_kb(cfg) + NR_MAGIC * 4;
}

int build_open(struct build *b, struct vmm *vmm, const struct vmm_config *cfg, void *partial,
	       struct err *err)
{
	size_t partial_size;

	memset(b, 0, sizeof(*b));
	b->vmm = vmm;
	b->cfg = cfg;
	b->partial = partial;
	b->kernel.fd = b->ramdisk.fd = -1;
	if (!cfg->kernel)
		return err_set(err, EINVAL, "no kernel: set kernel= to the image to boot");
	if (image_open(&b->kernel, cfg, cfg->kernel, err) < 0)
		return err_wrap(err, "kernel");
	if (cfg->ramdisk && image_open_ramdisk(&b->ramdisk, cfg->ramdisk, err) < 0)
		return err_wrap(err, "ramdisk");
	if (!b->partial && cfg->device_tree &&
	    dt_partial_load(cfg->device_tree, &b->partial, &partial_size, err) < 0)
		return -1;
	return vmm_hv(vmm, err) ? ask_host(b, err) : -1;
}

void build_close(struct build *b)
{
	/* Zeroed memory was never opened. */
	if (!b->vmm)
		return;
	image_close(&b->kernel);
	image_close(&b->ramdisk);
	free(steal(b->partial));
}

static enum hv_gic gic_wanted(enum config_gic gic)
{
	switch (gic) {
	case CONFIG_GIC_V2:
		return HV_GIC_V2;
	case CONFIG_GIC_V3:
		return HV_GIC_V3;
	case CONFIG_GIC_DEFAULT:
		break;
	}
	return HV_GIC_NATIVE;
}

static enum hv_tee tee_wanted(enum config_tee tee)
{
	switch (tee) {
	case CONFIG_TEE_OPTEE:
		return HV_TEE_OPTEE;
	case CONFIG_TEE_FFA:
		return HV_TEE_FFA;
	case CONFIG_TEE_NONE:
		break;
	}
	return HV_TEE_NONE;
}

int build_createdomain(const struct build *b, struct hv_createdomain *out, struct err *err)
{
	const struct vmm_config *cfg = b->cfg;
	uint32_t nr_spis;

	if (count_spis(cfg, &nr_spis, err) < 0)
		return -1;
	*out = (struct hv_createdomain){
		.domid = HV_DOMID_ANY,
		.iommu = wants_iommu(cfg),
		.vpmu = cfg->vpmu,
		.trap_unmapped = cfg->trap_unmapped_accesses != 0,
		.max_vcpus = cfg->max_vcpus,
		.max_evtchn_port = cfg->max_event_channels,
		.max_grant_frames = cfg->max_grant_frames,
		.max_maptrack_frames = cfg->max_maptrack_frames,
		.max_grant_version = b->max_grant_version,
		.gic_version = gic_wanted(cfg->gic_version),
		.tee_type = tee_wanted(cfg->tee),
		.nr_spis = nr_spis,
		/* all there is, or as many bits as were asked for */
		.sve_vl = cfg->sve_vl == UINT32_MAX ? b->max_sve_vl : cfg->sve_vl / 128,
	};
	memcpy(out->uuid, cfg->uuid, sizeof(out->uuid));
	return 0;
}

/* Xen rounds up to a multiple of 32, and what comes out must not be above 988 (arch/arm/vgic.c). */
#define MAX_SPIS 960u

int build_refused(const struct build *b, const struct hv_createdomain *create, struct err *err)
{
	const struct {
		bool is_set;
		const char *what;
	} keys[] = {
		{ create->gic_version == HV_GIC_V2,
		  "gic_version=\"v2\" needs a GICv2, or a GICv3 that can act as one" },
		{ create->gic_version == HV_GIC_V3, "gic_version=\"v3\" needs a GICv3" },
		{ create->max_vcpus > LAYOUT_MAX_VCPUS_GICV2 && create->gic_version != HV_GIC_V3,
		  "a guest with a GICv2 has at most 8 vcpus" },
		{ create->tee_type != HV_TEE_NONE, "tee= needs that trusted environment in the "
						   "firmware, and a Xen that was built to share it "
						   "(CONFIG_OPTEE, CONFIG_FFA)" },
		{ create->nr_spis > MAX_SPIS,
		  "interrupts from 992 on are beyond what Xen gives a guest (nr_spis= 960)" },
		{ create->sve_vl > b->max_sve_vl,
		  "sve= asks for longer vectors than the processors have" },
	};

	if (err->code != EINVAL && err->code != ENODEV)
		return -1;
	for (unsigned i = 0; i < array_size(keys); i++)
		if (keys[i].is_set)
			err_append(err, "%s", keys[i].what);
	return -1;
}

/* --- memory ----------------------------------------------------------------------------------- */

/* 1 GiB, 2 MiB, 4 KiB: the sizes a second-stage table maps at once. */
static const unsigned orders[] = { 18, 9, 0 };
#define POPULATE_SLICE 512	/* extents between two looks at the interrupt */

/* As many extents of one order as fit between *gfn and end; stops early, without an error, when Xen
 * has none so large. */
static int populate_order(struct build *b, uint64_t *gfn, uint64_t end, unsigned order,
			  bool is_last, struct err *err)
{
	uint64_t step = 1ull << order;

	while ((*gfn & (step - 1)) == 0 && end - *gfn >= step) {
		uint64_t nr = (end - *gfn) >> order, done;
		int r;

		if (vmm_is_interrupted(b->vmm))
			return err_set(err, EINTR,
				       "interrupted while the memory was being populated");
		if (nr > POPULATE_SLICE)
			nr = POPULATE_SLICE;
		r = hv_populate(b->vmm->hv, b->created.domid, *gfn, nr, order, &done, err);
		*gfn += done << order;
		if (r < 0 && (is_last || err->code != ENOMEM))
			return err_wrap(err, "populating the domain's memory");
		if (r < 0) {
			err_clear(err);
			return 0;
		}
	}
	return 0;
}

static int populate_bank(struct build *b, const struct layout_range *bank, struct err *err)
{
	uint64_t gfn = bank->base >> HV_PAGE_SHIFT,
		 end = (bank->base + bank->size) >> HV_PAGE_SHIFT;

	for (unsigned i = 0; i < array_size(orders) && gfn < end; i++)
		if (populate_order(b, &gfn, end, orders[i], i + 1 == array_size(orders), err) < 0)
			return -1;
	return 0;
}

static int populate(struct build *b, struct err *err)
{
	const struct layout_range magic = { LAYOUT_MAGIC, NR_MAGIC * HV_PAGE_SIZE };

	if (vmm_step(b->vmm, err, "populating memory") < 0)
		return -1;
	for (unsigned i = 0; i < b->map.nr_banks; i++)
		if (populate_bank(b, &b->map.bank[i], err) < 0)
			return -1;
	if (populate_bank(b, &magic, err) < 0)
		return -1;
	/* memory < maxmem: Arm has no populate-on-demand, so the guest starts with all of it and
	 * its balloon driver gives back what is above memory=. What came back stays back: from here
	 * on Xen holds it to the target. */
	return b->cfg->target_kb == b->cfg->max_kb
		       ? 0
		       : hv_domain_max_mem(b->vmm->hv, b->created.domid,
					   b->cfg->target_kb + MAXMEM_SLACK_KB, err);
}

/* --- what is loaded --------------------------------------------------------------------------- */

struct load {
	struct build *b;
	struct guestmem *gm;
	uint64_t base;
};

static int load_piece(void *arg, uint64_t offset, const void *data, size_t len, struct err *err)
{
	struct load *load = arg;

	if (vmm_is_interrupted(load->b->vmm))
		return err_set(err, EINTR, "interrupted while the domain was being loaded");
	return guestmem_write(load->gm, load->base + offset, data, len, err);
}

/* What follows in the last page is the guest's to see as well, and may be anything when Xen was
 * told not to scrub: upstream leaves zeros there, and a kernel that looks for more behind its
 * ramdisk finds none. */
static int clear_tail(struct guestmem *gm, uint64_t end, struct err *err)
{
	static const uint8_t zero[HV_PAGE_SIZE];

	return guestmem_write(gm, end, zero, num_align_up(end, HV_PAGE_SIZE) - end, err);
}

static int load_image(const struct image *img, struct load *load, struct err *err)
{
	if (image_load(img, load_piece, load, err) < 0)
		return -1;
	return clear_tail(load->gm, load->base + img->load_size, err);
}

static int load_images(struct build *b, struct guestmem *gm, struct err *err)
{
	struct load load = { b, gm, b->map.kernel.base };
	autofree char *what = image_describe(&b->kernel);

	if (vmm_step(b->vmm, err, "loading kernel %s (%s)", b->cfg->kernel, what) < 0 ||
	    load_image(&b->kernel, &load, err) < 0)
		return -1;
	if (!b->ramdisk.path)
		return 0;
	load.base = b->map.initrd.base;
	if (vmm_step(b->vmm, err, "loading ramdisk %s", b->cfg->ramdisk) < 0)
		return -1;
	return load_image(&b->ramdisk, &load, err);
}

static int make_plan(struct build *b, const struct hv_dominfo *info, uint64_t dtb_size,
		     struct err *err)
{
	struct layout_request req = {
		.memory_kb = b->cfg->max_kb,
		.kernel_base = b->kernel.base,
		.kernel_size = b->kernel.mem_size,
		.initrd_size = b->ramdisk.path ? b->ramdisk.load_size : 0,
		.dtb_size = dtb_size,
		.gpaddr_bits = info->gpaddr_bits,
	};

	return layout_plan(&req, &b->map, err);
}

/* The tree tells where the ramdisk lies, and the ramdisk's place depends on the tree's size; the
 * size does not depend on the place, so the second round is the last. */
static int plan_and_describe(struct build *b, void **dtb, size_t *dtb_size, struct err *err)
{
	struct dt_guest g = {
		.cfg = b->cfg,
		.layout = &b->map,
		.is_64bit = b->is_64bit,
		.xen_major = b->xen_major,
		.xen_minor = b->xen_minor,
		.gic_version = b->created.gic_version,
		.timer_frequency = b->created.clock_frequency,
		.partial = b->partial,
		.vuart_spi = LAYOUT_VPL011_SPI,
	};
	autofree void *first = NULL;
	struct hv_dominfo info;
	size_t size;

	if (getrandom(g.rng_seed, sizeof(g.rng_seed), 0) != sizeof(g.rng_seed))
		return err_set(err, errno ? errno : EIO, "getting random bytes: %s",
			       strerror(errno));
	if (hv_domain_info(b->vmm->hv, b->created.domid, &info, err) < 0 ||
	    make_plan(b, &info, DTB_GUESS, err) < 0 || dt_guest_build(&g, &first, &size, err) < 0 ||
	    make_plan(b, &info, size, err) < 0)
		return -1;
	return dt_guest_build(&g, dtb, dtb_size, err);
}

/* --- the rest --------------------------------------------------------------------------------- */

/* Room was made before, but not for this domain alone: somebody may have come first. */
static int claim_memory(struct build *b, struct err *err)
{
	uint64_t kb = b->cfg->max_kb + NR_MAGIC * 4;
	struct hv_physinfo phys;

	if (hv_domain_claim(b->vmm->hv, b->created.domid, kb / 4, err) == 0)
		return 0;
	/* A Xen that knows no claims (or keeps coloured memory apart) finds out while it
	 * populates. */
	if (err->code == ENOSYS || err->code == EOPNOTSUPP || b->is_colored) {
		err_clear(err);
		return 0;
	}
	if (err->code != ENOMEM || hv_physinfo(b->vmm->hv, &phys, err) < 0)
		return -1;
	return err_set(err, ENOMEM,
		       "the domain needs %llu MiB, and another took what was there a moment ago: "
		       "the host has %llu MiB "
		       "free; lower memory=, shrink dom0 (dom0_mem=) or end another domain",
		       (unsigned long long)kb >> 10,
		       (unsigned long long)(phys.free_pages - phys.outstanding_pages) >> 8);
}

int build_reserve(struct build *b, bool claims, struct err *err)
{
	struct hv *hv = b->vmm->hv;
	uint32_t domid = b->created.domid;

	if (hv_domain_max_mem(hv, domid, b->cfg->max_kb + MAXMEM_SLACK_KB, err) < 0 ||
	    hv_p2m_pool_set(hv, domid, build_p2m_pool_kb(b->cfg) * 1024, err) < 0)
		return -1;
	return claims ? claim_memory(b, err) : 0;
}

static int set_limits(struct build *b, struct err *err)
{
	struct hv *hv = b->vmm->hv;
	uint32_t domid = b->created.domid;

	if (hv_domain_max_vcpus(hv, domid, b->cfg->max_vcpus, err) < 0 ||
	    hv_evtchn_alloc_unbound(hv, domid, b->store_domid, &b->store_port, err) < 0 ||
	    hv_evtchn_alloc_unbound(hv, domid, b->console_domid, &b->console_port, err) < 0)
		return -1;
	return hv_domain_set_address_size(hv, domid, b->is_64bit ? 64 : 32, err);
}

static int set_params(struct build *b, struct err *err)
{
	/* Event interrupts arrive as a PPI (type 2 in bits 56-63), level, active low
	 * (public/hvm/params.h). */
	const uint64_t callback = 2ull << 56 | 2ull << 8 | LAYOUT_EVTCHN_PPI;
	const struct {
		enum hv_param param;
		uint64_t value;
	} params[] = {
		{ HV_PARAM_CALLBACK_IRQ, callback },
		{ HV_PARAM_CONSOLE_PFN, build_magic(MAGIC_CONSOLE) >> HV_PAGE_SHIFT },
		{ HV_PARAM_STORE_PFN, build_magic(MAGIC_XENSTORE) >> HV_PAGE_SHIFT },
		{ HV_PARAM_MONITOR_RING_PFN, build_magic(MAGIC_MEMACCESS) >> HV_PAGE_SHIFT },
		{ HV_PARAM_CONSOLE_EVTCHN, b->console_port },
		{ HV_PARAM_STORE_EVTCHN, b->store_port },
	};

	for (unsigned i = 0; i < array_size(params); i++)
		if (hv_param_set(b->vmm->hv, b->created.domid, params[i].param, params[i].value,
				 err) < 0)
			return -1;
	return 0;
}

/* Documentation/arm64/booting.rst: x0 the tree, the rest 0. Documentation/arm/booting.rst: r0 0, r1
 * the machine (none), r2 the tree. */
static int set_entry(struct build *b, struct err *err)
{
	struct hv_vcpu_entry entry = { .is_64bit = b->is_64bit, .pc = b->kernel.entry };
	uint64_t dtb = b->map.dtb.size ? b->map.dtb.base : DTB_NONE;

	if (b->is_64bit) {
		entry.r[0] = dtb;
	} else {
		entry.r[1] = UINT32_MAX;
		entry.r[2] = dtb;
	}
	return hv_vcpu_set_entry(b->vmm->hv, b->created.domid, 0, &entry, err);
}

static int fill(struct build *b, const void *dtb, size_t dtb_size, struct err *err)
{
	autoguestmem struct guestmem gm = { .hv = NULL };

	if (guestmem_open(&gm, b->vmm->hv, b->created.domid, err) < 0 ||
	    load_images(b, &gm, err) < 0 ||
	    vmm_step(b->vmm, err, "finishing the domain's inside") < 0 ||
	    guestmem_write(&gm, b->map.dtb.base, dtb, dtb_size, err) < 0 ||
	    clear_tail(&gm, b->map.dtb.base + dtb_size, err) < 0 ||
	    guestmem_zero_pages(&gm, LAYOUT_MAGIC, NR_MAGIC, err) < 0 ||
	    guestmem_flush(&gm, err) < 0)
		return -1;
	guestmem_grant(&gm, 0, b->console_domid, build_magic(MAGIC_CONSOLE));
	guestmem_grant(&gm, 1, b->store_domid, build_magic(MAGIC_XENSTORE));
	return 0;
}

int build_domain(struct build *b, struct err *err)
{
	autofree void *dtb = NULL;
	size_t dtb_size = 0;

	if (set_limits(b, err) < 0 || plan_and_describe(b, &dtb, &dtb_size, err) < 0 ||
	    populate(b, err) < 0 || fill(b, dtb, dtb_size, err) < 0 || set_params(b, err) < 0 ||
	    set_entry(b, err) < 0)
		return -1;
	if (b->cfg->vuart == CONFIG_VUART_NONE)
		return 0;
	return hv_vuart_init(b->vmm->hv, b->created.domid, b->console_domid,
			     build_magic(MAGIC_VUART) >> HV_PAGE_SHIFT, &b->vuart_port, err);
}
