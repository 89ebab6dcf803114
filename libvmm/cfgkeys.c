/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The keys of guest.cfg, one row each, and the walk that carries parsed settings into a struct
 * vmm_config. It knows how a value is written and which bounds one key has by itself; what several
 * keys must agree on is config_finish, what a device's specification means is its class.
 */
#include "libvmm/cfgkeys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/num.h"
#include "libvmm/cfgfile.h"
#include "libvmm/config.h"
#include "libvmm/devices.h"
#include "libvmm/libvmm.h"

#define MAX_MEMORY_MIB (1024ll << 10)		/* the two banks of a guest: 1 TiB */
#define MAX_VCPUS 128
#define MAX_PFN ((1ull << 36) - 1)		/* of 48-bit addresses */
#define MAX_IRQ 1019
#define MAX_RANGES 1024u
#define MAX_DEVICES 1024u

struct cfgkey_ctx {
	struct vmm_config *cfg;
	const struct cfgfile *file;
	const struct vmm_config_source *src;
	const struct cfg_setting *setting;
	struct cfg_place at;	/* what a failure is about */
	struct err *err;
};

static int refuse(struct cfgkey_ctx *c, const struct cfg_value *v, const char *fmt, ...)
	printf_like(3, 4);
static int refuse(struct cfgkey_ctx *c, const struct cfg_value *v, const char *fmt, ...)
{
	autofree char *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = str_vprintf(fmt, ap);
	va_end(ap);
	c->at = v->place;
	return err_set(c->err, EINVAL, "%s: %s", c->setting->key, what);
}

/* Err was set by a parser of values: add where. */
static int refused(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	c->at = v->place;
	return -1;
}

/* A warning, or with --strict an error. */
static int warn(struct cfgkey_ctx *c, const struct cfg_place *at, const char *fmt, ...)
	printf_like(3, 4);
static int warn(struct cfgkey_ctx *c, const struct cfg_place *at, const char *fmt, ...)
{
	autofree char *what = NULL, *where = NULL, *excerpt = NULL, *full = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = str_vprintf(fmt, ap);
	va_end(ap);
	c->at = *at;
	if (c->src->strict)
		return err_set(c->err, EINVAL, "%s", what);
	if (c->src->warn == NULL)
		return 0;
	where = cfg_place_str(at);
	excerpt = cfg_place_excerpt(at);
	full = str_printf("%s\n%s", what, excerpt);
	c->src->warn(c->src->warn_arg, where, full);
	return 0;
}

/* --- kinds of values -------------------------------------------------------------------------- */

static int want_text(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	if (v->type == CFG_LIST)
		return refuse(c, v, "expected a string or a number, found a list");
	return 0;
}

static int get_number(struct cfgkey_ctx *c, const struct cfg_value *v, int64_t min, int64_t max,
		      int64_t *out)
{
	if (want_text(c, v) < 0)
		return -1;
	if (num_i64(v->text, min, max, c->setting->key, out, c->err) < 0)
		return refused(c, v);
	return 0;
}

static int set_str(struct cfgkey_ctx *c, const struct cfg_value *v, char **out)
{
	if (want_text(c, v) < 0)
		return -1;
	free(*out);
	*out = v->text[0] == '\0' ? NULL : xstrdup(v->text);
	return 0;
}

static int set_list(struct cfgkey_ctx *c, const struct cfg_value *v, struct strlist *out)
{
	if (v->type != CFG_LIST) {
		strlist_add(out, v->text);
		return 0;
	}
	for (size_t i = 0; i < v->nr; i++) {
		if (v->items[i].type == CFG_LIST)
			return refuse(c, &v->items[i],
				      "expected a string or a number in the list, found a list");
		strlist_add(out, v->items[i].text);
	}
	return 0;
}

static int set_enum(struct cfgkey_ctx *c, const struct cfg_value *v, const char *const *names,
		    unsigned *out)
{
	autostrbuf struct strbuf all = STRBUF_INIT;

	if (want_text(c, v) < 0)
		return -1;
	for (unsigned i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], v->text) == 0) {
			*out = i;
			return 0;
		}
		strbuf_printf(&all, "%s%s", i == 0 ? "" : ", ", names[i]);
	}
	return refuse(c, v, "'%s' is none of %s", v->text, all.data);
}

static int set_affinity(struct cfgkey_ctx *c, const struct cfg_value *v,
			struct config_affinity *out)
{
	if (v->type == CFG_LIST)
		return set_list(c, v, &out->each);
	return set_str(c, v, &out->all);
}

/* --- odd keys --------------------------------------------------------------------------------- */

static int set_name(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	if (want_text(c, v) < 0)
		return -1;
	if (config_check_name(v->text, c->err) < 0)
		return refused(c, v);
	return set_str(c, v, &c->cfg->name);
}

static int set_uuid(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	struct err ignored = ERR_INIT;

	if (want_text(c, v) < 0)
		return -1;
	if (vmm_uuid_parse(v->text, c->cfg->uuid, &ignored) < 0)
		return refuse(c, v, "'%s' is not of the form 01234567-89ab-cdef-0123-456789abcdef",
			      v->text);
	c->cfg->is_uuid_set = true;
	return 0;
}

static int set_type(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	static const char *const types[] = { "pv", "pvh", "hvm", "generic", "linux", NULL };
	unsigned type;

	if (set_enum(c, v, types, &type) < 0)
		return -1;
	if (type == 2)
		return refuse(c, v, "Arm has no hvm guests; use \"pvh\" or leave it out");
	c->cfg->is_type_set = true;
	c->cfg->is_type_pv = type != 1;
	return 0;
}

static int set_root_or_extra(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	const struct cfg_setting *root = cfgfile_find(c->file, "root"),
				 *extra = cfgfile_find(c->file, "extra");

	if (want_text(c, v) < 0)
		return -1;
	if (cfgfile_find(c->file, "cmdline") != NULL)
		return warn(c, &c->setting->place, "%s: not used, because cmdline= is set as well",
			    c->setting->key);
	free(c->cfg->cmdline);
	c->cfg->cmdline = NULL;
	if (root != NULL && root->value.text != NULL && root->value.text[0] != '\0') {
		const char *more =
			extra != NULL && extra->value.text != NULL ? extra->value.text : "";

		c->cfg->cmdline = str_printf("root=%s %s", root->value.text, more);
	} else if (extra != NULL && extra->value.text != NULL) {
		c->cfg->cmdline = xstrdup(extra->value.text);
	}
	return 0;
}

static int set_cmdline(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	return set_str(c, v, &c->cfg->cmdline);
}

static int set_sve(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	int64_t bits;

	if (want_text(c, v) < 0)
		return -1;
	if (strcmp(v->text, "disabled") == 0) {
		c->cfg->sve_vl = 0;
		return 0;
	}
	if (strcmp(v->text, "hw") == 0) {
		c->cfg->sve_vl = UINT32_MAX;
		return 0;
	}
	if (num_i64(v->text, 128, 2048, "sve", &bits, c->err) < 0 || bits % 128 != 0)
		return refuse(
			c, v,
			"expected \"disabled\", \"hw\" or a multiple of 128 up to 2048, found '%s'",
			v->text);
	c->cfg->sve_vl = (uint32_t)bits;
	return 0;
}

/* "start,count[@gfn]", pages, hexadecimal. */
static int parse_iomem(struct cfgkey_ctx *c, const struct cfg_value *v, struct config_iomem *out)
{
	autofree char *copy = NULL;
	char *count, *gfn;

	if (want_text(c, v) < 0)
		return -1;
	copy = xstrdup(v->text);
	count = strchr(copy, ',');
	if (count == NULL)
		return refuse(c, v,
			      "'%s' is not of the form \"START,COUNT[@GFN]\" (pages of 4 KiB, "
			      "hexadecimal)",
			      v->text);
	*count++ = '\0';
	gfn = strchr(count, '@');
	if (gfn != NULL)
		*gfn++ = '\0';
	if (num_hex(str_trim(copy), MAX_PFN, "iomem: first page", &out->mfn, c->err) < 0 ||
	    num_hex(str_trim(count), MAX_PFN, "iomem: count", &out->nr, c->err) < 0)
		return refused(c, v);
	out->gfn = out->mfn;
	if (gfn != NULL &&
	    num_hex(str_trim(gfn), MAX_PFN, "iomem: guest page", &out->gfn, c->err) < 0)
		return refused(c, v);
	if (out->nr == 0)
		return refuse(c, v, "'%s' has a count of 0 pages", v->text);
	if (out->mfn + out->nr > MAX_PFN || out->gfn + out->nr > MAX_PFN)
		return refuse(c, v, "'%s' reaches past the last page an Arm machine can have",
			      v->text);
	return 0;
}

static int set_iomem(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	size_t nr = v->type == CFG_LIST ? v->nr : 1;
	const struct cfg_value *items = v->type == CFG_LIST ? v->items : v;

	if (nr > MAX_RANGES)
		return refuse(c, v, "%zu ranges; at most %u are taken", nr, MAX_RANGES);
	free(c->cfg->iomem);
	c->cfg->iomem = xcalloc(nr, sizeof(*c->cfg->iomem));
	c->cfg->nr_iomem = nr;
	for (size_t i = 0; i < nr; i++)
		if (parse_iomem(c, &items[i], &c->cfg->iomem[i]) < 0)
			return -1;
	return 0;
}

static int set_irqs(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	size_t nr = v->type == CFG_LIST ? v->nr : 1;
	const struct cfg_value *items = v->type == CFG_LIST ? v->items : v;
	int64_t irq;

	if (nr > MAX_RANGES)
		return refuse(c, v, "%zu interrupts; at most %u are taken", nr, MAX_RANGES);
	free(c->cfg->irqs);
	c->cfg->irqs = xcalloc(nr, sizeof(*c->cfg->irqs));
	c->cfg->nr_irqs = nr;
	for (size_t i = 0; i < nr; i++) {
		if (get_number(c, &items[i], 0, MAX_IRQ, &irq) < 0)
			return -1;
		if (irq < 32)
			return refuse(c, &items[i],
				      "%lld is a private interrupt; a device's is a shared one "
				      "(SPI), 32 or "
				      "more: the number in a device tree plus 32",
				      (long long)irq);
		c->cfg->irqs[i] = (uint32_t)irq;
	}
	return 0;
}

static int set_passthrough(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	static const char *const names[] = { "default", "disabled", "enabled", "share_pt",
					     "sync_pt", "0",        "1",       NULL };
	static const enum config_passthrough values[] = {
		PASSTHROUGH_DEFAULT, PASSTHROUGH_DISABLED, PASSTHROUGH_ENABLED, PASSTHROUGH_ENABLED,
		PASSTHROUGH_DEFAULT, PASSTHROUGH_DISABLED, PASSTHROUGH_ENABLED,
	};
	unsigned i;

	if (set_enum(c, v, names, &i) < 0)
		return -1;
	if (i == 4)
		return refuse(c, v, "Arm always shares page tables with the SMMU; use \"enabled\"");
	c->cfg->passthrough = values[i];
	return 0;
}

/* Xen refuses anything but the default on Arm, with EINVAL and no word of explanation. */
static int set_must_be_one(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	int64_t n;

	if (get_number(c, v, 0, 1, &n) < 0)
		return -1;
	if (n != 1)
		return refuse(c, v, "Xen cannot turn this off on Arm");
	return 0;
}

static int set_must_be_zero(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	if (want_text(c, v) < 0)
		return -1;
	if (strcmp(v->text, "0") != 0 && strcmp(v->text, "disabled") != 0)
		return refuse(c, v, "Xen does not have this on Arm");
	return 0;
}

static int set_device_list(struct cfgkey_ctx *c, const struct cfg_value *v)
{
	const struct vmm_devclass *class = devclass_by_key(c->setting->key);
	size_t nr = v->type == CFG_LIST ? v->nr : 1;
	const struct cfg_value *items = v->type == CFG_LIST ? v->items : v;

	if (nr == 0)
		return 0;
	if (c->cfg->nr_devices + nr > MAX_DEVICES)
		return refuse(c, v, "a domain has at most %u devices", MAX_DEVICES);
	for (size_t i = 0; i < nr; i++) {
		struct vmm_device *dev;

		if (device_parse_value(class, &items[i], &dev, c->err) < 0) {
			err_wrap(c->err, "%s", c->setting->key);
			return refused(c, &items[i]);
		}
		device_add(c->cfg, dev);
		if (class->companion != NULL)
			device_add(c->cfg, device_new(class->companion));
	}
	return 0;
}

/* --- the table -------------------------------------------------------------------------------- */

static const char *const image_formats[] = { "auto", "raw", NULL };
static const char *const gics[] = { "default", "v2", "v3", NULL };
static const char *const tees[] = { "none", "optee", "ffa", NULL };
static const char *const vuarts[] = { "none", "sbsa_uart", NULL };

#define MEMBER(m) .offset = offsetof(struct vmm_config, m)
#define STR(key, m, text) { .name = key, .kind = CFGKEY_STR, MEMBER(m), .summary = text }
#define BOOL(key, m, text) { .name = key, .kind = CFGKEY_BOOL, MEMBER(m), .summary = text }
#define U32(key, m, lo, hi, text) { .name = key, .kind = CFGKEY_U32, MEMBER(m), .min = lo, .max = hi, .summary = text }
#define I32(key, m, lo, hi, text) { .name = key, .kind = CFGKEY_I32, MEMBER(m), .min = lo, .max = hi, .summary = text }
#define ADDRESS(key, m, text) \
	{ .name = key, .kind = CFGKEY_ADDRESS, MEMBER(m), .min = 0, .max = (1ll << 48) - 1, .summary = text }
#define MIB(key, m, lo, text) \
	{ .name = key, .kind = CFGKEY_MIB, MEMBER(m), .min = lo, .max = MAX_MEMORY_MIB, .summary = text }
#define LIST(key, m, text) { .name = key, .kind = CFGKEY_LIST, MEMBER(m), .summary = text }
#define ENUM(key, m, list, text) { .name = key, .kind = CFGKEY_ENUM, MEMBER(m), .names = list, .summary = text }
#define AFFINITY(key, m, text) { .name = key, .kind = CFGKEY_AFFINITY, MEMBER(m), .summary = text }
#define SET(key, fn, text) { .name = key, .kind = CFGKEY_SET, .set = fn, .summary = text }
#define X86(key, text) { .name = key, .kind = CFGKEY_X86, .summary = text }
#define IGNORED(key, text) { .name = key, .kind = CFGKEY_IGNORED, .summary = text }
#define REFUSED(key, text) { .name = key, .kind = CFGKEY_REFUSED, .summary = text }
#define FIRMWARE "the guest's firmware is an x86 matter"
#define HVM "only x86 HVM guests have it"
#define SCREEN "the emulated screen of x86 HVM guests; Arm guests have vfb, vkb and vdispl"
#define SPICE "SPICE belongs to the emulated screen of x86 HVM guests"
#define STUBDOM "device-model stub domains exist on x86 only"
#define PVSHIM "the PV shim exists on x86 only"
#define QEMU "no QEMU is started for Arm guests"

static const struct cfgkey rows[] = {
	/* general */
	SET("name", set_name, "the domain's name"),
	SET("uuid", set_uuid, "its unique number (random)"),
	SET("type", set_type, "the kind of guest: pvh, the only one on Arm (pv is taken as pvh)"),
	SET("builder", set_type, "the old name of type"),
	STR("pool", pool, "the cpupool it runs in (Pool-0)"),
	STR("seclabel", seclabel, "its XSM label"),
	STR("init_seclabel", init_seclabel, "its XSM label while it is built"),
	I32("max_grant_frames", max_grant_frames, 1, INT32_MAX, "pages of grant table it may have"),
	I32("max_maptrack_frames", max_maptrack_frames, 0, INT32_MAX,
	    "pages of maptrack table it may have"),
	I32("max_grant_version", max_grant_version, 1, 1, "newest grant-table version (1 on Arm)"),
	U32("max_event_channels", max_event_channels, 1, 1 << 17,
	    "event channels it may have (1023)"),
	BOOL("nomigrate", nomigrate, "accepted; Arm guests do not migrate"),
	BOOL("driver_domain", driver_domain, "it serves devices to other domains"),
	BOOL("xend_suspend_evtchn_compat", suspend_evtchn_compat,
	     "the guest may write its whole device directory"),
	/* memory */
	MIB("memory", target_kb, 1, "memory in MiB (32)"),
	MIB("maxmem", max_kb, 1, "memory it may grow to, in MiB (memory)"),
	MIB("shadow_memory", shadow_kb, 0, "memory for its page tables, in MiB (by formula)"),
	{ .name = "llc_colors",
	  .kind = CFGKEY_LIST,
	  MEMBER(llc_colors),
	  .since = "4.20",
	  .summary = "last-level cache colours its memory has" },
	/* cpus and scheduler */
	U32("vcpus", vcpus, 1, MAX_VCPUS, "vcpus that are online at start (1)"),
	U32("maxvcpus", max_vcpus, 1, MAX_VCPUS, "vcpus it has (vcpus)"),
	AFFINITY("cpus", cpus, "pcpus its vcpus may run on (all)"),
	AFFINITY("cpus_soft", cpus_soft, "pcpus its vcpus prefer (all)"),
	I32("cpu_weight", cpu_weight, 1, 65535, "share of the cpu (256)"),
	I32("cap", cap, 0, 65535, "most cpu it may use, in percent of one pcpu (0: no limit)"),
	I32("period", period_us, 10, INT32_MAX, "RTDS: period in microseconds (10000)"),
	I32("budget", budget_us, 10, INT32_MAX,
	    "RTDS: budget in each period in microseconds (4000)"),
	I32("extratime", extratime, 0, 1, "RTDS: also use time nobody wants"),
	BOOL("vpmu", vpmu, "a performance monitoring unit"),
	{ .name = "sve",
	  .kind = CFGKEY_SET,
	  .set = set_sve,
	  .since = "4.18",
	  .summary = "vector length: disabled, 128 to 2048, or hw" },
	/* events */
	ENUM("on_poweroff", on_poweroff, config_action_names,
	     "what happens when it powers off (destroy)"),
	ENUM("on_reboot", on_reboot, config_action_names, "when it reboots (restart)"),
	ENUM("on_crash", on_crash, config_action_names, "when it crashes (destroy)"),
	ENUM("on_watchdog", on_watchdog, config_action_names, "when its watchdog fires (destroy)"),
	ENUM("on_soft_reset", on_soft_reset, config_action_names,
	     "when it asks for a soft reset (soft-reset)"),
	U32("restart_limit", restart_limit, 0, 1000000,
	    "restarts within a minute before it is left dead (5; 0: no limit)"),
	LIST("start_after", start_after, "guests that must be up before it is started"),
	U32("backend_wait", backend_wait_s, 0, 86400,
	    "seconds to wait for its backend domains (0)"),
	/* boot */
	STR("kernel", kernel, "the kernel image"),
	STR("ramdisk", ramdisk, "the initial ramdisk"),
	SET("cmdline", set_cmdline, "the kernel's command line"),
	SET("root", set_root_or_extra, "root= on the kernel's command line"),
	SET("extra", set_root_or_extra, "more words on the kernel's command line"),
	STR("bootloader", bootloader, "refused: it would run inside the control domain"),
	ENUM("image_format", image_format, image_formats,
	     "raw: the kernel has no header at all (auto)"),
	ADDRESS("load_address", load_address, "where a raw kernel is put (start of memory)"),
	ADDRESS("entry_address", entry_address, "where a raw kernel starts (load_address)"),
	/* Arm */
	ENUM("gic_version", gic_version, gics,
	     "interrupt controller: v2, v3 or default (the host's)"),
	{ .name = "nr_spis",
	  .kind = CFGKEY_I32,
	  MEMBER(nr_spis),
	  .min = 0,
	  .max = 988,
	  .since = "4.19",
	  .summary = "shared interrupts it has (as many as its devices need)" },
	ENUM("vuart", vuart, vuarts, "sbsa_uart: an emulated serial port"),
	ENUM("tee", tee, tees, "access to the trusted execution environment: none, optee, ffa"),
	STR("device_tree", device_tree, "a partial device tree to add to the guest's"),
	STR("host_dtb", host_dtb, "the host's device tree, for devices (this domain's own)"),
	LIST("dtdev", dtdev, "device-tree paths of DMA devices handed over"),
	LIST("devices", passthrough_devices,
	     "host devices handed over, all of each derived from the host's tree"),
	SET("iomem", set_iomem, "pages of device memory handed over"),
	SET("irqs", set_irqs, "interrupts handed over"),
	SET("passthrough", set_passthrough, "use of the SMMU: default, disabled, enabled"),
	LIST("static_mem", static_mem,
	     "machine memory it gets when Xen starts it (xl export-dt): start,size in bytes"),
	LIST("static_evtchn", static_evtchn,
	     "event channels that Xen connects at boot (xl export-dt): port,guest,port"),
	LIST("static_shm", static_shm,
	     "memory that Xen shares between guests at boot (xl export-dt)"),
	BOOL("direct_map", direct_map, "with static_mem: its addresses are the machine's"),
	BOOL("force_shared_page", force_shared_page,
	     "hand over a page that holds two devices all the same"),
	{ .name = "trap_unmapped_accesses",
	  .kind = CFGKEY_I32,
	  MEMBER(trap_unmapped_accesses),
	  .min = 0,
	  .max = 1,
	  .since = "4.21",
	  .summary = "0: accesses to unmapped memory read as ones" },
	SET("hap", set_must_be_one, "always on"),
	SET("oos", set_must_be_one, "always on"),
	SET("nestedhvm", set_must_be_zero, "not on Arm"),
	SET("altp2m", set_must_be_zero, "not on Arm"),
	SET("vmtrace_buf_kb", set_must_be_zero, "not on Arm"),
	SET("acpi", set_must_be_zero, "guests are described by a device tree, never by ACPI"),
/* devices */
#define DEVICE(id, text, from) { .name = #id, .kind = CFGKEY_DEVICE, .set = set_device_list, .since = from, .summary = text },
#include "libvmm/devtable.def"
#undef DEVICE
	REFUSED("pci", "Xen cannot yet give PCI devices to Arm guests"),
	REFUSED("vnuma", "Xen has no NUMA on Arm"),
	REFUSED("arm_sci", "SCMI for guests is not implemented yet on Arm"),
	REFUSED("xenstore_quota",
		"quotas of one guest are not implemented yet; xenstored has them for all"),
	REFUSED("xenstore_feature_mask", "not implemented yet"),
	/* nothing to do on Arm */
	IGNORED("vncviewer", "no viewer is started; connect one to the vfb"),
	IGNORED("vif2", "COLO is not part of this toolstack"),
	IGNORED("slice", "no scheduler of this Xen has it"),
	IGNORED("latency", "no scheduler of this Xen has it"),
	IGNORED("device_model_version", QEMU),
	IGNORED("device_model_override", QEMU),
	IGNORED("device_model_user", QEMU),
	IGNORED("device_model_args", QEMU),
	IGNORED("device_model_args_pv", QEMU),
	IGNORED("device_model_args_hvm", QEMU),
	IGNORED("dm_restrict", QEMU),
	IGNORED("bootloader_args", "there is no bootloader"),
	IGNORED("bootloader_restrict", "there is no bootloader"),
	IGNORED("bootloader_user", "there is no bootloader"),
	IGNORED("localtime", "Arm guests have no emulated clock to set"),
	IGNORED("rtc_timeoffset", "Arm guests have no emulated clock to set"),
	IGNORED("pci_permissive", "pci devices are refused on Arm"),
	IGNORED("pci_msitranslate", "pci devices are refused on Arm"),
	IGNORED("pci_seize", "pci devices are refused on Arm"),
	IGNORED("pci_power_mgmt", "pci devices are refused on Arm"),
	/* x86 */
	X86("firmware", FIRMWARE),
	X86("firmware_override", FIRMWARE),
	X86("bios", FIRMWARE),
	X86("bios_path_override", FIRMWARE),
	X86("acpi_firmware", FIRMWARE),
	X86("smbios_firmware", FIRMWARE),
	X86("smbios", FIRMWARE),
	X86("ms_vm_genid", FIRMWARE),
	X86("boot", FIRMWARE),
	X86("acpi_s3", HVM),
	X86("acpi_s4", HVM),
	X86("acpi_laptop_slate", HVM),
	X86("altp2mhvm", HVM),
	X86("altp2m_count", HVM),
	X86("apic", HVM),
	X86("hpet", HVM),
	X86("nx", HVM),
	X86("pae", HVM),
	X86("mmio_hole", HVM),
	X86("timer_mode", HVM),
	X86("vpt_align", HVM),
	X86("xen_platform_pci", HVM),
	X86("xen_platform_pci_bar_uc", HVM),
	X86("viridian", HVM),
	X86("hdtype", HVM),
	X86("hvm_pirq", HVM),
	X86("vendor_device", HVM),
	X86("soundhw", HVM),
	X86("usb", HVM),
	X86("usbversion", HVM),
	X86("usbdevice", HVM),
	X86("serial", HVM),
	X86("parallel", HVM),
	X86("mca_caps", HVM),
	X86("cpuid", "CPUID is an x86 instruction"),
	X86("tsc_mode", "the TSC is an x86 counter"),
	X86("msr_relaxed", "MSRs are x86 registers"),
	X86("e820_host", "the E820 map is an x86 matter"),
	X86("ioports", "Arm has no I/O ports; use iomem"),
	X86("rdm", "reserved device memory is an x86 matter"),
	X86("rdm_mem_boundary", "reserved device memory is an x86 matter"),
	X86("videoram", SCREEN),
	X86("stdvga", SCREEN),
	X86("vga", SCREEN),
	X86("vnc", SCREEN),
	X86("vnclisten", SCREEN),
	X86("vncpasswd", SCREEN),
	X86("vncdisplay", SCREEN),
	X86("vncunused", SCREEN),
	X86("sdl", SCREEN),
	X86("opengl", SCREEN),
	X86("nographic", SCREEN),
	X86("keymap", SCREEN),
	X86("vkb_device", SCREEN),
	X86("gfx_passthru", SCREEN),
	X86("spice", SPICE),
	X86("spicehost", SPICE),
	X86("spiceport", SPICE),
	X86("spicetls_port", SPICE),
	X86("spicepasswd", SPICE),
	X86("spicedisable_ticketing", SPICE),
	X86("spiceagent_mouse", SPICE),
	X86("spicevdagent", SPICE),
	X86("spice_clipboard_sharing", SPICE),
	X86("spiceusbredirection", SPICE),
	X86("spice_image_compression", SPICE),
	X86("spice_streaming_video", SPICE),
	X86("stubdomain_kernel", STUBDOM),
	X86("stubdomain_cmdline", STUBDOM),
	X86("stubdomain_memory", STUBDOM),
	X86("stubdomain_ramdisk", STUBDOM),
	X86("device_model_stubdomain_override", STUBDOM),
	X86("device_model_stubdomain_seclabel", STUBDOM),
	X86("pvshim", PVSHIM),
	X86("pvshim_path", PVSHIM),
	X86("pvshim_cmdline", PVSHIM),
	X86("pvshim_extra", PVSHIM),
};

const struct cfgkey *cfgkey_row(size_t i)
{
	return i < array_size(rows) ? &rows[i] : NULL;
}

static bool is_taken(const struct cfgkey *row)
{
	return row->kind < CFGKEY_X86;
}

const char *vmm_config_key(size_t i, bool *is_supported, const char **summary)
{
	if (i >= array_size(rows))
		return NULL;
	*is_supported = is_taken(&rows[i]);
	*summary = rows[i].summary;
	return rows[i].name;
}

/* --- the walk --------------------------------------------------------------------------------- */

static int apply_number(struct cfgkey_ctx *c, const struct cfgkey *row, const struct cfg_value *v,
			void *member)
{
	int64_t n;

	if (get_number(c, v, row->min, row->max, &n) < 0)
		return -1;
	if (row->kind == CFGKEY_U32)
		*(uint32_t *)member = (uint32_t)n;
	else if (row->kind == CFGKEY_I32)
		*(int32_t *)member = (int32_t)n;
	else if (row->kind == CFGKEY_MIB)
		*(uint64_t *)member = (uint64_t)n << 10;
	else
		*(int64_t *)member = n;
	return 0;
}

static int apply_row(struct cfgkey_ctx *c, const struct cfgkey *row)
{
	void *member = (char *)c->cfg + row->offset;
	const struct cfg_value *v = &c->setting->value;
	int64_t n;

	switch (row->kind) {
	case CFGKEY_STR:
		return set_str(c, v, member);
	case CFGKEY_BOOL:
		if (get_number(c, v, 0, 1, &n) < 0)
			return -1;
		*(bool *)member = n != 0;
		return 0;
	case CFGKEY_U32:
	case CFGKEY_I32:
	case CFGKEY_ADDRESS:
	case CFGKEY_MIB:
		return apply_number(c, row, v, member);
	case CFGKEY_LIST:
		return set_list(c, v, member);
	case CFGKEY_ENUM:
		return set_enum(c, v, row->names, member);
	case CFGKEY_AFFINITY:
		return set_affinity(c, v, member);
	case CFGKEY_SET:
	case CFGKEY_DEVICE:
		return row->set(c, v);
	case CFGKEY_X86:
		return warn(c, &c->setting->place, "%s: has no effect on Arm: %s", row->name,
			    row->summary);
	case CFGKEY_IGNORED:
		return warn(c, &c->setting->place, "%s: has no effect: %s", row->name,
			    row->summary);
	case CFGKEY_REFUSED:
		break;
	}
	c->at = c->setting->place;
	return err_set(c->err, ENOTSUP, "%s: %s", row->name, row->summary);
}

static const char *next_taken(size_t *cursor, void *arg)
{
	while (*cursor < array_size(rows)) {
		const struct cfgkey *row = &rows[(*cursor)++];

		if (is_taken(row))
			return row->name;
	}
	return NULL;
}

static int apply_unknown(struct cfgkey_ctx *c)
{
	const char *nearest = str_nearest(c->setting->key, next_taken, NULL);

	if (nearest != NULL)
		return warn(c, &c->setting->place, "unknown key '%s'; did you mean '%s'?",
			    c->setting->key, nearest);
	return warn(c, &c->setting->place, "unknown key '%s'", c->setting->key);
}

static const struct cfgkey *row_by_name(const char *name)
{
	for (size_t i = 0; i < array_size(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static int apply_setting(struct cfgkey_ctx *c, const struct cfg_setting *s)
{
	const struct cfgkey *row;

	c->setting = s;
	c->at = s->place;
	c->cfg->are_evtchns_set |= strcmp(s->key, "max_event_channels") == 0;
	c->cfg->are_vcpus_set |= strcmp(s->key, "vcpus") == 0 || strcmp(s->key, "maxvcpus") == 0;
	c->cfg->is_vpmu_set |= strcmp(s->key, "vpmu") == 0;
	if (s->is_replaced &&
	    warn(c, &s->place, "%s: set more than once; the last value counts", s->key) < 0)
		return -1;
	row = row_by_name(s->key);
	return row != NULL ? apply_row(c, row) : apply_unknown(c);
}

static int apply_one(struct cfgkey_ctx *c, const struct cfg_setting *s)
{
	if (apply_setting(c, s) < 0) {
		autofree char *where = cfg_place_str(&c->at);

		return err_wrap(c->err, "%s", where);
	}
	return 0;
}

/* In the order of the file; then devices in the order of the rows, which numbers them as upstream
 * does (a vfb's vkb comes before those of vkb=). */
static int apply_all(struct cfgkey_ctx *c)
{
	const struct cfg_setting *s;

	for (size_t i = 0; i < c->file->nr; i++) {
		const struct cfgkey *row = row_by_name(c->file->settings[i].key);

		if ((row == NULL || row->kind != CFGKEY_DEVICE) &&
		    apply_one(c, &c->file->settings[i]) < 0)
			return -1;
	}
	for (size_t i = 0; i < array_size(rows); i++)
		if (rows[i].kind == CFGKEY_DEVICE &&
		    (s = cfgfile_find(c->file, rows[i].name)) != NULL && apply_one(c, s) < 0)
			return -1;
	return 0;
}

/* --- the door --------------------------------------------------------------------------------- */

static int load_text(const struct vmm_config_source *src, struct vmm_config *cfg,
		     struct cfgfile *file, struct cfg_place *at, struct err *err)
{
	const char *name = src->path == NULL             ? "configuration"
			   : strcmp(src->path, "-") == 0 ? "stdin"
							 : src->path;
	autofree char *read = NULL;
	size_t len;

	if (src->text == NULL) {
		if (src->path == NULL)
			return err_set(err, EINVAL, "no configuration was given");
		if (file_read(src->path, CFGFILE_MAX_BYTES, &read, &len, err) < 0)
			return err_wrap(err, "reading the configuration");
	} else {
		len = strlen(src->text);
	}
	if (cfgfile_parse(file, name, src->text != NULL ? src->text : read, len, false, at, err) <
	    0)
		return -1;
	cfg->source_path = src->path != NULL ? xstrdup(src->path) : NULL;
	cfg->source_text = src->text != NULL ? xstrdup(src->text) : steal(read);
	for (const char *const *o = src->overrides; o != NULL && *o != NULL; o++) {
		char *joined;

		if (cfgfile_parse(file, "command line", *o, strlen(*o), true, at, err) < 0)
			return -1;
		joined = str_printf("%s\n%s\n", cfg->source_text, *o);
		free(cfg->source_text);
		cfg->source_text = joined;
	}
	return 0;
}

int vmm_config_load(const struct vmm_config_source *src, struct vmm_config **out, struct err *err)
{
	struct vmm_config *cfg = xcalloc(1, sizeof(*cfg));
	autocfgfile struct cfgfile file = CFGFILE_INIT;
	struct cfgkey_ctx c = { .cfg = cfg, .file = &file, .src = src, .err = err };
	int ret;

	config_init(cfg);
	ret = load_text(src, cfg, &file, &c.at, err);
	if (ret == 0)
		ret = apply_all(&c);
	if (ret < 0 && src->excerpt != NULL && c.at.source != NULL)
		*src->excerpt = cfg_place_excerpt(&c.at);
	if (ret == 0 && config_finish(cfg, err) < 0)
		ret = err_wrap(err, "%s", src->path != NULL ? src->path : "configuration");
	if (ret < 0) {
		vmm_config_free(cfg);
		return -1;
	}
	*out = cfg;
	return 0;
}
