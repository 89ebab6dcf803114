// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The very guest.cfg that `xl create` reads, as the nodes of /chosen from which Xen starts the
 * guest itself: what is loaded where, what the nodes say. Source:
 * docs/misc/arm/device-tree/booting.txt of Xen 4.17 and 4.20.
 */
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
#include "libvmm/boot_keys.h"
#include "libvmm/boot_links.h"
#include "libvmm/boot_plan.h"
#include "libvmm/boot_pools.h"
#include "libvmm/boot_spec.h"
#include "libvmm/config.h"
#include "libvmm/dt_boot.h"
#include "libvmm/image.h"

#define MAX_BOARD (4u << 20)
#define DEFAULT_FROM (256ull << 20)	/* above the start of memory: loaders, Xen and their trees lie below */
#define FIRST_PHANDLE 0x10000u		/* where the board's are not known */
#define PAGE 4096u

struct module {
	const char *kind;	/* "multiboot,kernel", ... */
	const char *path, *bootargs;	/* as the configuration has them */
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
	struct boot_links links;
	struct boot_pools pools;
	char *board;
	size_t board_size;
};

/* --- modules ---------------------------------------------------------------------------------- */

static char *file_of(const struct export *x, const char *path)
{
	return x->req->root ? str_printf("%s/%s", x->req->root, path) : xstrdup(path);
}

static int add_module(const struct export *x, struct guest *g, const char *kind, const char *path,
		      const char *bootargs, struct err *err)
{
	autofree char *file = file_of(x, path);
	struct stat st;

	if (stat(file, &st) < 0)
		return err_set(err, errno, "%s: %s", file, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return err_set(err, EINVAL,
			       "%s: a boot loader loads regular files that are not empty", file);
	g->modules[g->nr_modules++] = (struct module){
		.kind = kind, .path = path, .bootargs = bootargs, .size = (uint64_t)st.st_size
	};
	return 0;
}

static int check_kernel(const struct export *x, const struct vmm_config *cfg, struct err *err)
{
	autofree char *file = file_of(x, cfg->kernel);
	struct image img;
	bool has_header;

	if (image_open(&img, cfg, file, err) < 0)
		return -1;
	has_header = img.kind != IMAGE_RAW;
	image_close(&img);
	if (!has_header)
		return err_set(err, ENOTSUP,
			       "%s: Xen starts an Image, a zImage or a gzip of one, no binary "
			       "without a header",
			       file);
	return 0;
}

static int find_modules(const struct export *x, struct guest *g, struct err *err)
{
	const struct vmm_config *cfg = g->cfg;

	if (check_kernel(x, cfg, err) < 0 ||
	    add_module(x, g, "multiboot,kernel", cfg->kernel, cfg->cmdline, err) < 0)
		return -1;
	if (cfg->ramdisk && add_module(x, g, "multiboot,ramdisk", cfg->ramdisk, NULL, err) < 0)
		return -1;
	if (cfg->device_tree &&
	    add_module(x, g, "multiboot,device-tree", cfg->device_tree, NULL, err) < 0)
		return -1;
	return 0;
}

/* static_mem = ["start,size"]; together they are the guest's memory. */
static int claim_static(struct export *x, struct guest *g, struct err *err)
{
	const struct strlist *list = &g->cfg->static_mem;
	uint64_t total = 0;

	for (size_t i = 0; i < list->n; i++) {
		autofree char *what = str_printf("static_mem '%s'", list->v[i]);
		struct boot_mem mem;

		if (boot_spec_mem(list->v[i], g->cfg->name, &mem, err) < 0 ||
		    boot_claim(&x->map, mem.base, mem.size, what, err) < 0)
			return -1;
		boot_ranges_add(&g->static_mem, mem.base, mem.size);
		total += mem.size;
	}
	if (list->n && total != g->cfg->max_kb * 1024)
		return err_set(err, EINVAL,
			       "static_mem is %" PRIu64 " KiB, memory %" PRIu64
			       " KiB: they must be equal",
			       total / 1024, g->cfg->max_kb);
	if (list->n && g->cfg->llc_colors.n)
		return err_set(err, EINVAL, "static_mem and llc_colors: Xen does one or the other");
	if (g->cfg->direct_map && !list->n)
		return err_set(
			err, EINVAL,
			"direct_map needs static_mem: only then is it known where the memory lies");
	return 0;
}

static int place_modules(struct export *x, struct err *err)
{
	for (size_t i = 0; i < x->req->nr_guests; i++) {
		struct guest *g = &x->guests[i];

		for (unsigned k = 0; k < g->nr_modules; k++)
			if (boot_place(&x->map, num_align_up(g->modules[k].size, PAGE),
				       g->modules[k].path, &g->modules[k].base, err) < 0)
				return -1;
	}
	return 0;
}

/* --- nodes ------------------------------------------------------------------------------------ */

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
	boot_emit_str(e, DT_BOOT_FILE, m->path);
	boot_emit_end(e);
}

/* Properties that Xen 4.17 does not know. */
static void emit_newer(struct boot_emit *e, const struct vmm_config *cfg, unsigned minor)
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
	if (cfg->passthrough != PASSTHROUGH_DEFAULT)
		boot_emit_str(e, "passthrough",
			      cfg->passthrough == PASSTHROUGH_ENABLED ? "enabled" : "disabled");
	if (cfg->llc_colors.n && minor >= 20) {
		autostrbuf struct strbuf colors = STRBUF_INIT;

		for (size_t i = 0; i < cfg->llc_colors.n; i++)
			strbuf_printf(&colors, "%s%s", i ? "," : "", cfg->llc_colors.v[i]);
		boot_emit_str(e, "llc-colors", colors.data);
	}
}

static void emit_guest(struct export *x, struct boot_emit *e, size_t i)
{
	const struct guest *g = &x->guests[i];
	const struct vmm_config *cfg = g->cfg;
	uint32_t pool = cfg->pool ? boot_pools_find(&x->pools, cfg->pool) : 0;

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
		boot_emit_u32(e, "xen,domain-p2m-mem-mb",
			      (uint32_t)((cfg->shadow_kb + 1023) / 1024));
	if (g->static_mem.nr)
		emit_reg(e, "xen,static-mem", g->static_mem.v, g->static_mem.nr);
	if (cfg->direct_map)
		boot_emit_empty(e, "direct-map");
	if (pool)
		boot_emit_u32(e, "domain-cpupool", pool);
	if (x->req->xen_minor >= 18)
		emit_newer(e, cfg, x->req->xen_minor);
	if (!x->req->no_config && cfg->source_text)
		boot_emit_text(e, DT_BOOT_CONFIG, cfg->source_text);
	boot_links_emit(&x->links, i, e);
	for (unsigned k = 0; k < g->nr_modules; k++)
		emit_module(e, &g->modules[k]);
	boot_emit_end(e);
}

/* The table that dom0 finds where Xen hides its guests' nodes: see dt_boot.h. */
static void emit_table(struct export *x, struct boot_emit *e)
{
	if (!x->req->nr_guests)
		return;
	boot_emit_begin(e, DT_BOOT_TABLE);
	for (size_t i = 0; i < x->req->nr_guests; i++) {
		const struct vmm_config *cfg = x->guests[i].cfg;

		boot_emit_begin(e, cfg->name);
		boot_emit_u32(e, DT_BOOT_DOMID, (uint32_t)i + 1);
		boot_emit_u64(e, "memory", cfg->max_kb);
		boot_emit_u32(e, "cpus", cfg->max_vcpus);
		boot_emit_str(e, "xen,enhanced", "enabled");
		if (cfg->static_mem.n)
			boot_emit_empty(e, DT_BOOT_STATIC);
		if (cfg->static_mem.n && !cfg->direct_map && x->req->ring_memory)
			boot_emit_empty(e, DT_BOOT_ROOM);
		if (cfg->cmdline)
			boot_emit_str(e, "bootargs", cfg->cmdline);
		if (!x->req->no_config && cfg->source_text)
			boot_emit_text(e, DT_BOOT_CONFIG, cfg->source_text);
		boot_emit_end(e);
	}
	boot_emit_end(e);
}

/* What belongs to no guest. */
static void emit_common(struct export *x, struct boot_emit *e)
{
	emit_table(x, e);
	boot_pools_emit(&x->pools, e);
	boot_links_emit(&x->links, BOOT_DOM0, e);
}

/* libfdt, and U-Boot by it, puts a new node before its brothers, and Xen numbers domains in the
 * order of the tree. */
static void emit_backwards(struct export *x, struct boot_emit *e)
{
	for (size_t i = x->req->nr_guests; i-- > 0;)
		emit_guest(x, e, i);
	emit_common(x, e);
}

/* The ranges of xen,static-mem, and dom0's of xen,shared-mem, are read with the cell sizes of
 * /chosen itself. */
static bool needs_cells(const struct export *x)
{
	for (size_t i = 0; i < x->req->nr_guests; i++)
		if (x->guests[i].static_mem.nr)
			return true;
	return boot_links_share_with_dom0(&x->links);
}

static void emit_cells(struct boot_emit *e)
{
	boot_emit_u32(e, "#address-cells", 2);
	boot_emit_u32(e, "#size-cells", 2);
}

/* --- forms ------------------------------------------------------------------------------------ */

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
	strbuf_add(&e->out, "/dts-v1/;\n\n/ {\n\tchosen {\n");
	if (needs_cells(x))
		emit_cells(e);
	for (size_t i = 0; i < x->req->nr_guests; i++) {
		const struct guest *g = &x->guests[i];

		for (unsigned k = 0; k < g->nr_modules; k++)
			strbuf_printf(&e->out, "\t\t/* load %s at 0x%" PRIx64 " */\n",
				      file_name(g->modules[k].path), g->modules[k].base);
		emit_guest(x, e, i);
	}
	emit_common(x, e);
	strbuf_add(&e->out, "\t};\n};\n");
	if (e->nodes.len)
		strbuf_add(&e->out, e->nodes.data);
	return 0;
}

/* Bytes that the nodes take at most, by far. */
static size_t room_for(const struct export *x)
{
	size_t room = 8192 + 512 * (x->links.nr_links + x->links.nr_shares) + 4096 * x->pools.nr;

	for (size_t i = 0; i < x->req->nr_guests; i++) {
		const struct vmm_config *cfg = x->guests[i].cfg;

		room += 4096 + 64 * cfg->static_mem.n;
		room += 2 * ((cfg->source_text ? strlen(cfg->source_text) : 0) +
			     (cfg->cmdline ? strlen(cfg->cmdline) : 0));
		for (unsigned k = 0; k < x->guests[i].nr_modules; k++)
			room += strlen(x->guests[i].modules[k].path);
	}
	return room;
}

static void script_text(struct export *x, struct boot_emit *e)
{
	e->ops = &boot_emit_uboot;
	strbuf_add(&e->out, "# Guests that Xen starts itself. Run where the board's device tree is "
			    "at ${fdt_addr_r} and before booti;\n"
			    "# the files lie on ${devtype} ${devnum}:${distro_bootpart}.\n"
			    "fdt addr ${fdt_addr_r}\n");
	strbuf_printf(&e->out, "fdt resize 0x%" PRIx64 "\n", num_align_up(room_for(x), PAGE));
	for (size_t i = 0; i < x->req->nr_guests; i++)
		for (unsigned k = 0; k < x->guests[i].nr_modules; k++)
			strbuf_printf(&e->out,
				      "load ${devtype} ${devnum}:${distro_bootpart} 0x%" PRIx64
				      " %s\n",
				      x->guests[i].modules[k].base,
				      file_name(x->guests[i].modules[k].path));
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
		return err_set(err, EINVAL,
			       "a device tree is made from the board's: give it with --board");
	e->ops = &boot_emit_blob;
	if (dt_boot_open(e, x->board, x->board_size, room_for(x), err) < 0)
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
	strbuf_free(&e.nodes);
	return r;
}

/* --- all together ----------------------------------------------------------------------------- */

/* Areas that are in use while files are loaded, and that no tree tells of. From the start of the
 * board's memory, or from the end of the memory below 4 GiB. */
static const struct {
	bool is_from_end;
	uint64_t offset, size;
} loader_areas[] = {
	{ false, 0, 64ull << 20 },		/* Xen, where QEMU and U-Boot's defaults put it */
	{ false, 128ull << 20, 2ull << 20 },	/* the device tree of QEMU's boards */
	{ true, 64ull << 20, 64ull << 20 },	/* U-Boot itself, its stack and its heap */
};

static uint64_t end_below_4g(const struct boot_ranges *ram)
{
	uint64_t last = 0;

	for (size_t i = 0; i < ram->nr; i++) {
		uint64_t end = ram->v[i].base + ram->v[i].size;

		if (ram->v[i].base < UINT64_C(1) << 32 && end > last)
			last = end < UINT64_C(1) << 32 ? end : UINT64_C(1) << 32;
	}
	return last;
}

/* Modules keep off these; static memory need not, since it is used when the loader is gone. */
static void avoid_loader(struct boot_map *map)
{
	uint64_t start = map->ram.v[0].base, end = end_below_4g(&map->ram);

	for (size_t i = 0; i < array_size(loader_areas); i++) {
		uint64_t offset = loader_areas[i].offset;

		if (!loader_areas[i].is_from_end)
			boot_ranges_add(&map->taken, start + offset, loader_areas[i].size);
		else if (end > start + 4 * offset)
			boot_ranges_add(&map->taken, end - offset, loader_areas[i].size);
	}
}

static int read_board(struct export *x, struct err *err)
{
	const struct vmm_boot_export *req = x->req;

	x->map.from = req->load_base;
	if (!req->board)
		return req->load_base ? 0
				      : err_set(err, EINVAL,
						"where do modules go? give the board's device tree "
						"with --board, "
						"or an address with --load-base");
	if (file_read(strcmp(req->board, "-") == 0 ? "/dev/stdin" : req->board, MAX_BOARD,
		      &x->board, &x->board_size, err) < 0)
		return -1;
	if (dt_boot_map(x->board, x->board_size, &x->map, err) < 0)
		return err_wrap(err, "%s", req->board);
	if (!req->load_base)
		x->map.from = x->map.ram.v[0].base + DEFAULT_FROM;
	return 0;
}

static int check_fits(const struct export *x, struct err *err)
{
	uint64_t have = 0, want = 0, dom0 = x->board ? dt_boot_dom0_kb(x->board) : 0;

	for (size_t i = 0; i < x->map.ram.nr; i++)
		have += x->map.ram.v[i].size / 1024;
	for (size_t i = 0; i < x->req->nr_guests; i++)
		want += x->req->guests[i]->max_kb;
	if (have && (want > have || dom0 > have - want))
		return err_set(err, ENOSPC,
			       "the guests want %" PRIu64 " MiB and dom0 %" PRIu64
			       " MiB, the board has %" PRIu64 " MiB",
			       want / 1024, dom0 / 1024, have / 1024);
	return 0;
}

static int prepare_guest(struct export *x, size_t i, struct err *err)
{
	struct guest *g = &x->guests[i];

	g->cfg = x->req->guests[i];
	if (boot_keys_check_name(g->cfg->name, "a guest that Xen starts", err) < 0)
		return -1;
	for (size_t k = 0; k < i; k++)
		if (strcmp(x->guests[k].cfg->name, g->cfg->name) == 0)
			return err_set(err, EEXIST, "two guests are called '%s'", g->cfg->name);
	if (find_modules(x, g, err) < 0 || claim_static(x, g, err) < 0)
		return err_wrap(err, "guest '%s'", g->cfg->name);
	return 0;
}

static int prepare(struct export *x, struct err *err)
{
	const struct vmm_boot_export *req = x->req;
	uint32_t phandle = FIRST_PHANDLE;

	for (size_t i = 0; i < req->nr_guests; i++)
		if (prepare_guest(x, i, err) < 0)
			return -1;
	if (x->board && dt_boot_last_phandle(x->board, &phandle, err) < 0)
		return -1;
	phandle++;
	if (x->map.ram.nr)
		avoid_loader(&x->map);
	for (size_t i = 0; i < req->nr_avoid; i++)
		boot_ranges_add(&x->map.taken, req->avoid[i].base, req->avoid[i].size);
	if (check_fits(x, err) < 0 ||
	    boot_pools_collect(&x->pools, x->board, req->guests, req->nr_guests, &phandle, err) <
		    0 ||
	    (req->ring_memory &&
	     boot_links_add_rings(&x->links, req->guests, req->nr_guests, err) < 0) ||
	    boot_links_collect(&x->links, req->guests, req->nr_guests, &x->map, &phandle, err) <
		    0 ||
	    place_modules(x, err) < 0)
		return -1;
	for (size_t i = 0; i < req->nr_guests; i++) {
		const struct vmm_config *cfg = x->guests[i].cfg;
		const struct boot_ability can = { req->xen_minor,
						  cfg->pool &&
							  boot_pools_find(&x->pools, cfg->pool),
						  req->ring_memory };

		boot_keys_report(cfg, &can, req->warn, req->warn_arg);
	}
	return 0;
}

int vmm_boot_export(const struct vmm_boot_export *req, char **out, size_t *len, struct err *err)
{
	struct export x = { .req = req, .pools = { .cfgs = req->pools, .nr = req->nr_pools } };
	int r;

	x.guests = xcalloc(req->nr_guests ? req->nr_guests : 1, sizeof(*x.guests));
	r = read_board(&x, err);
	if (r == 0)
		r = prepare(&x, err);
	if (r == 0)
		r = write_form(&x, out, len, err);
	for (size_t i = 0; i < req->nr_guests; i++)
		boot_ranges_free(&x.guests[i].static_mem);
	boot_links_free(&x.links);
	boot_pools_free(&x.pools);
	free(x.guests);
	free(x.board);
	boot_map_free(&x.map);
	return r;
}
