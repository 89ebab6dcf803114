// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Hypercalls about the host: version, physical resources, topology, console ring, runtime
 * parameters, and the security policy (Flask). What is shown of it, and how, is xl's business.
 */
#include <xenhypfs.h>
#include "base/mem.h"
#include "base/str.h"
#include "libvmm/hv.h"
#include "libvmm/hv_call.h"

/* --- version ---------------------------------------------------------------------------------- */

static int version_of(struct hv *hv, int cmd, void *arg, const char *what, struct err *err)
{
	return hv_done(hv, xc_version(hv->xc, cmd, arg), err, "xen_version", HV_HOST, "%s", what);
}

static int release(struct hv *hv, int *major, int *minor, struct err *err)
{
	int v = xc_version(hv->xc, XENVER_version, NULL);

	if (hv_done(hv, v, err, "xen_version", HV_HOST, "version") < 0)
		return -1;
	*major = v >> 16;
	*minor = v & 0xffff;
	return 0;
}

/* Xen's strings fill their arrays and need not be terminated. */
#define take_string(dst, src) \
	snprintf((dst), sizeof(dst), "%.*s", (int)strnlen((src), sizeof(src)), (src))

int hv_capabilities(struct hv *hv, int *major, int *minor, char *caps, size_t caps_size,
		    struct err *err)
{
	xen_capabilities_info_t info = "";

	if (release(hv, major, minor, err) < 0 ||
	    version_of(hv, XENVER_capabilities, info, "capabilities", err) < 0)
		return -1;
	snprintf(caps, caps_size, "%.*s", (int)strnlen(info, sizeof(info)), info);
	return 0;
}

/* What older or restricted hypervisors do not tell is left empty. */
static void build_id(struct hv *hv, struct hv_version *out)
{
	union {
		xen_build_id_t id;
		unsigned char room[sizeof(xen_build_id_t) + 32];
	} u;
	struct err ignored = ERR_INIT;
	int len;

	memset(&u, 0, sizeof(u));
	u.id.len = 32;
	len = xc_version(hv->xc, XENVER_build_id, &u.id);
	if (hv_done(hv, len, &ignored, "xen_version", HV_HOST, "build_id") < 0)
		return;
	out->is_build_id_known = true;
	for (int i = 0; i < len && i < 32; i++)
		snprintf(out->build_id + 2 * i, 3, "%02x", u.id.buf[i]);
}

int hv_version(struct hv *hv, struct hv_version *out, struct err *err)
{
	union {
		xen_extraversion_t extra;
		xen_compile_info_t compile;
		xen_capabilities_info_t caps;
		xen_changeset_info_t changeset;
		xen_platform_parameters_t platform;
		xen_commandline_t commandline;
	} u;
	int pagesize;

	memset(out, 0, sizeof(*out));
	memset(&u, 0, sizeof(u));
	if (release(hv, &out->major, &out->minor, err) < 0 ||
	    version_of(hv, XENVER_extraversion, &u.extra, "extraversion", err) < 0)
		return -1;
	take_string(out->extra, u.extra);
	if (version_of(hv, XENVER_compile_info, &u.compile, "compile_info", err) < 0)
		return -1;
	take_string(out->compiler, u.compile.compiler);
	take_string(out->compile_by, u.compile.compile_by);
	take_string(out->compile_domain, u.compile.compile_domain);
	take_string(out->compile_date, u.compile.compile_date);
	if (version_of(hv, XENVER_capabilities, &u.caps, "capabilities", err) < 0)
		return -1;
	take_string(out->capabilities, u.caps);
	if (version_of(hv, XENVER_changeset, &u.changeset, "changeset", err) < 0)
		return -1;
	take_string(out->changeset, u.changeset);
	if (version_of(hv, XENVER_commandline, &u.commandline, "commandline", err) < 0)
		return -1;
	take_string(out->commandline, u.commandline);
	if (version_of(hv, XENVER_platform_parameters, &u.platform, "platform_parameters", err) < 0)
		return -1;
	out->virt_start = u.platform.virt_start;
	pagesize = xc_version(hv->xc, XENVER_pagesize, NULL);
	if (hv_done(hv, pagesize, err, "xen_version", HV_HOST, "pagesize") < 0)
		return -1;
	out->pagesize = pagesize;
	build_id(hv, out);
	return 0;
}

int hv_is_direct_mapped(struct hv *hv, bool *is_direct, struct err *err)
{
	xen_feature_info_t features = { .submap_idx = 0 };

	if (version_of(hv, XENVER_get_features, &features, "features", err) < 0)
		return -1;
	*is_direct = features.submap & 1u << XENFEAT_direct_mapped;
	return 0;
}

/* --- physical resources ----------------------------------------------------------------------- */

int hv_physinfo(struct hv *hv, struct hv_physinfo *out, struct err *err)
{
	xc_physinfo_t info;

	memset(&info, 0, sizeof(info));
	if (hv_done(hv, xc_physinfo(hv->xc, &info), err, "physinfo", HV_HOST, NULL) < 0)
		return -1;
	*out = (struct hv_physinfo){
		.nr_cpus = info.nr_cpus,
		.max_cpu_id = info.max_cpu_id,
		.nr_nodes = info.nr_nodes,
		.max_node_id = info.max_node_id,
		.cores_per_socket = info.cores_per_socket,
		.threads_per_core = info.threads_per_core,
		.cpu_khz = info.cpu_khz,
		.capabilities = info.capabilities,
		.arch_capabilities = info.arch_capabilities,
		.total_pages = info.total_pages,
		.free_pages = info.free_pages,
		.scrub_pages = info.scrub_pages,
		.outstanding_pages = info.outstanding_pages,
		.max_mfn = info.max_mfn,
	};
	memcpy(out->hw_cap, info.hw_cap, sizeof(out->hw_cap));
	return 0;
}

int hv_sched_id(struct hv *hv, int *id, struct err *err)
{
	return hv_done(hv, xc_sched_id(hv->xc, id), err, "sched_id", HV_HOST, NULL);
}

int hv_cputopo(struct hv *hv, struct hv_cputopo *topo, unsigned *nr, struct err *err)
{
	autofree xc_cputopo_t *t = xcalloc(*nr ? *nr : 1, sizeof(*t));
	unsigned room = *nr;

	if (hv_done(hv, xc_cputopoinfo(hv->xc, nr, t), err, "cputopoinfo", HV_HOST, "%u", room) < 0)
		return -1;
	if (*nr > room)
		*nr = room;
	for (unsigned i = 0; i < *nr; i++)
		topo[i] = (struct hv_cputopo){ t[i].core, t[i].socket, t[i].node };
	return 0;
}

#define MAX_NODES 64

int hv_numainfo(struct hv *hv, struct hv_nodeinfo *nodes, unsigned *nr, struct err *err)
{
	autofree xc_meminfo_t *mem = xcalloc(MAX_NODES, sizeof(*mem));
	autofree uint32_t *distance = xcalloc(MAX_NODES * MAX_NODES, sizeof(*distance));
	unsigned room = *nr < MAX_NODES ? *nr : MAX_NODES;

	*nr = room;
	if (hv_done(hv, xc_numainfo(hv->xc, nr, mem, distance), err, "numainfo", HV_HOST, "%u",
		    room) < 0)
		return -1;
	if (*nr > room)
		*nr = room;
	for (unsigned i = 0; i < *nr; i++) {
		nodes[i] = (struct hv_nodeinfo){ .memsize = mem[i].memsize,
						 .memfree = mem[i].memfree };
		for (unsigned j = 0; j < *nr; j++)
			nodes[i].distance[j] = distance[i * *nr + j];
	}
	return 0;
}

int hv_cpu_idle_ns(struct hv *hv, uint64_t *idle_ns, unsigned *nr, struct err *err)
{
	autofree xc_cpuinfo_t *info = xcalloc(*nr ? *nr : 1, sizeof(*info));
	int room = *nr, got = 0;

	if (hv_done(hv, xc_getcpuinfo(hv->xc, room, info, &got), err, "getcpuinfo", HV_HOST, "%d",
		    room) < 0)
		return -1;
	*nr = got < room ? got : room;
	for (unsigned i = 0; i < *nr; i++)
		idle_ns[i] = info[i].idletime;
	return 0;
}

int hv_sharing_pages(struct hv *hv, uint64_t *freed, uint64_t *used, struct err *err)
{
	long n = xc_sharing_freed_pages(hv->xc);

	if (hv_done(hv, n, err, "get_sharing_freed_pages", HV_HOST, NULL) < 0)
		return -1;
	*freed = n;
	n = xc_sharing_used_frames(hv->xc);
	if (hv_done(hv, n, err, "get_sharing_shared_pages", HV_HOST, NULL) < 0)
		return -1;
	*used = n;
	return 0;
}

/* --- console, keys, parameters ---------------------------------------------------------------- */

int hv_console_ring(struct hv *hv, char *buf, uint32_t *len, bool clear, bool incremental,
		    uint32_t *index, struct err *err)
{
	unsigned n = *len;

	if (hv_done(hv, xc_readconsolering(hv->xc, buf, &n, clear, incremental, index), err,
		    "readconsole", HV_HOST, "%u", *len) < 0)
		return -1;
	*len = n < *len ? n : *len;
	return 0;
}

int hv_debug_keys(struct hv *hv, const char *keys, struct err *err)
{
	return hv_done(hv, xc_send_debug_keys(hv->xc, keys), err, "debug_keys", HV_HOST, "%s",
		       keys);
}

int hv_set_param(struct hv *hv, const char *name, const char *value, struct err *err)
{
	autofree char *path = str_printf("/params/%s", name);
	xenhypfs_handle *fs = xenhypfs_open(&quiet_logger, 0);
	int r;

	if (!fs)
		return err_set(err, errno ? errno : EIO,
			       "opening Xen's file system of parameters: %s", strerror(errno));
	r = hv_done(hv, xenhypfs_write(fs, path, value), err, "hypfs_write", HV_HOST, "%s=%s", path,
		    value);
	xenhypfs_close(fs);
	return r;
}

/* --- Flask ------------------------------------------------------------------------------------ */

int hv_flask_context(struct hv *hv, uint32_t ssidref, char *buf, size_t size, struct err *err)
{
	if (!size)
		return err_set(err, EINVAL, "no room for a security label");
	memset(buf, 0, size);
	if (hv_done(hv, xc_flask_sid_to_context(hv->xc, ssidref, buf, size - 1), err,
		    "flask_sid_to_context", HV_HOST, "%u", ssidref) < 0)
		return -1;
	buf[size - 1] = '\0';
	return 0;
}

int hv_flask_sid(struct hv *hv, const char *context, uint32_t *ssidref, struct err *err)
{
	autofree char *copy = xstrdup(context);

	return hv_done(hv, xc_flask_context_to_sid(hv->xc, copy, strlen(copy), ssidref), err,
		       "flask_context_to_sid", HV_HOST, "%s", context);
}

int hv_flask_getenforce(struct hv *hv, int *mode, struct err *err)
{
	int r = xc_flask_getenforce(hv->xc);

	if (hv_done(hv, r, err, "flask_getenforce", HV_HOST, NULL) < 0)
		return -1;
	*mode = r;
	return 0;
}

int hv_flask_setenforce(struct hv *hv, int mode, struct err *err)
{
	return hv_done(hv, xc_flask_setenforce(hv->xc, mode), err, "flask_setenforce", HV_HOST,
		       "%d", mode);
}

int hv_flask_load(struct hv *hv, const void *policy, size_t size, struct err *err)
{
	if (size > UINT32_MAX)
		return err_set(err, EFBIG, "a security policy of %zu bytes is too large", size);
	return hv_done(hv, xc_flask_load(hv->xc, (char *)(uintptr_t)policy, size), err,
		       "flask_load", HV_HOST, "%zu bytes", size);
}

int hv_flask_relabel(struct hv *hv, uint32_t domid, uint32_t ssidref, struct err *err)
{
	return hv_done(hv, xc_flask_relabel_domain(hv->xc, domid, ssidref), err, "flask_relabel",
		       domid, "%u", ssidref);
}
