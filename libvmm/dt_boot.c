// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading the guests of a device tree. It does not know which of them run: boot_guests.c puts the
 * two together.
 */
#include "libvmm/dt.h"
#include "libvmm/dt_boot.h"

#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

static uint32_t prop_u32(const void *fdt, int node, const char *name, uint32_t fallback)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, node, name, &len);

	return p && len == (int)sizeof(*p) ? fdt32_to_cpu(*p) : fallback;
}

static uint64_t prop_u64(const void *fdt, int node, const char *name)
{
	int len;
	const fdt32_t *p = fdt_getprop(fdt, node, name, &len);

	if (!p || len != 2 * (int)sizeof(*p))
		return 0;
	return (uint64_t)fdt32_to_cpu(p[0]) << 32 | fdt32_to_cpu(p[1]);
}

/* A string property, checked to end inside itself; NULL when it is not there or no string. */
static const char *prop_str(const void *fdt, int node, const char *name)
{
	int len;
	const char *p = fdt_getprop(fdt, node, name, &len);

	return p && len > 0 && strnlen(p, (size_t)len) < (size_t)len ? p : NULL;
}

static char *prop_copy(const void *fdt, int node, const char *name)
{
	const char *value = prop_str(fdt, node, name);

	return value ? xstrdup(value) : NULL;
}

/* "enabled", or the bare property, which is the same. */
static bool is_enhanced(const void *fdt, int node)
{
	int len;
	const char *value = prop_str(fdt, node, "xen,enhanced");

	if (value)
		return strcmp(value, "enabled") == 0 || !*value;
	return fdt_getprop(fdt, node, "xen,enhanced", &len) && len == 0;
}

static char *kernel_bootargs(const void *fdt, int domain)
{
	int node;

	fdt_for_each_subnode(node, fdt, domain)
		if (fdt_node_check_compatible(fdt, node, "multiboot,kernel") == 0)
			return prop_copy(fdt, node, "bootargs");
	return NULL;
}

static bool has_ring_memory(const void *fdt, int domain)
{
	int node;

	fdt_for_each_subnode(node, fdt, domain) {
		const char *id = prop_str(fdt, node, "xen,shm-id");

		if (id && strncmp(id, DT_BOOT_RINGS, strlen(DT_BOOT_RINGS)) == 0)
			return true;
	}
	return false;
}

static void read_node(const void *fdt, int node, struct boot_node *out)
{
	const char *name = fdt_get_name(fdt, node, NULL);

	*out = (struct boot_node){
		.name = xstrdup(name ? name : ""),
		.cpus = prop_u32(fdt, node, "cpus", 0),
		.memory_kb = prop_u64(fdt, node, "memory"),
		.has_store = is_enhanced(fdt, node),
		.has_vpl011 = fdt_getprop(fdt, node, "vpl011", NULL) != NULL,
		.bootargs = kernel_bootargs(fdt, node),
		.is_static = fdt_getprop(fdt, node, "xen,static-mem", NULL) || fdt_getprop(fdt, node, DT_BOOT_STATIC, NULL),
		.has_ring_memory = has_ring_memory(fdt, node) || fdt_getprop(fdt, node, DT_BOOT_ROOM, NULL),
		.config = prop_copy(fdt, node, DT_BOOT_CONFIG),
	};
}

int dt_boot_check(const void *fdt, size_t size, struct err *err)
{
	int r = dt_check(fdt, size);

	return r < 0 ? err_set(err, EINVAL, "not a sound device tree: %s", fdt_strerror(r)) : 0;
}

/* The table for dom0 says which domain each guest is. One that names a domain twice or leaves one
 * out is no table. */
static void read_table(const void *fdt, int chosen, struct boot_node **out, size_t *nr)
{
	int table = fdt_subnode_offset(fdt, chosen, DT_BOOT_TABLE), node;
	struct boot_node *nodes = NULL;
	size_t n = 0, found = 0;

	if (table < 0)
		return;
	fdt_for_each_subnode(node, fdt, table)
		n++;
	nodes = xcalloc(n ? n : 1, sizeof(*nodes));
	fdt_for_each_subnode(node, fdt, table) {
		uint32_t domid = prop_u32(fdt, node, DT_BOOT_DOMID, 0);

		if (domid == 0 || domid > n || nodes[domid - 1].name)
			continue;
		read_node(fdt, node, &nodes[domid - 1]);
		nodes[domid - 1].bootargs = prop_copy(fdt, node, "bootargs");
		found++;
	}
	if (found != n) {
		boot_nodes_free(nodes, n);
		return;
	}
	*out = nodes;
	*nr = n;
}

/* *chosen is negative in a tree that has no /chosen, and so neither guests nor pools. */
static int find_chosen(const void *fdt, size_t size, int *chosen, struct err *err)
{
	if (dt_boot_check(fdt, size, err) < 0)
		return -1;
	*chosen = fdt_path_offset(fdt, "/chosen");
	return 0;
}

int dt_boot_nodes(const void *fdt, size_t size, struct boot_node **out, size_t *nr, struct err *err)
{
	int chosen, node;

	*out = NULL;
	*nr = 0;
	if (find_chosen(fdt, size, &chosen, err) < 0)
		return -1;
	if (chosen < 0)
		return 0;
	fdt_for_each_subnode(node, fdt, chosen) {
		if (fdt_node_check_compatible(fdt, node, "xen,domain") != 0)
			continue;
		*out = xreallocarray(*out, *nr + 1, sizeof(**out));
		read_node(fdt, node, &(*out)[(*nr)++]);
	}
	if (!*nr)
		read_table(fdt, chosen, out, nr);
	return 0;
}

void boot_nodes_free(struct boot_node *nodes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(nodes[i].name);
		free(nodes[i].bootargs);
		free(nodes[i].config);
	}
	free(nodes);
}

int dt_boot_pools(const void *fdt, size_t size, struct boot_pool_node **out, size_t *nr,
		  struct err *err)
{
	int chosen, node;

	*out = NULL;
	*nr = 0;
	if (find_chosen(fdt, size, &chosen, err) < 0)
		return -1;
	if (chosen < 0)
		return 0;
	fdt_for_each_subnode(node, fdt, chosen) {
		const char *cpus = prop_str(fdt, node, DT_BOOT_CPUS),
			   *name = fdt_get_name(fdt, node, NULL);

		if (!cpus || !name || fdt_node_check_compatible(fdt, node, "xen,cpupool") != 0)
			continue;
		*out = xreallocarray(*out, *nr + 1, sizeof(**out));
		(*out)[(*nr)++] = (struct boot_pool_node){ xstrdup(name), xstrdup(cpus) };
	}
	return 0;
}

void boot_pool_nodes_free(struct boot_pool_node *nodes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(nodes[i].name);
		free(nodes[i].cpus);
	}
	free(nodes);
}

/* --- a board's processors --------------------------------------------------------------------- */

int dt_boot_cpus(const void *fdt, struct boot_cpu **out, size_t *nr, struct err *err)
{
	int cpus = fdt_path_offset(fdt, "/cpus"), node;

	*out = NULL;
	*nr = 0;
	if (cpus < 0)
		return err_set(err, EINVAL, "no /cpus: this is not the device tree of a board");
	fdt_for_each_subnode(node, fdt, cpus) {
		const char *type = prop_str(fdt, node, "device_type"),
			   *name = fdt_get_name(fdt, node, NULL);

		if (!type || !name || strcmp(type, "cpu") != 0)
			continue;
		*out = xreallocarray(*out, *nr + 1, sizeof(**out));
		(*out)[(*nr)++] = (struct boot_cpu){ .path = str_printf("/cpus/%s", name),
						     .phandle = fdt_get_phandle(fdt, node) };
	}
	return 0;
}

void dt_boot_cpus_free(struct boot_cpu *cpus, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		free(cpus[i].path);
	free(cpus);
}

int dt_boot_last_phandle(const void *fdt, uint32_t *phandle, struct err *err)
{
	int r = fdt_find_max_phandle(fdt, phandle);

	return r < 0 ? err_set(err, EINVAL, "phandles of the device tree: %s", fdt_strerror(r)) : 0;
}

uint64_t dt_boot_dom0_kb(const void *fdt)
{
	int chosen = fdt_path_offset(fdt, "/chosen");
	const char *args = chosen < 0 ? NULL : prop_str(fdt, chosen, "xen,xen-bootargs");
	const char *at = args ? strstr(args, "dom0_mem=") : NULL;
	struct err ignored = ERR_INIT;
	autofree char *word = NULL;
	uint64_t bytes;

	if (!at)
		return 0;
	at += strlen("dom0_mem=");
	word = xstrndup(at, strcspn(at, " ,"));
	return num_size(word, 'k', "dom0_mem", &bytes, &ignored) == 0 ? bytes / 1024 : 0;
}

/* --- a board's memory ------------------------------------------------------------------------- */

/* (base, size) pairs of a property, with the cell sizes of the node's parent. */
static int add_reg(const void *fdt, int parent, int node, struct boot_ranges *out, struct err *err)
{
	int ac = fdt_address_cells(fdt, parent), sc = fdt_size_cells(fdt, parent), len;
	const fdt32_t *p = fdt_getprop(fdt, node, "reg", &len);
	const char *name = fdt_get_name(fdt, node, NULL);

	if (!p)
		return 0;
	if (ac < 1 || ac > 2 || sc < 1 || sc > 2 || len % ((ac + sc) * (int)sizeof(*p)) != 0)
		return err_set(err, EINVAL,
			       "%s: its reg does not fit #address-cells and #size-cells",
			       name ? name : "a node");
	for (int n = len / ((ac + sc) * (int)sizeof(*p)); n > 0; n--) {
		uint64_t base = 0, size = 0;

		for (int i = 0; i < ac; i++)
			base = base << 32 | fdt32_to_cpu(*p++);
		for (int i = 0; i < sc; i++)
			size = size << 32 | fdt32_to_cpu(*p++);
		boot_ranges_add(out, base, size);
	}
	return 0;
}

static int add_children(const void *fdt, int parent, struct boot_ranges *out, struct err *err)
{
	int node;

	if (parent < 0)
		return 0;
	fdt_for_each_subnode(node, fdt, parent)
		if (add_reg(fdt, parent, node, out, err) < 0)
			return -1;
	return 0;
}

static int add_memory(const void *fdt, struct boot_ranges *out, struct err *err)
{
	int node, root = 0;

	fdt_for_each_subnode(node, fdt, root) {
		const char *type = prop_str(fdt, node, "device_type");

		if (type && strcmp(type, "memory") == 0 && add_reg(fdt, root, node, out, err) < 0)
			return -1;
	}
	return 0;
}

/* Modules of /chosen itself, and of the guests that are there already. */
static int add_modules(const void *fdt, struct boot_ranges *out, struct err *err)
{
	int chosen = fdt_path_offset(fdt, "/chosen"), node;

	if (add_children(fdt, chosen, out, err) < 0)
		return -1;
	if (chosen < 0)
		return 0;
	fdt_for_each_subnode(node, fdt,
			     chosen) if (fdt_node_check_compatible(fdt, node, "xen,domain") == 0 &&
					 add_children(fdt, node, out, err) < 0) return -1;
	return 0;
}

int dt_boot_map(const void *fdt, size_t size, struct boot_map *map, struct err *err)
{
	if (dt_boot_check(fdt, size, err) < 0)
		return -1;
	for (int i = 0; i < fdt_num_mem_rsv(fdt); i++) {
		uint64_t base, len;

		if (fdt_get_mem_rsv(fdt, i, &base, &len) == 0)
			boot_ranges_add(&map->taken, base, len);
	}
	if (add_memory(fdt, &map->ram, err) < 0 ||
	    add_children(fdt, fdt_path_offset(fdt, "/reserved-memory"), &map->taken, err) < 0 ||
	    add_modules(fdt, &map->taken, err) < 0)
		return -1;
	if (!map->ram.nr)
		return err_set(err, EINVAL,
			       "no memory node: this is not the device tree of a board");
	return 0;
}

/* --- nodes into a blob ------------------------------------------------------------------------ */

int dt_boot_open(struct boot_emit *e, const void *fdt, size_t size, size_t more, struct err *err)
{
	int room = (int)(size + more), r;
	char *blob = xmalloc((size_t)room);

	r = fdt_open_into(fdt, blob, room);
	if (r == 0 && fdt_path_offset(blob, "/chosen") < 0)
		r = fdt_add_subnode(blob, 0, "chosen");
	strbuf_free(&e->out);
	e->out = (struct strbuf){ .data = blob, .len = (size_t)room, .size = (size_t)room };
	return r < 0 ? err_set(err, EINVAL, "the board's device tree: %s", fdt_strerror(r)) : 0;
}

int dt_boot_widen(struct boot_emit *e, struct err *err)
{
	static const char *const names[] = { "#address-cells", "#size-cells" };
	int chosen = fdt_path_offset(e->out.data, "/chosen"), r = 0;

	for (size_t i = 0; i < array_size(names) && r == 0; i++) {
		uint32_t cells = prop_u32(e->out.data, chosen, names[i], 0);

		if (cells && cells != 2)
			return err_set(err, EINVAL,
				       "the board's /chosen has %s = <%" PRIu32
				       ">, static_mem needs 2",
				       names[i], cells);
		if (!cells)
			r = fdt_setprop_u32(e->out.data, chosen, names[i], 2);
	}
	return r < 0 ? err_set(err, EINVAL, "the board's device tree: %s", fdt_strerror(r)) : 0;
}

int dt_boot_close(struct boot_emit *e, struct err *err)
{
	int r = fdt_pack(e->out.data);

	if (r < 0)
		return err_set(err, EINVAL, "packing the device tree: %s", fdt_strerror(r));
	e->out.len = fdt_totalsize(e->out.data);
	return 0;
}

static void blob_failed(struct boot_emit *e, const char *what, int r)
{
	err_set(&e->err, r == -FDT_ERR_NOSPACE ? ENOSPC : EEXIST, "%s/%s: %s", e->path, what,
		fdt_strerror(r));
}

static void blob_begin(struct boot_emit *e, const char *name)
{
	int parent = fdt_path_offset(e->out.data, e->path), r;

	r = parent < 0 ? parent : fdt_add_subnode(e->out.data, parent, name);
	if (r < 0)
		blob_failed(e, name, r);
}

static void blob_prop(struct boot_emit *e, const struct boot_prop *p)
{
	int node = fdt_path_offset(e->out.data, e->path), r = node;

	if (r >= 0 && !p->nr_strs && !p->nr_cells)
		r = fdt_setprop_empty(e->out.data, node, p->name);
	for (size_t i = 0; r >= 0 && i < p->nr_cells; i++)
		r = fdt_appendprop_u32(e->out.data, node, p->name, p->cells[i]);
	for (size_t i = 0; r >= 0 && i < p->nr_strs; i++)
		r = fdt_appendprop_string(e->out.data, node, p->name, p->strs[i]);
	if (r < 0)
		blob_failed(e, p->name, r);
}

static void blob_end(struct boot_emit *e)
{
	(void)e;
}

static void blob_phandle(struct boot_emit *e, const char *path, uint32_t phandle)
{
	int node = fdt_path_offset(e->out.data, path), r = node;

	if (r >= 0)
		r = fdt_setprop_u32(e->out.data, node, "phandle", phandle);
	if (r < 0)
		err_set(&e->err, EINVAL, "%s: %s", path, fdt_strerror(r));
}

const struct boot_emit_ops boot_emit_blob = { blob_begin, blob_prop, blob_end, blob_phandle,
					      .has_no_text = false };
