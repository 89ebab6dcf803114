// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The host's device tree with an index of its nodes, so that parents and phandles are found without
 * walking the blob again. Knows how a tree is built; what its devices are made of is dt_device.c's.
 */
#include <endian.h>
#include <errno.h>
#include <libfdt.h>
#include <string.h>
#include "base/file.h"
#include "base/mem.h"
#include "libvmm/dt.h"
#include "libvmm/dt_dir.h"
#include "libvmm/dt_host.h"

#define HOST_MAX_SIZE (2u << 20)	/* Xen takes no larger one */
#define HOST_MAX_DEPTH 32
#define HOST_MAX_NODES 16384

static const char *const gics[] = {
	"arm,gic-v3",        "arm,gic-400",       "arm,cortex-a15-gic",
	"arm,cortex-a9-gic", "arm,cortex-a7-gic", "arm,eb11mp-gic",
};

/* --- properties ------------------------------------------------------------------------------- */

uint32_t dt_cell(const void *cells, unsigned i)
{
	uint32_t be;

	memcpy(&be, (const char *)cells + 4 * (size_t)i, sizeof(be));
	return be32toh(be);
}

const void *dt_host_prop(const struct dt_host *h, uint32_t node, const char *name, int *len)
{
	return fdt_getprop(h->blob, h->nodes[node].offset, name, len);
}

const void *dt_host_cells(const struct dt_host *h, uint32_t node, const char *name, unsigned *nr)
{
	int len;
	const void *cells = dt_host_prop(h, node, name, &len);

	*nr = cells && len > 0 && len % 4 == 0 ? (unsigned)len / 4 : 0;
	return *nr ? cells : NULL;
}

uint32_t dt_host_u32(const struct dt_host *h, uint32_t node, const char *name, uint32_t fallback)
{
	unsigned nr;
	const void *cells = dt_host_cells(h, node, name, &nr);

	return nr == 1 ? dt_cell(cells, 0) : fallback;
}

const char *dt_host_str(const struct dt_host *h, uint32_t node, const char *name)
{
	int len;
	const char *s = dt_host_prop(h, node, name, &len);

	return s && len > 0 && memchr(s, '\0', (size_t)len) ? s : NULL;
}

bool dt_host_is_compatible(const struct dt_host *h, uint32_t node, const char *name)
{
	return fdt_node_check_compatible(h->blob, h->nodes[node].offset, name) == 0;
}

/* --- nodes ------------------------------------------------------------------------------------ */

uint32_t dt_host_find(const struct dt_host *h, const char *path)
{
	int offset = *path == '/' ? fdt_path_offset(h->blob, path) : -FDT_ERR_BADPATH;

	if (offset < 0)
		return DT_HOST_NONE;
	for (uint32_t i = 0; i < h->nr; i++)
		if (h->nodes[i].offset == offset)
			return i;
	return DT_HOST_NONE;
}

uint32_t dt_host_by_phandle(const struct dt_host *h, uint32_t phandle)
{
	uint32_t low = 0, high = h->nr_phandles;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (h->nodes[h->by_phandle[mid]].phandle < phandle)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < h->nr_phandles && h->nodes[h->by_phandle[low]].phandle == phandle)
		return h->by_phandle[low];
	return DT_HOST_NONE;
}

char *dt_host_path(const struct dt_host *h, uint32_t node)
{
	char *path = xstrdup(node ? "" : "/");

	for (; node; node = h->nodes[node].parent) {
		char *longer = str_printf("/%s%s", h->nodes[node].name, path);

		free(path);
		path = longer;
	}
	return path;
}

bool dt_host_is_below(const struct dt_host *h, uint32_t node, uint32_t top)
{
	return node >= top && node < h->nodes[top].end;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int add_node(struct dt_host *h, int offset, const uint32_t *above, int depth,
		    struct err *err)
{
	const char *name = fdt_get_name(h->blob, offset, NULL);

	if (!name)
		return err_set(err, EINVAL, "%s: a node without a name", h->what);
	if (depth > HOST_MAX_DEPTH)
		return err_set(err, ELOOP, "%s: node %s is deeper than %d levels", h->what, name,
			       HOST_MAX_DEPTH);
	if (h->nr == HOST_MAX_NODES)
		return err_set(err, E2BIG, "%s: more than %d nodes", h->what, HOST_MAX_NODES);
	if (h->nr % 256 == 0)
		h->nodes = xreallocarray(h->nodes, h->nr + 256, sizeof(*h->nodes));
	h->nodes[h->nr] = (struct dt_host_node){
		.name = name,
		.offset = offset,
		.parent = depth ? above[depth - 1] : 0,
		.end = h->nr + 1,
		.phandle = fdt_get_phandle(h->blob, offset),
	};
	if (h->nodes[h->nr].phandle == UINT32_MAX)
		h->nodes[h->nr].phandle = 0;
	h->nr++;
	return 0;
}

static int compare_phandles(const void *a, const void *b, void *arg)
{
	const struct dt_host *h = arg;
	uint32_t x = h->nodes[*(const uint32_t *)a].phandle,
		 y = h->nodes[*(const uint32_t *)b].phandle;

	return x < y ? -1 : x > y;
}

/* Two nodes with one phandle: a reference could mean either. */
static int index_phandles(struct dt_host *h, struct err *err)
{
	h->by_phandle = xcalloc(h->nr, sizeof(*h->by_phandle));
	for (uint32_t i = 0; i < h->nr; i++)
		if (h->nodes[i].phandle)
			h->by_phandle[h->nr_phandles++] = i;
	qsort_r(h->by_phandle, h->nr_phandles, sizeof(*h->by_phandle), compare_phandles, h);
	for (uint32_t i = 1; i < h->nr_phandles; i++)
		if (h->nodes[h->by_phandle[i]].phandle == h->nodes[h->by_phandle[i - 1]].phandle) {
			autofree char *one = dt_host_path(h, h->by_phandle[i - 1]),
				      *two = dt_host_path(h, h->by_phandle[i]);

			return err_set(err, EINVAL, "%s: %s and %s have the same phandle %u",
				       h->what, one, two, h->nodes[h->by_phandle[i]].phandle);
		}
	return 0;
}

static int index_nodes(struct dt_host *h, struct err *err)
{
	uint32_t above[HOST_MAX_DEPTH + 1] = { 0 };
	int depth = 0;

	for (int offset = 0; offset >= 0 && depth >= 0;
	     offset = fdt_next_node(h->blob, offset, &depth)) {
		if (add_node(h, offset, above, depth, err) < 0)
			return -1;
		above[depth] = h->nr - 1;
		for (int d = 0; d < depth; d++)
			h->nodes[above[d]].end = h->nr;
	}
	h->gic = DT_HOST_NONE;
	for (uint32_t i = 0; i < h->nr && h->gic == DT_HOST_NONE; i++)
		for (size_t k = 0; k < array_size(gics); k++)
			if (dt_host_is_compatible(h, i, gics[k]))
				h->gic = i;
	return index_phandles(h, err);
}

int dt_host_open(void *blob, size_t size, const char *what, struct dt_host **out, struct err *err)
{
	autohost struct dt_host *h = xcalloc(1, sizeof(*h));

	h->blob = blob;
	h->what = xstrdup(what);
	if (dt_check_blob(blob, size, what, err) < 0)
		return -1;
	if (index_nodes(h, err) < 0)
		return -1;
	*out = steal(h);
	return 0;
}

int dt_host_load(const char *path, struct dt_host **out, struct err *err)
{
	char *data = NULL;
	void *blob = NULL;
	size_t size;

	if (path) {
		if (file_read(path, HOST_MAX_SIZE, &data, &size, err) < 0 ||
		    dt_host_open(data, size, path, out, err) < 0)
			return err_wrap(err, "the host's device tree");
		return 0;
	}
	if (dt_dir_read(DT_DIR_OWN, &blob, &size, err) < 0 ||
	    dt_host_open(blob, size, DT_DIR_OWN, out, err) < 0)
		return -1;
	(*out)->is_own = true;
	return 0;
}

void dt_host_close(struct dt_host *h)
{
	if (!h)
		return;
	free(h->blob);
	free(h->what);
	free(h->nodes);
	free(h->by_phandle);
	free(h);
}

void dt_host_autoclose(struct dt_host **h)
{
	dt_host_close(*h);
}
