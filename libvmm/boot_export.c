// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The very guest.cfg that `xl create` reads, as the nodes of /chosen from which Xen starts the guest itself. What the boot
 * cannot do of it is reported key by key. Source: docs/misc/arm/device-tree/booting.txt of Xen 4.17 and 4.20.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/boot_emit.h"
#include "libvmm/boot_plan.h"
#include "libvmm/config.h"
#include "libvmm/dt_boot.h"
#include "libvmm/image.h"

#define MAX_BOARD (4u << 20)
#define MAX_NODE_NAME 31	/* of a device-tree node; the guest is called so */
#define DEFAULT_FROM (256ull << 20)	/* above the start of memory: loaders, Xen and their trees lie below */
#define PAGE 4096u

struct module {
	const char *kind;	/* "multiboot,kernel", ... */
	const char *path, *bootargs;
	uint64_t size, base;
};

struct guest {
	const struct vmm_config *cfg;
	struct module modules[3];
	unsigned nr_modules;
	struct boot_ranges static_mem;
};

struct export {
	const struct vmm_boot_export *req;
	struct guest *guests;
	struct boot_map map;
	char *board;
	size_t board_size;
};

/* --- what a boot can do -------------------------------------------------------------------------------------------- */

static void say(struct export *x, const struct vmm_config *cfg, const char *key, const char *fmt, ...) printf_like(4, 5);
static void say(struct export *x, const struct vmm_config *cfg, const char *key, const char *fmt, ...)
{
	autofree char *where = str_printf("%s: %s", cfg->name, key), *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = str_vprintf(fmt, ap);
	va_end(ap);
	if (x->req->warn)
		x->req->warn(x->req->warn_arg, where, text);
}

/* Keys that dom0 can make good later, and keys that nobody can. */
static void report_keys(struct export *x, const struct vmm_config *cfg)
{
	bool is_old = x->req->xen_minor < 18;

	if (cfg->cpus.all || cfg->cpus.each.n || cfg->cpus_soft.all || cfg->cpus_soft.each.n)
		say(x, cfg, "cpus", "Xen's boot pins no vcpu: `xl vcpu-pin %s ...` once dom0 is up", cfg->name);
	if (cfg->pool)
		say(x, cfg, "pool", "not part of the node: `xl cpupool-migrate %s %s` once dom0 is up", cfg->name, cfg->pool);
	if (cfg->cpu_weight != CONFIG_UNSET || cfg->cap != CONFIG_UNSET || cfg->period_us != CONFIG_UNSET ||
	    cfg->budget_us != CONFIG_UNSET)
		say(x, cfg, "cpu_weight, cap, period, budget", "set by `xl sched-*` once dom0 is up");
	if (cfg->nr_devices)
		say(x, cfg, "disk, vif, ...", "attached by `xl block-attach` and the like once dom0 is up");
	if (cfg->max_kb != cfg->target_kb)
		say(x, cfg, "maxmem", "a guest that Xen starts has all of its memory: maxmem counts");
	if (cfg->gic_version != CONFIG_GIC_DEFAULT)
		say(x, cfg, "gic_version", "the guest gets the host's");
	if (cfg->tee != CONFIG_TEE_NONE)
		say(x, cfg, "tee", "Xen %s offers none to guests it starts", is_old ? "4.17" : "4.20");
	if (cfg->vpmu)
		say(x, cfg, "vpmu", "not given to guests that Xen starts");
	if (cfg->seclabel || cfg->init_seclabel)
		say(x, cfg, "seclabel", "the guest runs with the label of unlabelled domains");
	if (cfg->nr_iomem || cfg->nr_irqs || cfg->dtdev.n || cfg->passthrough_devices.n)
		say(x, cfg, "iomem, irqs, dtdev, devices", "taken from the partial device tree: its nodes need xen,reg, xen,path "
		    "and interrupts (docs/misc/arm/passthrough.txt)");
	if (is_old && (cfg->max_grant_frames != CONFIG_UNSET || cfg->max_maptrack_frames != CONFIG_UNSET ||
		       cfg->max_grant_version != CONFIG_UNSET))
		say(x, cfg, "max_grant_frames, ...", "Xen 4.18 and later read these");
	if (is_old && (cfg->llc_colors.n || cfg->sve_vl))
		say(x, cfg, "llc_colors, sve", "Xen 4.18 and 4.20 read these");
}

/* The node's name is the guest's name after the boot. */
static int check_name(const struct vmm_config *cfg, struct err *err)
{
	if (strlen(cfg->name) > MAX_NODE_NAME)
		return err_set(err, EINVAL, "'%s': a guest that Xen starts is called as its node, which has at most %d characters",
			       cfg->name, MAX_NODE_NAME);
	for (const char *c = cfg->name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._+-", *c))
			return err_set(err, EINVAL, "'%s': a guest that Xen starts is called as its node, which has letters, "
				       "digits and . _ + - only", cfg->name);
	return 0;
}

/* --- modules --------------------------------------------------------------------------------------------------------- */

static int add_module(struct guest *g, const char *kind, const char *path, const char *bootargs, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return err_set(err, EINVAL, "%s: a boot loader loads regular files that are not empty", path);
	g->modules[g->nr_modules++] = (struct module){ .kind = kind, .path = path, .bootargs = bootargs,
						       .size = (uint64_t)st.st_size };
	return 0;
}

static int check_kernel(const struct vmm_config *cfg, struct err *err)
{
	struct image img;
	bool has_header;

	if (image_open(&img, cfg, cfg->kernel, err) < 0)
		return -1;
	has_header = img.kind != IMAGE_RAW;
	image_close(&img);
	if (!has_header)
		return err_set(err, ENOTSUP, "%s: Xen starts an Image, a zImage or a gzip of one, no binary without a header",
			       cfg->kernel);
	return 0;
}

static int find_modules(struct guest *g, struct err *err)
{
	const struct vmm_config *cfg = g->cfg;

	if (check_kernel(cfg, err) < 0 || add_module(g, "multiboot,kernel", cfg->kernel, cfg->cmdline, err) < 0)
		return -1;
	if (cfg->ramdisk && add_module(g, "multiboot,ramdisk", cfg->ramdisk, NULL, err) < 0)
		return -1;
	if (cfg->device_tree && add_module(g, "multiboot,device-tree", cfg->device_tree, NULL, err) < 0)
		return -1;
	return 0;
}

/* static_mem = ["start,size"], bytes; together they are the guest's memory. */
static int claim_static(struct export *x, struct guest *g, struct err *err)
{
	const struct strlist *list = &g->cfg->static_mem;
	uint64_t total = 0;

	for (size_t i = 0; i < list->n; i++) {
		autostrlist struct strlist pair = STRLIST_INIT;
		autofree char *what = str_printf("%s: static_mem '%s'", g->cfg->name, list->v[i]);
		uint64_t base, size;

		strlist_split(&pair, list->v[i], ",");
		if (pair.n != 2)
			return err_set(err, EINVAL, "%s is not start,size", what);
		if (num_u64(pair.v[0], 0, UINT64_MAX, what, &base, err) < 0 ||
		    num_size(pair.v[1], 'b', what, &size, err) < 0)
			return -1;
		if (base % PAGE || size % PAGE)
			return err_set(err, EINVAL, "%s does not begin and end at a page", what);
		if (boot_claim(&x->map, base, size, what, err) < 0)
			return -1;
		boot_ranges_add(&g->static_mem, base, size);
		total += size;
	}
	if (list->n && total != g->cfg->max_kb * 1024)
		return err_set(err, EINVAL, "%s: static_mem is %" PRIu64 " KiB, memory %" PRIu64 " KiB: they must be equal",
			       g->cfg->name, total / 1024, g->cfg->max_kb);
	if (g->cfg->direct_map && !list->n)
		return err_set(err, EINVAL, "%s: direct_map needs static_mem: only then is it known where the memory lies",
			       g->cfg->name);
	return 0;
}

static int place_modules(struct export *x, struct err *err)
{
	for (size_t i = 0; i < x->req->nr_guests; i++) {
		struct guest *g = &x->guests[i];

		for (unsigned k = 0; k < g->nr_modules; k++)
			if (boot_place(&x->map, num_align_up(g->modules[k].size, PAGE), g->modules[k].path, &g->modules[k].base,
				       err) < 0)
				return -1;
	}
	return 0;
}

/* --- nodes ------------------------------------------------------------------------------------------------------------ */

static void emit_reg(struct boot_emit *e, const char *name, const struct layout_range *r, size_t nr)
{
	autofree uint32_t *cells = xcalloc(nr, 4 * sizeof(*cells));

	for (size_t i = 0; i < nr; i++) {
		cells[4 * i] = (uint32_t)(r[i].base >> 32);
		cells[4 * i + 1] = (uint32_t)r[i].base;
		cells[4 * i + 2] = (uint32_t)(r[i].size >> 32);
		cells[4 * i + 3] = (uint32_t)r[i].size;
	}
	boot_emit_cells(e, name, cells, 4 * nr);
}

static void emit_module(struct boot_emit *e, const struct module *m)
{
	const char *compatible[] = { m->kind, "multiboot,module" };
	struct layout_range reg = { m->base, m->size };
	char name[32];

	snprintf(name, sizeof(name), "module@%" PRIx64, m->base);
	boot_emit_begin(e, name);
	boot_emit_strs(e, "compatible", compatible, 2);
	emit_reg(e, "reg", &reg, 1);
	if (m->bootargs)
		boot_emit_str(e, "bootargs", m->bootargs);
	boot_emit_end(e);
}

/* Properties that Xen 4.17 does not know. */
static void emit_newer(struct boot_emit *e, const struct vmm_config *cfg)
{
	if (cfg->max_grant_frames != CONFIG_UNSET)
		boot_emit_u32(e, "max_grant_frames", (uint32_t)cfg->max_grant_frames);
	if (cfg->max_maptrack_frames != CONFIG_UNSET)
		boot_emit_u32(e, "max_maptrack_frames", (uint32_t)cfg->max_maptrack_frames);
	if (cfg->max_grant_version != CONFIG_UNSET)
		boot_emit_u32(e, "max_grant_version", (uint32_t)cfg->max_grant_version);
	if (cfg->sve_vl == UINT32_MAX)
		boot_emit_empty(e, "sve");
	else if (cfg->sve_vl)
		boot_emit_u32(e, "sve", cfg->sve_vl);
	if (cfg->llc_colors.n) {
		autostrbuf struct strbuf colors = STRBUF_INIT;

		for (size_t i = 0; i < cfg->llc_colors.n; i++)
			strbuf_printf(&colors, "%s%s", i ? "," : "", cfg->llc_colors.v[i]);
		boot_emit_str(e, "llc-colors", colors.data);
	}
}

static void emit_guest(struct export *x, struct boot_emit *e, const struct guest *g)
{
	const struct vmm_config *cfg = g->cfg;

	boot_emit_begin(e, cfg->name);
	boot_emit_str(e, "compatible", "xen,domain");
	boot_emit_u32(e, "#address-cells", 2);
	boot_emit_u32(e, "#size-cells", 2);
	boot_emit_u64(e, "memory", cfg->max_kb);
	boot_emit_u32(e, "cpus", cfg->max_vcpus);
	boot_emit_str(e, "xen,enhanced", "enabled");
	if (cfg->vuart != CONFIG_VUART_NONE)
		boot_emit_empty(e, "vpl011");
	if (cfg->nr_spis != CONFIG_UNSET)
		boot_emit_u32(e, "nr_spis", (uint32_t)cfg->nr_spis);
	if (cfg->shadow_kb)
		boot_emit_u32(e, "xen,domain-p2m-mem-mb", (uint32_t)((cfg->shadow_kb + 1023) / 1024));
	if (g->static_mem.nr)
		emit_reg(e, "xen,static-mem", g->static_mem.v, g->static_mem.nr);
	if (cfg->direct_map)
		boot_emit_empty(e, "direct-map");
	if (x->req->xen_minor >= 18)
		emit_newer(e, cfg);
	for (unsigned k = 0; k < g->nr_modules; k++)
		emit_module(e, &g->modules[k]);
	boot_emit_end(e);
}

/* libfdt, and U-Boot by it, puts a new node before its brothers, and Xen numbers domains in the order of the tree. */
static void emit_backwards(struct export *x, struct boot_emit *e)
{
	for (size_t i = x->req->nr_guests; i-- > 0;)
		emit_guest(x, e, &x->guests[i]);
}

/* The ranges of xen,static-mem are read with the cell sizes of /chosen itself. */
static bool needs_cells(const struct export *x)
{
	for (size_t i = 0; i < x->req->nr_guests; i++)
		if (x->guests[i].static_mem.nr)
			return true;
	return false;
}

static void emit_cells(struct boot_emit *e)
{
	boot_emit_u32(e, "#address-cells", 2);
	boot_emit_u32(e, "#size-cells", 2);
}

/* --- forms ------------------------------------------------------------------------------------------------------------ */

/* The part of a path that a boot loader sees: the file lies beside its script. */
static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int to_dts(struct export *x, struct boot_emit *e, struct err *err)
{
	(void)err;
	e->ops = &boot_emit_dts;
	strbuf_add(&e->out, "/dts-v1/;\n\n/ {\n\tchosen {\n\t\t#address-cells = <0x2>;\n\t\t#size-cells = <0x2>;\n");
	for (size_t i = 0; i < x->req->nr_guests; i++) {
		const struct guest *g = &x->guests[i];

		for (unsigned k = 0; k < g->nr_modules; k++)
			strbuf_printf(&e->out, "\t\t/* load %s at 0x%" PRIx64 " */\n", file_name(g->modules[k].path),
				      g->modules[k].base);
		emit_guest(x, e, g);
	}
	strbuf_add(&e->out, "\t};\n};\n");
	return 0;
}

static void script_text(struct export *x, struct boot_emit *e)
{
	e->ops = &boot_emit_uboot;
	strbuf_add(&e->out, "# Guests that Xen starts itself. Run where the board's device tree is at ${fdt_addr_r} and before booti;\n"
		   "# the files lie on ${devtype} ${devnum}:${distro_bootpart}.\n"
		   "fdt addr ${fdt_addr_r}\nfdt resize 0x4000\n");
	for (size_t i = 0; i < x->req->nr_guests; i++)
		for (unsigned k = 0; k < x->guests[i].nr_modules; k++)
			strbuf_printf(&e->out, "load ${devtype} ${devnum}:${distro_bootpart} 0x%" PRIx64 " %s\n",
				      x->guests[i].modules[k].base, file_name(x->guests[i].modules[k].path));
	if (needs_cells(x))
		emit_cells(e);
	emit_backwards(x, e);
}

static int to_script(struct export *x, struct boot_emit *e, bool is_image, struct err *err)
{
	size_t size;
	char *image;

	(void)err;
	script_text(x, e);
	if (!is_image || e->err.code)
		return 0;
	image = boot_script_image(e->out.data, e->out.len, "Xen guests", &size);
	strbuf_free(&e->out);
	e->out = (struct strbuf){ .data = image, .len = size, .size = size };
	return 0;
}

static int to_dtb(struct export *x, struct boot_emit *e, struct err *err)
{
	if (!x->board)
		return err_set(err, EINVAL, "a device tree is made from the board's: give it with --board");
	e->ops = &boot_emit_blob;
	if (dt_boot_open(e, x->board, x->board_size, err) < 0)
		return -1;
	if (needs_cells(x) && dt_boot_widen(e, err) < 0)
		return -1;
	emit_backwards(x, e);
	return e->err.code ? 0 : dt_boot_close(e, err);
}

static int write_form(struct export *x, char **out, size_t *len, struct err *err)
{
	struct boot_emit e = { .out = STRBUF_INIT, .path = "/chosen" };
	int r = -1;

	switch (x->req->form) {
	case VMM_BOOT_DTS: r = to_dts(x, &e, err); break;
	case VMM_BOOT_DTB: r = to_dtb(x, &e, err); break;
	case VMM_BOOT_SCRIPT: r = to_script(x, &e, false, err); break;
	case VMM_BOOT_SCRIPT_IMAGE: r = to_script(x, &e, true, err); break;
	}
	if (r == 0 && e.err.code)
		r = err_set(err, e.err.code, "%s", e.err.msg);
	if (r == 0) {
		*len = e.out.len;
		*out = strbuf_steal(&e.out);
	}
	strbuf_free(&e.out);
	return r;
}

/* --- all together ------------------------------------------------------------------------------------------------------- */

static int read_board(struct export *x, struct err *err)
{
	const struct vmm_boot_export *req = x->req;

	x->map.from = req->load_base;
	if (!req->board)
		return req->load_base ? 0 : err_set(err, EINVAL, "where do modules go? give the board's device tree with --board, "
						    "or an address with --load-base");
	if (file_read(req->board, MAX_BOARD, &x->board, &x->board_size, err) < 0)
		return -1;
	if (dt_boot_map(x->board, x->board_size, &x->map, err) < 0)
		return err_wrap(err, "%s", req->board);
	if (!req->load_base)
		x->map.from = x->map.ram.v[0].base + DEFAULT_FROM;
	return 0;
}

static int prepare(struct export *x, struct err *err)
{
	for (size_t i = 0; i < x->req->nr_guests; i++) {
		struct guest *g = &x->guests[i];

		g->cfg = x->req->guests[i];
		for (size_t k = 0; k < i; k++)
			if (strcmp(x->guests[k].cfg->name, g->cfg->name) == 0)
				return err_set(err, EEXIST, "two guests are called '%s'", g->cfg->name);
		if (check_name(g->cfg, err) < 0 || find_modules(g, err) < 0 || claim_static(x, g, err) < 0)
			return err_wrap(err, "guest '%s'", g->cfg->name);
		report_keys(x, g->cfg);
	}
	return place_modules(x, err);
}

int vmm_boot_export(const struct vmm_boot_export *req, char **out, size_t *len, struct err *err)
{
	struct export x = { .req = req };
	int r;

	x.guests = xcalloc(req->nr_guests ? req->nr_guests : 1, sizeof(*x.guests));
	r = read_board(&x, err);
	for (size_t i = 0; r == 0 && i < req->nr_avoid; i++)
		boot_ranges_add(&x.map.taken, req->avoid[i].base, req->avoid[i].size);
	if (r == 0)
		r = prepare(&x, err);
	if (r == 0)
		r = write_form(&x, out, len, err);
	for (size_t i = 0; i < req->nr_guests; i++)
		boot_ranges_free(&x.guests[i].static_mem);
	free(x.guests);
	free(x.board);
	boot_map_free(&x.map);
	return r;
}
