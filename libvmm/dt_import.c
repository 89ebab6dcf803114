// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guests and pools of a device tree as the files that made them, or could have: boot_export.c
 * backwards. It shows what Xen will do, whoever wrote the tree; names of files are there when
 * export-dt wrote them.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/dt_boot.h"
#include "libvmm/libvmm.h"

#define MAX_TREE (4u << 20)
#define DOM0 "Domain-0"

struct import {
	const void *fdt;
	int chosen;
	struct vmm_boot_file *files;
	size_t nr;
};

/* --- reading ---------------------------------------------------------------------------------- */

static const fdt32_t *cells_of(const struct import *m, int node, const char *name, size_t *nr)
{
	int len;
	const fdt32_t *p = fdt_getprop(m->fdt, node, name, &len);

	*nr = p && len > 0 ? (size_t)len / sizeof(*p) : 0;
	return *nr ? p : NULL;
}

static bool has(const struct import *m, int node, const char *name)
{
	return fdt_getprop(m->fdt, node, name, NULL) != NULL;
}

static const char *str_of(const struct import *m, int node, const char *name)
{
	int len;
	const char *p = fdt_getprop(m->fdt, node, name, &len);

	return p && len > 0 && strnlen(p, (size_t)len) < (size_t)len ? p : NULL;
}

static bool is_a(const struct import *m, int node, const char *compatible)
{
	return fdt_node_check_compatible(m->fdt, node, compatible) == 0;
}

static const char *name_of(const struct import *m, int node)
{
	const char *name = fdt_get_name(m->fdt, node, NULL);

	return name ? name : "";
}

/* `nr` cells as one number; those above 64 bits are lost, and no board has them. */
static uint64_t number(const fdt32_t *cells, size_t nr)
{
	uint64_t v = 0;

	for (size_t i = 0; i < nr; i++)
		v = v << 32 | fdt32_to_cpu(cells[i]);
	return v;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void put_quoted(struct strbuf *b, const char *s)
{
	strbuf_addc(b, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			strbuf_addc(b, '\\');
		strbuf_addc(b, *s);
	}
	strbuf_addc(b, '"');
}

static void put_str(struct strbuf *b, const char *key, const char *value)
{
	if (!value)
		return;
	strbuf_printf(b, "%s = ", key);
	put_quoted(b, value);
	strbuf_addc(b, '\n');
}

static void put_list(struct strbuf *b, const char *key, const struct strlist *list)
{
	if (!list->n)
		return;
	strbuf_printf(b, "%s = [ ", key);
	for (size_t i = 0; i < list->n; i++) {
		if (i)
			strbuf_add(b, ", ");
		put_quoted(b, list->v[i]);
	}
	strbuf_add(b, " ]\n");
}

/* --- a guest ---------------------------------------------------------------------------------- */

static void put_module(const struct import *m, int domain, const char *compatible, const char *key,
		       struct strbuf *b)
{
	int node;

	fdt_for_each_subnode(node, m->fdt, domain) {
		const char *file;

		if (!is_a(m, node, compatible))
			continue;
		file = str_of(m, node, DT_BOOT_FILE);
		if (!file)
			strbuf_printf(
				b,
				"# %s: the tree does not name the file, only where it is loaded\n",
				key);
		put_str(b, key, file ? file : name_of(m, node));
		if (strcmp(key, "kernel") == 0)
			put_str(b, "cmdline", str_of(m, node, "bootargs"));
		return;
	}
}

/* Properties that are one number, and the keys that are the same number. */
static const struct { const char *prop, *key; } numbers[] = {
	{ "cpus", "vcpus" }, { "nr_spis", "nr_spis" }, { "xen,domain-p2m-mem-mb", "shadow_memory" },
	{ "max_grant_frames", "max_grant_frames" }, { "max_maptrack_frames", "max_maptrack_frames" },
	{ "max_grant_version", "max_grant_version" },
};

static void put_numbers(const struct import *m, int domain, struct strbuf *b)
{
	size_t nr;
	const fdt32_t *p = cells_of(m, domain, "memory", &nr);
	uint64_t kb = p ? number(p, nr) : 0;

	if (kb % 1024)
		strbuf_printf(b, "# memory: %" PRIu64 " KiB, rounded up\n", kb);
	strbuf_printf(b, "memory = %" PRIu64 "\n", kb / 1024 + (kb % 1024 != 0));
	for (size_t i = 0; i < array_size(numbers); i++) {
		p = cells_of(m, domain, numbers[i].prop, &nr);
		if (p && nr == 1)
			strbuf_printf(b, "%s = %" PRIu32 "\n", numbers[i].key, fdt32_to_cpu(*p));
	}
}

static void put_static_mem(const struct import *m, int domain, struct strbuf *b)
{
	autostrlist struct strlist list = STRLIST_INIT;
	int ac = fdt_address_cells(m->fdt, m->chosen), sc = fdt_size_cells(m->fdt, m->chosen);
	size_t nr, step;
	const fdt32_t *p = cells_of(m, domain, "xen,static-mem", &nr);

	if (!p || ac < 1 || sc < 1)
		return;
	step = (size_t)(ac + sc);
	for (size_t i = 0; i + step <= nr; i += step)
		strlist_take(&list,
			     str_printf("0x%" PRIx64 ",%" PRIu64 "k", number(p + i, (size_t)ac),
					number(p + i + ac, (size_t)sc) / 1024));
	put_list(b, "static_mem", &list);
}

/* Whose node it is: a guest's, or dom0's below /chosen itself. */
static const char *owner_of(const struct import *m, int node)
{
	int parent = fdt_parent_offset(m->fdt, node);

	return parent == m->chosen ? DOM0 : name_of(m, parent);
}

static void put_evtchns(const struct import *m, int domain, struct strbuf *b)
{
	autostrlist struct strlist list = STRLIST_INIT;
	int node;

	fdt_for_each_subnode(node, m->fdt, domain) {
		size_t nr, peer_nr;
		const fdt32_t *p = cells_of(m, node, "xen,evtchn", &nr), *q;
		int peer = p && nr == 2 && is_a(m, node, "xen,evtchn-v1") ?
			fdt_node_offset_by_phandle(m->fdt, fdt32_to_cpu(p[1])) : -1;

		if (peer < 0)
			continue;
		q = cells_of(m, peer, "xen,evtchn", &peer_nr);
		if (q && peer_nr == 2)
			strlist_take(&list, str_printf("%" PRIu32 ",%s,%" PRIu32, fdt32_to_cpu(*p),
						       owner_of(m, peer), fdt32_to_cpu(*q)));
	}
	put_list(b, "static_evtchn", &list);
}

static bool dom0_shares(const struct import *m, const char *id)
{
	int node;

	fdt_for_each_subnode(node, m->fdt, m->chosen) {
		const char *other = str_of(m, node, "xen,shm-id");

		if (other && strcmp(other, id) == 0)
			return true;
	}
	return false;
}

/* <host guest size>, or, from Xen 4.20, <guest size>. */
static void put_shm(const struct import *m, int domain, struct strbuf *b)
{
	autostrlist struct strlist list = STRLIST_INIT;
	int ac = fdt_address_cells(m->fdt, domain), sc = fdt_size_cells(m->fdt, domain), node;

	fdt_for_each_subnode(node, m->fdt, domain) {
		autostrbuf struct strbuf spec = STRBUF_INIT;
		const char *id = str_of(m, node, "xen,shm-id"), *role = str_of(m, node, "role");
		size_t nr, a = (size_t)(ac > 0 ? ac : 2), s = (size_t)(sc > 0 ? sc : 2);
		const fdt32_t *p = cells_of(m, node, "xen,shared-mem", &nr);
		bool has_host = nr == 2 * a + s;

		if (!id || !p || (!has_host && nr != a + s))
			continue;
		strbuf_printf(&spec, "id=%s,address=0x%" PRIx64 ",size=%" PRIu64 "k", id,
			      number(p + (has_host ? a : 0), a), number(p + nr - s, s) / 1024);
		if (has_host)
			strbuf_printf(&spec, ",host=0x%" PRIx64, number(p, a));
		if (role)
			strbuf_printf(&spec, ",role=%s", role);
		if (dom0_shares(m, id))
			strbuf_add(&spec, ",dom0");
		strlist_take(&list, strbuf_steal(&spec));
	}
	put_list(b, "static_shm", &list);
}

static void put_pool(const struct import *m, int domain, struct strbuf *b)
{
	size_t nr;
	const fdt32_t *p = cells_of(m, domain, "domain-cpupool", &nr);
	int pool = p && nr == 1 ? fdt_node_offset_by_phandle(m->fdt, fdt32_to_cpu(*p)) : -1;

	if (pool >= 0)
		put_str(b, "pool", name_of(m, pool));
}

static void put_colours(const struct import *m, int domain, struct strbuf *b)
{
	autostrlist struct strlist list = STRLIST_INIT;
	const char *colours = str_of(m, domain, "llc-colors");

	if (!colours)
		return;
	strlist_split(&list, colours, ",");
	put_list(b, "llc_colors", &list);
}

static void put_sve(const struct import *m, int domain, struct strbuf *b)
{
	size_t nr;
	const fdt32_t *p = cells_of(m, domain, "sve", &nr);

	if (p && nr == 1 && fdt32_to_cpu(*p))
		strbuf_printf(b, "sve = \"%" PRIu32 "\"\n", fdt32_to_cpu(*p));
	else if (!p && has(m, domain, "sve"))
		put_str(b, "sve", "hw");
}

/* What Xen does and no key says. */
static void put_enhanced(const struct import *m, int domain, struct strbuf *b)
{
	const char *value = str_of(m, domain, "xen,enhanced");

	if (!has(m, domain, "xen,enhanced"))
		value = "disabled";
	if (value && *value && strcmp(value, "enabled") != 0)
		strbuf_printf(b, "# xen,enhanced is \"%s\": no store ring, and no devices then\n",
			      value);
}

static char *guest_text(const struct import *m, int domain)
{
	struct strbuf b = STRBUF_INIT;

	put_str(&b, "name", name_of(m, domain));
	put_module(m, domain, "multiboot,kernel", "kernel", &b);
	put_module(m, domain, "multiboot,ramdisk", "ramdisk", &b);
	put_module(m, domain, "multiboot,device-tree", "device_tree", &b);
	put_numbers(m, domain, &b);
	put_pool(m, domain, &b);
	if (has(m, domain, "vpl011"))
		put_str(&b, "vuart", "sbsa_uart");
	put_static_mem(m, domain, &b);
	if (has(m, domain, "direct-map"))
		strbuf_add(&b, "direct_map = 1\n");
	put_evtchns(m, domain, &b);
	put_shm(m, domain, &b);
	put_colours(m, domain, &b);
	put_sve(m, domain, &b);
	put_str(&b, "passthrough", str_of(m, domain, "passthrough"));
	put_enhanced(m, domain, &b);
	return strbuf_steal(&b);
}

/* --- a pool ----------------------------------------------------------------------------------- */

static int pool_text(const struct import *m, int pool, char **text, struct err *err)
{
	autostrbuf struct strbuf cpus = STRBUF_INIT;
	struct strbuf b = STRBUF_INIT;
	struct boot_cpu *board;
	size_t nr, nr_board;
	const fdt32_t *p = cells_of(m, pool, "cpupool-cpus", &nr);

	if (dt_boot_cpus(m->fdt, &board, &nr_board, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++)
		for (size_t k = 0; k < nr_board; k++)
			if (board[k].phandle && board[k].phandle == fdt32_to_cpu(p[i]))
				strbuf_printf(&cpus, "%s%zu", cpus.len ? "," : "", k);
	dt_boot_cpus_free(board, nr_board);
	put_str(&b, "name", name_of(m, pool));
	put_str(&b, "sched", str_of(m, pool, "cpupool-sched"));
	put_str(&b, "cpus", cpus.data ? cpus.data : "");
	*text = strbuf_steal(&b);
	return 0;
}

/* --- all of them ------------------------------------------------------------------------------ */

static struct vmm_boot_file *add(struct import *m, enum vmm_boot_file_kind kind, int node)
{
	struct vmm_boot_file *f;
	const char *stored = str_of(m, node, DT_BOOT_CONFIG);

	m->files = xreallocarray(m->files, m->nr + 1, sizeof(*m->files));
	f = &m->files[m->nr++];
	*f = (struct vmm_boot_file){ .kind = kind, .name = xstrdup(name_of(m, node)),
				     .stored = stored ? xstrdup(stored) : NULL };
	return f;
}

static int import(struct import *m, struct err *err)
{
	int node;

	fdt_for_each_subnode(node, m->fdt, m->chosen) {
		if (is_a(m, node, "xen,domain"))
			add(m, VMM_BOOT_FILE_GUEST, node)->text = guest_text(m, node);
		else if (is_a(m, node, "xen,cpupool") &&
			 pool_text(m, node, &add(m, VMM_BOOT_FILE_POOL, node)->text, err) < 0)
			return -1;
	}
	return 0;
}

int vmm_boot_import(const char *path, struct vmm_boot_file **out, size_t *nr, struct err *err)
{
	struct import m = { .fdt = NULL };
	autofree char *fdt = NULL;
	size_t size;

	if (file_read(path, MAX_TREE, &fdt, &size, err) < 0)
		return -1;
	if (dt_boot_check(fdt, size, err) < 0)
		return err_wrap(err, "%s", path);
	m.fdt = fdt;
	m.chosen = fdt_path_offset(fdt, "/chosen");
	if (m.chosen >= 0 && import(&m, err) < 0) {
		vmm_boot_files_free(m.files, m.nr);
		return err_wrap(err, "%s", path);
	}
	if (!m.nr)
		return err_set(
			err, ENOENT,
			"%s: no guest that Xen would start (no node of /chosen is a xen,domain)",
			path);
	*out = m.files;
	*nr = m.nr;
	return 0;
}

void vmm_boot_files_free(struct vmm_boot_file *files, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(files[i].name);
		free(files[i].text);
		free(files[i].stored);
	}
	free(files);
}
