// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Hypercalls about domains and their vcpus, and the handle they all go through. Knows Xen's
 * structures and what differs between releases; decides nothing: order of calls, defaults and undo
 * belong to the callers.
 */
#include "base/mem.h"
#include "libvmm/hv.h"
#include "libvmm/hv_call.h"

/* Since Xen 4.21 "any domid" has a name of its own; before it was 0, which no new domain can
 * have. */
#ifdef DOMID_ANY
#define CREATE_ANY_DOMID DOMID_ANY
#elif XEN_SYSCTL_INTERFACE_VERSION >= 0x16
#define CREATE_ANY_DOMID DOMID_INVALID
#else
#define CREATE_ANY_DOMID 0
#endif

/* --- the handle ------------------------------------------------------------------------------- */

static void swallow(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
		    const char *context, const char *format, va_list ap)
	__attribute__((format(printf, 5, 0)));
static void swallow(struct xentoollog_logger *logger, xentoollog_level level, int errnoval,
		    const char *context, const char *format, va_list ap)
{
}

static void swallow_progress(struct xentoollog_logger *logger, const char *context,
			     const char *doing_what, int percent, unsigned long done,
			     unsigned long total)
{
}

static void swallow_destroy(struct xentoollog_logger *logger)
{
}

struct xentoollog_logger quiet_logger = { swallow, swallow_progress, swallow_destroy };

int hv_open(struct hv **out, struct err *err)
{
	struct hv *hv;

	if (!hv_host_is_arm)
		return err_set(err, ENOSYS,
			       "not built for an Arm host: what needs Xen does not work here");
	hv = xcalloc(1, sizeof(*hv));
	hv->xc = xc_interface_open(&quiet_logger, &quiet_logger, XC_OPENFLAG_NON_REENTRANT);
	if (!hv->xc) {
		int code = errno;

		free(hv);
		return err_set(
			err, code, "opening the hypervisor interface /dev/xen/privcmd: %s; %s",
			strerror(code),
			code == EACCES || code == EPERM ? "this needs root"
							: "this must run in dom0 of a Xen host, "
							  "with the xen-privcmd driver");
	}
	hv->fmem = xc_interface_fmem_handle(hv->xc);
	*out = hv;
	return 0;
}

void hv_close(struct hv *hv)
{
	if (!hv)
		return;
	if (hv->gnttab)
		xengnttab_close(hv->gnttab);
	xc_interface_close(hv->xc);
	free(hv);
}

void hv_set_trace(struct hv *hv, hv_trace_fn *fn, void *arg)
{
	hv->trace = fn;
	hv->trace_arg = arg;
}

uint64_t hv_nr_calls(const struct hv *hv)
{
	return hv->nr_calls;
}

static const char *hint(int code)
{
	switch (code) {
	case EACCES:
		return "; is the running Xen of the release this was built for?";
	case EPERM:
		return "; this needs root in dom0, or Xen's security policy refuses it";
	case ENOSYS:
	case EOPNOTSUPP:
		return "; this Xen does not offer it";
	default:
		return "";
	}
}

int hv_done(struct hv *hv, long rc, struct err *err, const char *call, uint32_t domid,
	    const char *fmt, ...)
{
	int code = rc < 0 ? (errno ? errno : EIO) : 0;
	char args[160] = "";

	hv->nr_calls++;
	if (fmt && (hv->trace || code)) {
		va_list ap;

		va_start(ap, fmt);
		vsnprintf(args, sizeof(args), fmt, ap);
		va_end(ap);
	}
	if (hv->trace)
		hv->trace(hv->trace_arg, call, domid, args, code ? -code : 0);
	if (!code)
		return 0;
	if (domid == HV_HOST)
		return err_set(err, code, "hypercall %s(%s): %s%s", call, args, strerror(code),
			       hint(code));
	return err_set(err, code, "hypercall %s(%s) for domain %u: %s%s", call, args, domid,
		       strerror(code), hint(code));
}

int hv_needs(struct err *err, const char *call, const char *release)
{
	return err_set(err, ENOSYS,
		       "%s: this was built with the headers of an older Xen; it takes Xen %s", call,
		       release);
}

/* --- creation --------------------------------------------------------------------------------- */

static void arch_config(const struct hv_createdomain *in, struct xen_arch_domainconfig *out)
{
	out->gic_version = in->gic_version;
	out->tee_type = in->tee_type;
	out->nr_spis = in->nr_spis;
#ifdef XEN_DOMCTL_CONFIG_TEE_FFA	/* 4.18 brought FF-A and SVE together */
	out->sve_vl = in->sve_vl;
#endif
}

static int check_release(const struct hv_createdomain *in, struct err *err)
{
#ifndef XEN_DOMCTL_CONFIG_TEE_FFA
	if (in->sve_vl)
		return hv_needs(err, "createdomain with sve", "4.18");
	if (in->tee_type == HV_TEE_FFA)
		return hv_needs(err, "createdomain with tee=\"ffa\"", "4.18");
#endif
#ifndef XEN_DOMCTL_CDF_trap_unmapped_accesses
	if (!in->trap_unmapped)
		return hv_needs(err, "createdomain with trap_unmapped_accesses=0", "4.21");
#endif
	return 0;
}

int hv_domain_create(struct hv *hv, const struct hv_createdomain *in, struct hv_created *out,
		     struct err *err)
{
	uint32_t domid = in->domid == HV_DOMID_ANY ? CREATE_ANY_DOMID : in->domid;
	struct xen_domctl_createdomain cfg = {
		.ssidref = in->ssidref,
		.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
		.max_vcpus = in->max_vcpus,
		.max_evtchn_port = in->max_evtchn_port,
		.max_grant_frames = in->max_grant_frames,
		.max_maptrack_frames = in->max_maptrack_frames,
		.grant_opts = XEN_DOMCTL_GRANT_version(in->max_grant_version),
		.cpupool_id = in->cpupool_id,
	};

	if (check_release(in, err) < 0)
		return -1;
	if (in->iommu)
		cfg.flags |= XEN_DOMCTL_CDF_iommu;
	if (in->vpmu)
		cfg.flags |= XEN_DOMCTL_CDF_vpmu;
#ifdef XEN_DOMCTL_CDF_trap_unmapped_accesses
	if (in->trap_unmapped)
		cfg.flags |= XEN_DOMCTL_CDF_trap_unmapped_accesses;
#endif
	memcpy(cfg.handle, in->uuid, sizeof(cfg.handle));
	arch_config(in, &cfg.arch);
	if (hv_done(hv, xc_domain_create(hv->xc, &domid, &cfg), err, "createdomain", HV_HOST,
		    "flags=%#x vcpus=%u pool=%u nr_spis=%u", cfg.flags, in->max_vcpus,
		    in->cpupool_id, in->nr_spis) < 0)
		return -1;
	out->domid = domid;
	out->gic_version = cfg.arch.gic_version;
	out->clock_frequency = cfg.arch.clock_frequency;
	return 0;
}

int hv_domain_max_vcpus(struct hv *hv, uint32_t domid, uint32_t nr, struct err *err)
{
	return hv_done(hv, xc_domain_max_vcpus(hv->xc, domid, nr), err, "max_vcpus", domid, "%u",
		       nr);
}

int hv_domain_max_mem(struct hv *hv, uint32_t domid, uint64_t max_kb, struct err *err)
{
	return hv_done(hv, xc_domain_setmaxmem(hv->xc, domid, max_kb), err, "max_mem", domid,
		       "%llu KiB", (unsigned long long)max_kb);
}

int hv_domain_set_address_size(struct hv *hv, uint32_t domid, unsigned bits, struct err *err)
{
	struct xen_domctl op = {
		.cmd = XEN_DOMCTL_set_address_size,
		.domain = domid,
		.u.address_size.size = bits,
	};

	return hv_done(hv, xc_domctl(hv->xc, &op), err, "set_address_size", domid, "%u", bits);
}

int hv_p2m_pool_set(struct hv *hv, uint32_t domid, uint64_t bytes, struct err *err)
{
	return hv_done(hv, xc_set_paging_mempool_size(hv->xc, domid, bytes), err,
		       "set_paging_mempool_size", domid, "%llu", (unsigned long long)bytes);
}

int hv_p2m_pool_get(struct hv *hv, uint32_t domid, uint64_t *bytes, struct err *err)
{
	return hv_done(hv, xc_get_paging_mempool_size(hv->xc, domid, bytes), err,
		       "get_paging_mempool_size", domid, NULL);
}

int hv_llc_colors_set(struct hv *hv, uint32_t domid, const uint32_t *colors, unsigned nr,
		      struct err *err)
{
#ifdef HAVE_XC_DOMAIN_SET_LLC_COLORS
	return hv_done(hv, xc_domain_set_llc_colors(hv->xc, domid, colors, nr), err,
		       "set_llc_colors", domid, "%u colours", nr);
#else
	return hv_needs(err, "llc_colors", "4.20");
#endif
}

/* --- life ------------------------------------------------------------------------------------- */

/* Xen 4.20 with llc-coloring=on panics at the end of a domain that was given no colours, not even
 * all of them (domain_llc_coloring_free takes no list for a list of its own): one whose creation
 * failed there, or was killed before. Colours that it has stay. */
static void settle_llc_colors(struct hv *hv, uint32_t domid)
{
	struct err ignored = ERR_INIT;

	(void)!hv_llc_colors_set(hv, domid, NULL, 0, &ignored);
}

int hv_domain_destroy(struct hv *hv, uint32_t domid, struct err *err)
{
	settle_llc_colors(hv, domid);
	return hv_done(hv, xc_domain_destroy(hv->xc, domid), err, "destroydomain", domid, NULL);
}

int hv_domain_pause(struct hv *hv, uint32_t domid, struct err *err)
{
	return hv_done(hv, xc_domain_pause(hv->xc, domid), err, "pausedomain", domid, NULL);
}

int hv_domain_unpause(struct hv *hv, uint32_t domid, struct err *err)
{
	return hv_done(hv, xc_domain_unpause(hv->xc, domid), err, "unpausedomain", domid, NULL);
}

int hv_domain_shutdown(struct hv *hv, uint32_t domid, enum hv_shutdown reason, struct err *err)
{
	return hv_done(hv, xc_domain_shutdown(hv->xc, domid, reason), err, "remote_shutdown", domid,
		       "reason=%u", (unsigned)reason);
}

int hv_domain_resume(struct hv *hv, uint32_t domid, struct err *err)
{
	struct xen_domctl op = { .cmd = XEN_DOMCTL_resumedomain, .domain = domid };

	return hv_done(hv, xc_domctl(hv->xc, &op), err, "resumedomain", domid, NULL);
}

int hv_domain_soft_reset(struct hv *hv, uint32_t domid, struct err *err)
{
	return hv_done(hv, xc_domain_soft_reset(hv->xc, domid), err, "soft_reset", domid, NULL);
}

int hv_domain_set_uuid(struct hv *hv, uint32_t domid, const uint8_t uuid[HV_UUID_LEN],
		       struct err *err)
{
	xen_domain_handle_t handle;

	memcpy(handle, uuid, sizeof(handle));
	return hv_done(hv, xc_domain_sethandle(hv->xc, domid, handle), err, "setdomainhandle",
		       domid, NULL);
}

int hv_domain_set_target(struct hv *hv, uint32_t domid, uint32_t target, struct err *err)
{
	return hv_done(hv, xc_domain_set_target(hv->xc, domid, target), err, "set_target", domid,
		       "%u", target);
}

int hv_set_debugging(struct hv *hv, uint32_t domid, bool on, struct err *err)
{
	return hv_done(hv, xc_domain_setdebugging(hv->xc, domid, on), err, "setdebugging", domid,
		       "%d", on);
}

/* --- information ------------------------------------------------------------------------------ */

static void dominfo_from(struct hv_dominfo *out, const xc_domaininfo_t *in)
{
	*out = (struct hv_dominfo){
		.domid = in->domain,
		.is_dying = in->flags & XEN_DOMINF_dying,
		.is_shutdown = in->flags & XEN_DOMINF_shutdown,
		.is_paused = in->flags & XEN_DOMINF_paused,
		.is_blocked = in->flags & XEN_DOMINF_blocked,
		.is_running = in->flags & XEN_DOMINF_running,
		.is_hvm = in->flags & XEN_DOMINF_hvm_guest,
		.is_debugged = in->flags & XEN_DOMINF_debugged,
		.shutdown_reason = (in->flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask,
		.ssidref = in->ssidref,
		.nr_pages = in->tot_pages,
		.max_pages = in->max_pages,
		.outstanding_pages = in->outstanding_pages,
		.shared_pages = in->shr_pages,
		.paged_pages = in->paged_pages,
		.shared_info_frame = in->shared_info_frame,
		.cpu_time_ns = in->cpu_time,
		.nr_online_vcpus = in->nr_online_vcpus,
		.nr_vcpus = in->max_vcpu_id == XEN_INVALID_MAX_VCPU_ID ? 0 : in->max_vcpu_id + 1,
		.cpupool = in->cpupool,
		.gpaddr_bits = in->gpaddr_bits,
	};
	memcpy(out->uuid, in->handle, sizeof(out->uuid));
}

int hv_domain_info(struct hv *hv, uint32_t domid, struct hv_dominfo *out, struct err *err)
{
	xc_domaininfo_t info;
	int n = xc_domain_getinfolist(hv->xc, domid, 1, &info);

	if (hv_done(hv, n, err, "getdomaininfolist", domid, "1") < 0)
		return -1;
	/* The list starts with the first domain whose number is not below the one asked for. */
	if (n < 1 || info.domain != domid)
		return err_set(err, ESRCH, "there is no domain %u", domid);
	dominfo_from(out, &info);
	return 0;
}

int hv_domain_list(struct hv *hv, struct hv_dominfo **out, size_t *nr, struct err *err)
{
	enum { BATCH = 32 };
	autofree struct hv_dominfo *all = NULL;
	xc_domaininfo_t infos[BATCH];
	uint32_t next = 0;
	size_t n = 0;
	int got;

	do {
		got = xc_domain_getinfolist(hv->xc, next, BATCH, infos);
		if (hv_done(hv, got, err, "getdomaininfolist", next, "%d", BATCH) < 0)
			return -1;
		all = xreallocarray(all, n + BATCH, sizeof(*all));
		for (int i = 0; i < got; i++)
			dominfo_from(&all[n++], &infos[i]);
		if (got > 0)
			next = infos[got - 1].domain + 1;
	} while (got == BATCH);
	*nr = n;
	*out = steal(all);
	return 0;
}

int hv_max_gpfn(struct hv *hv, uint32_t domid, uint64_t *gfn, struct err *err)
{
	xen_pfn_t pfn = 0;

	if (hv_done(hv, xc_domain_maximum_gpfn(hv->xc, domid, &pfn), err, "maximum_gpfn", domid,
		    NULL) < 0)
		return -1;
	*gfn = pfn;
	return 0;
}

/* --- vcpus ------------------------------------------------------------------------------------ */

int hv_vcpu_set_entry(struct hv *hv, uint32_t domid, uint32_t vcpu,
		      const struct hv_vcpu_entry *entry, struct err *err)
{
	vcpu_guest_context_any_t any;
	vcpu_guest_context_t *ctx = &any.c;

	memset(&any, 0, sizeof(any));
	ctx->user_regs.pc64 = entry->pc;
	ctx->user_regs.x0 = entry->r[0];
	ctx->user_regs.x1 = entry->r[1];
	ctx->user_regs.x2 = entry->r[2];
	ctx->user_regs.x3 = entry->r[3];
	ctx->user_regs.cpsr = entry->is_64bit ? PSR_GUEST64_INIT : PSR_GUEST32_INIT;
	ctx->sctlr = SCTLR_GUEST_INIT;
	ctx->flags = VGCF_online;
	return hv_done(hv, xc_vcpu_setcontext(hv->xc, domid, vcpu, &any), err, "setvcpucontext",
		       domid, "vcpu=%u pc=%#llx", vcpu, (unsigned long long)entry->pc);
}

int hv_vcpu_info(struct hv *hv, uint32_t domid, uint32_t vcpu, struct hv_vcpuinfo *out,
		 struct err *err)
{
	xc_vcpuinfo_t info;

	if (hv_done(hv, xc_vcpu_getinfo(hv->xc, domid, vcpu, &info), err, "getvcpuinfo", domid,
		    "vcpu=%u", vcpu) < 0)
		return -1;
	*out = (struct hv_vcpuinfo){
		.is_online = info.online,
		.is_blocked = info.blocked,
		.is_running = info.running,
		.cpu_time_ns = info.cpu_time,
		.pcpu = info.cpu,
	};
	return 0;
}

int hv_vcpu_regs(struct hv *hv, uint32_t domid, uint32_t vcpu, struct hv_vcpu_regs *out,
		 struct err *err)
{
	vcpu_guest_context_any_t any;
	const struct vcpu_guest_core_regs *core = &any.c.user_regs;

	if (hv_done(hv, xc_vcpu_getcontext(hv->xc, domid, vcpu, &any), err, "getvcpucontext", domid,
		    "vcpu=%u", vcpu) < 0)
		return -1;
	/* x0 to x30 stand one behind the other at the head of the structure. */
	memcpy(out->x, core, sizeof(out->x));
	out->sp_el0 = core->sp_el0;
	out->sp_el1 = core->sp_el1;
	out->pc = core->pc64;
	out->cpsr = core->cpsr;
	return 0;
}

#define MAP_BYTES (BITMAP_BITS / 8)

/* libxenctrl's own calls for affinities first ask for the number of pcpus; a map of fixed size does
 * as well. */
static int affinity_op(struct hv *hv, uint32_t cmd, uint32_t domid, uint32_t vcpu, uint32_t flags,
		       struct bitmap *hard, struct bitmap *soft, struct err *err)
{
	DECLARE_HYPERCALL_BUFFER(uint8_t, maps);
	struct xen_domctl op = { .cmd = cmd, .domain = domid };
	struct xen_domctl_vcpuaffinity *aff = &op.u.vcpuaffinity;
	int r;

	maps = xc_hypercall_buffer_alloc(hv->xc, maps, 2 * MAP_BYTES);
	if (!maps)
		return err_set(err, ENOMEM, "no memory for a hypercall buffer");
	memset(maps, 0, 2 * MAP_BYTES);
	if (hard)
		bitmap_to_bytes(hard, maps, MAP_BYTES);
	if (soft)
		bitmap_to_bytes(soft, maps + MAP_BYTES, MAP_BYTES);
	aff->vcpu = vcpu;
	aff->flags =
		flags | (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0);
	set_xen_guest_handle_raw(aff->cpumap_hard.bitmap, maps);
	aff->cpumap_hard.nr_bits = BITMAP_BITS;
	set_xen_guest_handle_raw(aff->cpumap_soft.bitmap, maps + MAP_BYTES);
	aff->cpumap_soft.nr_bits = BITMAP_BITS;
	r = hv_done(hv, xc_domctl(hv->xc, &op), err,
		    cmd == XEN_DOMCTL_setvcpuaffinity ? "setvcpuaffinity" : "getvcpuaffinity",
		    domid, "vcpu=%u flags=%u", vcpu, aff->flags);
	if (r == 0 && hard)
		bitmap_from_bytes(hard, maps, MAP_BYTES);
	if (r == 0 && soft)
		bitmap_from_bytes(soft, maps + MAP_BYTES, MAP_BYTES);
	xc_hypercall_buffer_free(hv->xc, maps);
	return r;
}

int hv_vcpu_set_affinity(struct hv *hv, uint32_t domid, uint32_t vcpu, struct bitmap *hard,
			 struct bitmap *soft, bool force, struct err *err)
{
	return affinity_op(hv, XEN_DOMCTL_setvcpuaffinity, domid, vcpu,
			   force ? XEN_VCPUAFFINITY_FORCE : 0, hard, soft, err);
}

int hv_vcpu_get_affinity(struct hv *hv, uint32_t domid, uint32_t vcpu, struct bitmap *hard,
			 struct bitmap *soft, struct err *err)
{
	return affinity_op(hv, XEN_DOMCTL_getvcpuaffinity, domid, vcpu, 0, hard, soft, err);
}

static int node_affinity_op(struct hv *hv, uint32_t cmd, uint32_t domid, struct bitmap *nodes,
			    struct err *err)
{
	DECLARE_HYPERCALL_BUFFER(uint8_t, map);
	struct xen_domctl op = { .cmd = cmd, .domain = domid };
	int r;

	map = xc_hypercall_buffer_alloc(hv->xc, map, MAP_BYTES);
	if (!map)
		return err_set(err, ENOMEM, "no memory for a hypercall buffer");
	bitmap_to_bytes(nodes, map, MAP_BYTES);
	set_xen_guest_handle_raw(op.u.nodeaffinity.nodemap.bitmap, map);
	op.u.nodeaffinity.nodemap.nr_bits = BITMAP_BITS;
	r = hv_done(hv, xc_domctl(hv->xc, &op), err,
		    cmd == XEN_DOMCTL_setnodeaffinity ? "setnodeaffinity" : "getnodeaffinity",
		    domid, NULL);
	if (r == 0)
		bitmap_from_bytes(nodes, map, MAP_BYTES);
	xc_hypercall_buffer_free(hv->xc, map);
	return r;
}

int hv_node_set_affinity(struct hv *hv, uint32_t domid, const struct bitmap *nodes, struct err *err)
{
	struct bitmap copy = *nodes;

	return node_affinity_op(hv, XEN_DOMCTL_setnodeaffinity, domid, &copy, err);
}

int hv_node_get_affinity(struct hv *hv, uint32_t domid, struct bitmap *nodes, struct err *err)
{
	bitmap_zero(nodes);
	return node_affinity_op(hv, XEN_DOMCTL_getnodeaffinity, domid, nodes, err);
}
