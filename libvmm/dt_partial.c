// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Checks and copies a partial device tree. What a binding means is the kernel's business; here only
 * what would break the tree as a whole, or cannot work in any guest, is refused.
 */
#include <errno.h>
#include <libfdt.h>
#include <string.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/dt.h"
#include "libvmm/dt_partial.h"
#include "libvmm/layout.h"

#define PARTIAL_MAX_SIZE (1u << 20)
#define PARTIAL_MAX_DEPTH 32
#define PARTIAL_MAX_NODES 4096	/* what is asked of libfdt for each is linear in all of them */
#define PATH_MAX_LEN 512

static const char *const copied[] = { "passthrough", "aliases" };

struct checked {
	const void *blob;
	const char *what;	/* the file, for messages */
};

static int fail_at(const struct checked *c, int node, int code, struct err *err, const char *fmt,
		   ...) printf_like(5, 6);
static int fail_at(const struct checked *c, int node, int code, struct err *err, const char *fmt,
		   ...)
{
	char path[PATH_MAX_LEN] = "?";
	autofree char *msg = NULL;
	va_list ap;

	va_start(ap, fmt);
	msg = str_vprintf(fmt, ap);
	va_end(ap);
	if (fdt_get_path(c->blob, node, path, sizeof(path)) < 0)
		snprintf(path, sizeof(path), "(a path too long to show)");
	return err_set(err, code, "%s: node %s: %s", c->what, path, msg);
}

/* A property of whole cells; NULL when it is not there. */
static int cells_of(const struct checked *c, int node, const char *name, const fdt32_t **cells,
		    int *nr, struct err *err)
{
	int len;

	*cells = fdt_getprop(c->blob, node, name, &len);
	*nr = *cells ? len / 4 : 0;
	if (*cells && (len % 4 || !len))
		return fail_at(c, node, EINVAL, err, "%s has %d bytes, not a number of cells", name,
			       len);
	return 0;
}

/* --- phandles --------------------------------------------------------------------------------- */

static bool is_guests_own(uint32_t phandle)
{
	return phandle == LAYOUT_PHANDLE_GIC || phandle == LAYOUT_PHANDLE_IOMMU;
}

static int check_phandle(const struct checked *c, int node, struct err *err)
{
	uint32_t phandle = fdt_get_phandle(c->blob, node);
	int first;

	if (!fdt_getprop(c->blob, node, "phandle", NULL) &&
	    !fdt_getprop(c->blob, node, "linux,phandle", NULL))
		return 0;
	if (!phandle || phandle == UINT32_MAX)
		return fail_at(c, node, EINVAL, err, "phandle %#x is not a valid one", phandle);
	if (is_guests_own(phandle))
		return fail_at(c, node, EINVAL, err,
			       "phandle %u is the guest's own (%u its interrupt controller, %u its "
			       "IOMMU); "
			       "use another",
			       phandle, LAYOUT_PHANDLE_GIC, LAYOUT_PHANDLE_IOMMU);
	first = fdt_node_offset_by_phandle(c->blob, phandle);
	if (first != node)
		return fail_at(c, node, EINVAL, err, "phandle %u belongs to another node as well",
			       phandle);
	return 0;
}

/* Is this node among what is copied? The others do not exist for the guest. */
static bool is_copied(const void *blob, int node)
{
	char path[PATH_MAX_LEN];

	if (fdt_get_path(blob, node, path, sizeof(path)) < 0)
		return false;
	return str_eq(path, "/passthrough") || str_starts(path, "/passthrough/");
}

/* What `phandle` leads to, in the guest: *target < 0 for the guest's own nodes. */
static int check_reference(const struct checked *c, int node, const char *name, uint32_t phandle,
			   int *target, struct err *err)
{
	*target = -1;
	if (is_guests_own(phandle))
		return 0;
	*target = phandle && phandle != UINT32_MAX ? fdt_node_offset_by_phandle(c->blob, phandle)
						   : -FDT_ERR_BADPHANDLE;
	if (*target < 0)
		return fail_at(c, node, ENOENT, err,
			       "%s refers to phandle %u, which no node of this tree has", name,
			       phandle);
	if (!is_copied(c->blob, *target))
		return fail_at(
			c, node, ENOENT, err,
			"%s refers to phandle %u, whose node is not below /passthrough and so does "
			"not reach the guest",
			name, phandle);
	return 0;
}

/* Lists of phandles, each followed by as many cells as the node it leads to says. */
static const struct {
	const char *name, *cells;
} references[] = {
	{ "clocks", "#clock-cells" },
	{ "resets", "#reset-cells" },
	{ "dmas", "#dma-cells" },
	{ "phys", "#phy-cells" },
	{ "power-domains", "#power-domain-cells" },
	{ "interrupts-extended", "#interrupt-cells" },
};

static int check_list(const struct checked *c, int node, unsigned row, struct err *err)
{
	const fdt32_t *cells;
	int nr, target;

	if (cells_of(c, node, references[row].name, &cells, &nr, err) < 0)
		return -1;
	for (int i = 0; i < nr;) {
		const fdt32_t *size;
		int len, args = 3;	/* of the guest's interrupt controller */

		if (check_reference(c, node, references[row].name, fdt32_to_cpu(cells[i]), &target,
				    err) < 0)
			return -1;
		if (target >= 0) {
			size = fdt_getprop(c->blob, target, references[row].cells, &len);
			if (!size || len != 4 || fdt32_to_cpu(*size) > 16)
				return fail_at(c, target, EINVAL, err,
					       "%s must say how many cells %s of other nodes have",
					       references[row].cells, references[row].name);
			args = fdt32_to_cpu(*size);
		}
		i += 1 + args;
		if (i > nr)
			return fail_at(c, node, EINVAL, err, "%s ends inside an entry",
				       references[row].name);
	}
	return 0;
}

static int check_references(const struct checked *c, int node, struct err *err)
{
	const fdt32_t *parent;
	int nr, target;

	if (cells_of(c, node, "interrupt-parent", &parent, &nr, err) < 0)
		return -1;
	if (parent &&
	    check_reference(c, node, "interrupt-parent", fdt32_to_cpu(*parent), &target, err) < 0)
		return -1;
	for (unsigned i = 0; i < array_size(references); i++)
		if (check_list(c, node, i, err) < 0)
			return -1;
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int check_nodes(const struct checked *c, struct err *err)
{
	int depth = 0, nr = 0;

	for (int node = 0; node >= 0; node = fdt_next_node(c->blob, node, &depth)) {
		if (depth < 0)
			break;
		if (depth > PARTIAL_MAX_DEPTH)
			return fail_at(c, node, ELOOP, err, "deeper than %d levels",
				       PARTIAL_MAX_DEPTH);
		if (++nr > PARTIAL_MAX_NODES)
			return fail_at(c, node, E2BIG, err, "the tree has more than %d nodes",
				       PARTIAL_MAX_NODES);
		/* Phandles must be unique in the whole blob, or a reference could lead to two. */
		if (check_phandle(c, node, err) < 0)
			return -1;
		if (is_copied(c->blob, node) && check_references(c, node, err) < 0)
			return -1;
	}
	return 0;
}

static int check_aliases(const struct checked *c, struct err *err)
{
	int aliases = fdt_path_offset(c->blob, "/aliases"), prop;

	if (aliases < 0)
		return 0;
	fdt_for_each_property_offset(prop, c->blob, aliases) {
		const char *name;
		int len, target;
		const char *path = fdt_getprop_by_offset(c->blob, prop, &name, &len);

		if (!path || len < 2 || path[len - 1] || path[0] != '/')
			return fail_at(c, aliases, EINVAL, err, "%s is not a path",
				       name ? name : "?");
		target = fdt_path_offset(c->blob, path);
		if (target < 0 || !is_copied(c->blob, target))
			return fail_at(c, aliases, ENOENT, err,
				       "%s leads to %s, which is not a node below /passthrough",
				       name, path);
	}
	return 0;
}

int dt_partial_check(const void *blob, size_t size, const char *what, struct err *err)
{
	const struct checked c = { blob, what };

	if (dt_check_blob(blob, size, what, err) < 0)
		return -1;
	if (fdt_path_offset(blob, "/passthrough") < 0)
		return err_set(
			err, ENOENT,
			"%s: it has no node /passthrough, which holds what the guest is to see",
			what);
	if (check_nodes(&c, err) < 0)
		return -1;
	return check_aliases(&c, err);
}

int dt_partial_load(const char *path, void **blob, size_t *size, struct err *err)
{
	autofree char *data = NULL;

	if (file_read(path, PARTIAL_MAX_SIZE, &data, size, err) < 0 ||
	    dt_partial_check(data, *size, path, err) < 0)
		return err_wrap(err, "device_tree");
	*blob = steal(data);
	return 0;
}

/* --- copying ---------------------------------------------------------------------------------- */

static void copy_inside(struct dt *dt, const void *blob, int node);

static void copy_node(struct dt *dt, const void *blob, int node)
{
	const char *name = fdt_get_name(blob, node, NULL);

	if (!name) {
		dt_fail(dt, EINVAL, "the partial device tree has a node without a name");
		return;
	}
	dt_begin_node(dt, name);
	copy_inside(dt, blob, node);
	dt_end_node(dt);
}

static void copy_inside(struct dt *dt, const void *blob, int node)
{
	int prop, child;

	fdt_for_each_property_offset(prop, blob, node) {
		const char *prop_name;
		int len;
		const void *value = fdt_getprop_by_offset(blob, prop, &prop_name, &len);

		if (value)
			dt_prop(dt, prop_name, value, len);
		else
			dt_fail(dt, EINVAL,
				"the partial device tree has a property that cannot be read");
	}
	/* Bounded: PARTIAL_MAX_DEPTH was checked. */
	fdt_for_each_subnode(child, blob, node)
		copy_node(dt, blob, child);
}

void dt_partial_copy(struct dt *dt, const void *blob)
{
	for (unsigned i = 0; i < array_size(copied); i++) {
		int node = fdt_subnode_offset(blob, 0, copied[i]);

		if (node >= 0)
			copy_node(dt, blob, node);
	}
}

void dt_partial_copy_inside(struct dt *dt, const void *blob, const char *top)
{
	int node = fdt_subnode_offset(blob, 0, top);

	if (node >= 0)
		copy_inside(dt, blob, node);
}
