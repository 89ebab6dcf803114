// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading the guests of a device tree. It does not know which of them run: boot_guests.c puts the two together.
 */
#include "libvmm/dt_boot.h"

#include <errno.h>
#include <libfdt.h>
#include <string.h>

#include "base/mem.h"

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
		if (fdt_node_check_compatible(fdt, node, "multiboot,kernel") == 0) {
			const char *args = prop_str(fdt, node, "bootargs");

			return args ? xstrdup(args) : NULL;
		}
	return NULL;
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
	};
}

int dt_boot_nodes(const void *fdt, size_t size, struct boot_node **out, size_t *nr, struct err *err)
{
	int chosen, node, r = fdt_check_full(fdt, size);

	*out = NULL;
	*nr = 0;
	if (r < 0)
		return err_set(err, EINVAL, "not a sound device tree: %s", fdt_strerror(r));
	chosen = fdt_path_offset(fdt, "/chosen");
	if (chosen < 0)
		return 0;
	fdt_for_each_subnode(node, fdt, chosen) {
		if (fdt_node_check_compatible(fdt, node, "xen,domain") != 0)
			continue;
		*out = xreallocarray(*out, *nr + 1, sizeof(**out));
		read_node(fdt, node, &(*out)[(*nr)++]);
	}
	return 0;
}

void boot_nodes_free(struct boot_node *nodes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(nodes[i].name);
		free(nodes[i].bootargs);
	}
	free(nodes);
}
