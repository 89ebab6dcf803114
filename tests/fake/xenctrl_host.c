// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The fake libxenctrl and libxenhypfs: what the host says of itself, its console, parameters and
 * security module (there is none).
 */
#include "tests/fake/model.h"

#include <xenhypfs.h>

#define FILL(dst, text) snprintf(dst, sizeof(dst), "%s", text)

int xc_version(xc_interface *xch, int cmd, void *arg)
{
	xen_compile_info_t *compile = arg;

	POINT(-1);
	switch (cmd) {
	case XENVER_version:
		return 4 << 16 | fake_host.xen_minor;
	case XENVER_extraversion:
		FILL(*(xen_extraversion_t *)arg, ".0");
		return 0;
	case XENVER_compile_info:
		FILL(compile->compiler, "gcc");
		FILL(compile->compile_by, "nobody");
		FILL(compile->compile_domain, "fake");
		FILL(compile->compile_date, "never");
		return 0;
	case XENVER_capabilities:
		FILL(*(xen_capabilities_info_t *)arg, "xen-3.0-aarch64 xen-3.0-armv7l ");
		return 0;
	case XENVER_changeset:
		FILL(*(xen_changeset_info_t *)arg, "unavailable");
		return 0;
	case XENVER_commandline:
		FILL(*(xen_commandline_t *)arg, fake_host.commandline ? fake_host.commandline : "console=dtuart");
		return 0;
	case XENVER_platform_parameters:
		((xen_platform_parameters_t *)arg)->virt_start = 0x200000;
		return 0;
	case XENVER_pagesize:
		return FAKE_PAGE;
	case XENVER_get_features:
		((xen_feature_info_t *)arg)->submap = fake_host.is_dom0_movable
							      ? 1u << XENFEAT_not_direct_mapped
							      : 1u << XENFEAT_direct_mapped;
		return 0;
	default:
		return fake_fail(ENODATA);
	}
}

int xc_physinfo(xc_interface *xch, xc_physinfo_t *info)
{
	POINT(-1);
	memset(info, 0, sizeof(*info));
	info->nr_cpus = fake_host.nr_cpus;
	info->max_cpu_id = fake_host.nr_cpus - 1;
	info->nr_nodes = 1;
	info->cores_per_socket = 1;
	info->threads_per_core = 1;
	info->cpu_khz = 62500;
	info->total_pages = fake_host.total_pages;
	info->free_pages = fake()->free_pages;
	info->outstanding_pages = fake()->claimed_pages;
	info->capabilities =
		XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap | XEN_SYSCTL_PHYSCAP_gnttab_v1;
	return 0;
}

int xc_sched_id(xc_interface *xch, int *sched_id)
{
	POINT(-1);
	*sched_id = (int)fake()->pools[0].sched;
	return 0;
}

int xc_cputopoinfo(xc_interface *xch, unsigned *max_cpus, xc_cputopo_t *cputopo)
{
	unsigned room;

	POINT(-1);
	room = *max_cpus;
	*max_cpus = fake_host.nr_cpus;
	for (unsigned i = 0; cputopo && i < room && i < fake_host.nr_cpus; i++)
		cputopo[i] = (xc_cputopo_t){ .core = i };
	return 0;
}

int xc_numainfo(xc_interface *xch, unsigned *max_nodes, xc_meminfo_t *meminfo, uint32_t *distance)
{
	unsigned room;

	POINT(-1);
	room = *max_nodes;
	*max_nodes = 1;
	if (room && meminfo)
		meminfo[0] = (xc_meminfo_t){ fake_host.total_pages * FAKE_PAGE,
					     fake()->free_pages * FAKE_PAGE };
	if (room && distance)
		distance[0] = 10;
	return 0;
}

int xc_getcpuinfo(xc_interface *xch, int max_cpus, xc_cpuinfo_t *info, int *nr_cpus)
{
	POINT(-1);
	*nr_cpus = max_cpus < (int)fake_host.nr_cpus ? max_cpus : (int)fake_host.nr_cpus;
	for (int i = 0; i < *nr_cpus; i++)
		info[i].idletime = 1000000000ull * (unsigned)(i + 1);
	return 0;
}

/* As on Arm, which shares no pages. */
long xc_sharing_freed_pages(xc_interface *xch)
{
	POINT(-1);
	return fake_fail(ENOSYS);
}

long xc_sharing_used_frames(xc_interface *xch)
{
	POINT(-1);
	return fake_fail(ENOSYS);
}

int xc_readconsolering(xc_interface *xch, char *buffer, unsigned int *pnr_chars, int clear,
		       int incremental, uint32_t *pindex)
{
	size_t len, start;

	POINT(-1);
	len = strlen(fake_host.console_ring);
	start = incremental && *pindex < len ? *pindex : incremental ? len : 0;
	if (*pnr_chars > len - start)
		*pnr_chars = (unsigned)(len - start);
	memcpy(buffer, fake_host.console_ring + start, *pnr_chars);
	if (pindex)
		*pindex = (uint32_t)(start + *pnr_chars);
	if (clear)
		fake_host.console_ring = "";
	return 0;
}

int xc_send_debug_keys(xc_interface *xch, const char *keys)
{
	POINT(-1);
	return 0;
}

/* --- parameters ------------------------------------------------------------------------------- */

struct xenhypfs_handle { int unused; };

xenhypfs_handle *xenhypfs_open(struct xentoollog_logger *logger, unsigned int open_flags)
{
	POINT(NULL);
	return xcalloc(1, sizeof(struct xenhypfs_handle));
}

int xenhypfs_close(xenhypfs_handle *fshdl)
{
	free(fshdl);
	return 0;
}

int xenhypfs_write(xenhypfs_handle *fshdl, const char *path, const char *val)
{
	POINT(-1);
	return strcmp(path, "/params/sched_ratelimit_us") == 0 ? 0 : fake_fail(ENOENT);
}

/* --- Flask: a hypervisor without -------------------------------------------------------------- */

int xc_flask_load(xc_interface *xc_handle, char *buf, uint32_t size)
{
	POINT(-1);
	return fake_fail(ENOSYS);
}

int xc_flask_context_to_sid(xc_interface *xc_handle, char *buf, uint32_t size, uint32_t *sid)
{
	POINT(-1);
	return fake_fail(ENOSYS);
}

int xc_flask_sid_to_context(xc_interface *xc_handle, int sid, char *buf, uint32_t size)
{
	POINT(-1);
	return fake_fail(ENOSYS);
}

int xc_flask_getenforce(xc_interface *xc_handle)
{
	POINT(-1);
	return fake_fail(ENOSYS);
}

int xc_flask_setenforce(xc_interface *xc_handle, int mode)
{
	POINT(-1);
	return fake_fail(ENOSYS);
}

int xc_flask_relabel_domain(xc_interface *xch, uint32_t domid, uint32_t sid)
{
	POINT(-1);
	return fake_fail(ENOSYS);
}
