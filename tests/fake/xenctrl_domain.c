// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The fake libxenctrl: domains, vcpus and their life. Orders of steps that Xen insists on are
 * insisted on; those whose breach a guest would pay for later are blamed.
 */
#include "tests/fake/model.h"

struct xc_interface_core { int unused; };

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild_logger,
				unsigned open_flags)
{
	POINT(NULL);
	fake();
	return xcalloc(1, sizeof(struct xc_interface_core));
}

int xc_interface_close(xc_interface *xch)
{
	free(xch);
	return 0;
}

void *xc__hypercall_buffer_alloc(xc_interface *xch, xc_hypercall_buffer_t *b, size_t size)
{
	POINT(NULL);
	return b->hbuf = xmalloc(size);
}

void xc__hypercall_buffer_free(xc_interface *xch, xc_hypercall_buffer_t *b)
{
	free(b->hbuf);
	b->hbuf = NULL;
}

/* --- creation --------------------------------------------------------------------------------- */

static bool is_config_valid(const struct xen_domctl_createdomain *c)
{
	uint32_t must = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
		 may = must | XEN_DOMCTL_CDF_iommu | XEN_DOMCTL_CDF_vpmu;
	unsigned most_vcpus = c->arch.gic_version == XEN_DOMCTL_CONFIG_GIC_V2 ? 8 : FAKE_MAX_VCPUS;

#ifdef XEN_DOMCTL_CDF_trap_unmapped_accesses
	may |= XEN_DOMCTL_CDF_trap_unmapped_accesses;
#endif
	if ((c->flags & must) != must || (c->flags & ~may))
		return false;
	if (c->max_vcpus < 1 || c->max_vcpus > most_vcpus || c->max_evtchn_port < 1)
		return false;
	if (c->max_grant_frames < -1 || c->max_maptrack_frames < -1)
		return false;
	if ((c->grant_opts & XEN_DOMCTL_GRANT_version_mask) != 1)
		return false;
	if (c->arch.gic_version > XEN_DOMCTL_CONFIG_GIC_V3 || c->arch.nr_spis > 1020 - 32)
		return false;
	return c->cpupool_id < FAKE_MAX_POOLS && fake()->pools[c->cpupool_id].is_there;
}

static int pick_domid(uint32_t wanted, uint32_t *domid)
{
	if (wanted > 0 && wanted < DOMID_FIRST_RESERVED) {
		if (fake_domain(wanted))
			return fake_fail(EEXIST);
		*domid = wanted;
		return 0;
	}
	do
		*domid = fake()->last_domid = fake()->last_domid % (DOMID_FIRST_RESERVED - 1) + 1;
	while (fake_domain(*domid));
	return 0;
}

int xc_domain_create(xc_interface *xch, uint32_t *pdomid, struct xen_domctl_createdomain *config)
{
	struct fake_domain *d;
	uint32_t domid;

	POINT(-1);
	if (!is_config_valid(config))
		return fake_fail(EINVAL);
	if (fake()->free_pages < 64)
		return fake_fail(ENOMEM);
	if (pick_domid(*pdomid, &domid) < 0)
		return -1;
	d = fake_domain_add(domid);
	d->ssidref = config->ssidref;
	d->cdf_flags = config->flags;
	d->max_vcpus = config->max_vcpus;
	d->max_port = config->max_evtchn_port;
	d->pool = config->cpupool_id;
	d->nr_spis = config->arch.nr_spis;
	d->rtds = (struct xen_domctl_sched_rtds){ .period = 10000,
						  .budget = 4000,
						  .flags = XEN_DOMCTL_SCHEDRT_extra };
	memcpy(d->handle, config->handle, sizeof(d->handle));
	fake()->free_pages -= d->pool_bytes / FAKE_PAGE;
	if (config->arch.gic_version == XEN_DOMCTL_CONFIG_GIC_NATIVE)
		config->arch.gic_version = fake_host.gic_version == 3 ? XEN_DOMCTL_CONFIG_GIC_V3 :
									XEN_DOMCTL_CONFIG_GIC_V2;
	config->arch.clock_frequency = 0;
	*pdomid = domid;
	return 0;
}

int xc_domain_max_vcpus(xc_interface *xch, uint32_t domid, unsigned int max)
{
	DOMAIN_POINT(d, domid);

	if (max == 0 || max > d->max_vcpus || (d->nr_vcpus && d->nr_vcpus != max))
		return fake_fail(EINVAL);
	if (d->nr_vcpus)
		return 0;
	d->vcpus = xcalloc(max, sizeof(*d->vcpus));
	d->nr_vcpus = max;
	for (unsigned i = 0; i < max; i++) {
		bitmap_fill(&d->vcpus[i].hard, fake_host.nr_cpus);
		bitmap_fill(&d->vcpus[i].soft, fake_host.nr_cpus);
	}
	return 0;
}

int xc_domain_setmaxmem(xc_interface *xch, uint32_t domid, uint64_t max_memkb)
{
	DOMAIN_POINT(d, domid);

	d->max_pages = max_memkb / 4;
	return 0;
}

/* --- life ------------------------------------------------------------------------------------- */

int xc_domain_destroy(xc_interface *xch, uint32_t domid)
{
	DOMAIN_POINT(d, domid);

	if (domid == 0)
		return fake_fail(EINVAL);
	fake_domain_destroy(d);
	return 0;
}

int xc_domain_pause(xc_interface *xch, uint32_t domid)
{
	DOMAIN_POINT(d, domid);

	if (domid == 0)
		return fake_fail(EINVAL);
	d->nr_pauses++;
	return 0;
}

/* A guest starts with its caches off: what dom0 wrote and did not clean is not what it reads. */
static void blame_first_run(const struct fake_domain *d)
{
	if (!d->nr_vcpus || !d->vcpus[0].is_initialised)
		fake_blame("domain %u runs without a state of vcpu 0", d->domid);
	if (d->dirty.n)
		fake_blame("domain %u runs, but frame %#llx was written and not cleaned from the "
			   "cache",
			   d->domid, (unsigned long long)d->dirty.v[0].gfn);
	if (!d->params[HVM_PARAM_STORE_PFN] || !d->params[HVM_PARAM_CONSOLE_PFN] ||
	    !d->params[HVM_PARAM_CALLBACK_IRQ])
		fake_blame("domain %u runs without its store, console or callback parameter",
			   d->domid);
}

int xc_domain_unpause(xc_interface *xch, uint32_t domid)
{
	DOMAIN_POINT(d, domid);

	if (!d->nr_pauses)
		return fake_fail(EINVAL);
	if (!d->is_created)
		blame_first_run(d);
	d->is_created = true;
	d->nr_pauses--;
	return 0;
}

int xc_domain_shutdown(xc_interface *xch, uint32_t domid, int reason)
{
	POINT(-1);
	if (!fake_domain_or_errno(domid))
		return -1;
	fake_guest_shutdown(domid, (unsigned)reason);
	return 0;
}

int xc_domain_soft_reset(xc_interface *xch, uint32_t domid)
{
	DOMAIN_POINT(d, domid);

	fake_ports_close(d);
	d->is_shutdown = false;
	return 0;
}

int xc_domain_sethandle(xc_interface *xch, uint32_t domid, xen_domain_handle_t handle)
{
	DOMAIN_POINT(d, domid);

	memcpy(d->handle, handle, sizeof(d->handle));
	return 0;
}

int xc_domain_set_target(xc_interface *xch, uint32_t domid, uint32_t target)
{
	struct fake_domain *d;

	POINT(-1);
	d = fake_domain_or_errno(domid);
	if (!d || !fake_domain_or_errno(target))
		return -1;
	d->target = target;
	return 0;
}

int xc_domain_setdebugging(xc_interface *xch, uint32_t domid, unsigned int enable)
{
	DOMAIN_POINT(d, domid);

	d->is_debugged = enable;
	return 0;
}

/* --- information ------------------------------------------------------------------------------ */

static void fill_info(const struct fake_domain *d, xc_domaininfo_t *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = (domid_t)d->domid;
	info->flags =
		(d->is_dying ? XEN_DOMINF_dying : 0) | (d->is_shutdown ? XEN_DOMINF_shutdown : 0) |
		(d->nr_pauses ? XEN_DOMINF_paused : 0) |
		(d->is_debugged ? XEN_DOMINF_debugged : 0) | (d->domid ? XEN_DOMINF_hvm_guest : 0) |
		(d->domid == 0 ? XEN_DOMINF_running : 0) |
		(d->shutdown_reason << XEN_DOMINF_shutdownshift);
	info->tot_pages = d->tot_pages;
	info->max_pages = d->max_pages;
	info->nr_online_vcpus = d->nr_vcpus;
	info->max_vcpu_id = d->nr_vcpus ? d->nr_vcpus - 1 : XEN_INVALID_MAX_VCPU_ID;
	info->ssidref = d->ssidref;
	info->cpupool = d->pool;
	info->gpaddr_bits = 40;
	info->cpu_time = 1000000000ull * d->domid;
	memcpy(info->handle, d->handle, sizeof(info->handle));
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first_domain, unsigned int max_domains,
			  xc_domaininfo_t *info)
{
	struct fake_domain *d;
	unsigned n = 0;

	POINT(-1);
	list_for_each_entry(d, &fake()->domains, link)
		if (d->domid >= first_domain && n < max_domains)
			fill_info(d, &info[n++]);
	return (int)n;
}

#ifdef HAVE_XC_DOMAIN_GETINFO_SINGLE
int xc_domain_getinfo_single(xc_interface *xch, uint32_t domid, xc_domaininfo_t *info)
{
	DOMAIN_POINT(d, domid);

	fill_info(d, info);
	return 0;
}
#endif

/* --- vcpus ------------------------------------------------------------------------------------ */

static struct fake_vcpu *vcpu_of(uint32_t domid, uint32_t vcpu)
{
	struct fake_domain *d = fake_domain_or_errno(domid);

	if (!d)
		return NULL;
	if (vcpu >= d->nr_vcpus) {
		errno = ESRCH;
		return NULL;
	}
	return &d->vcpus[vcpu];
}

int xc_vcpu_setcontext(xc_interface *xch, uint32_t domid, uint32_t vcpu,
		       vcpu_guest_context_any_t *ctxt)
{
	struct fake_vcpu *v;

	POINT(-1);
	v = vcpu_of(domid, vcpu);
	if (!v)
		return -1;
	/* A mode that the domain's width does not have. */
	if (fake_domain(domid)->bits != ((ctxt->c.user_regs.cpsr & PSR_MODE_BIT) ? 32 : 64))
		return fake_fail(EINVAL);
	v->ctx = ctxt->c;
	v->is_initialised = true;
	return 0;
}

int xc_vcpu_getcontext(xc_interface *xch, uint32_t domid, uint32_t vcpu,
		       vcpu_guest_context_any_t *ctxt)
{
	struct fake_vcpu *v;

	POINT(-1);
	v = vcpu_of(domid, vcpu);
	if (!v)
		return -1;
	if (!v->is_initialised)
		return fake_fail(ENODATA);
	ctxt->c = v->ctx;
	return 0;
}

int xc_vcpu_getinfo(xc_interface *xch, uint32_t domid, uint32_t vcpu, xc_vcpuinfo_t *info)
{
	struct fake_vcpu *v;

	POINT(-1);
	v = vcpu_of(domid, vcpu);
	if (!v)
		return -1;
	memset(info, 0, sizeof(*info));
	info->vcpu = vcpu;
	info->online = v->is_initialised;
	info->cpu = vcpu % fake_host.nr_cpus;
	info->cpu_time = 500000000;
	return 0;
}

/* --- what goes by domctl itself --------------------------------------------------------------- */

static int op_address_size(struct fake_domain *d, unsigned bits)
{
	if (bits != 32 && bits != 64)
		return fake_fail(EINVAL);
	if (d->tot_pages)
		return fake_fail(EBUSY);
	d->bits = bits;
	return 0;
}

static int op_affinity(struct fake_domain *d, struct xen_domctl_vcpuaffinity *a, bool is_set)
{
	struct fake_vcpu *v = a->vcpu < d->nr_vcpus ? &d->vcpus[a->vcpu] : NULL;
	size_t len = a->cpumap_hard.nr_bits / 8;
	struct bitmap b, online = fake()->pools[d->pool].cpus;

	if (!v)
		return fake_fail(ESRCH);
	if (is_set && (a->flags & XEN_VCPUAFFINITY_HARD)) {
		bitmap_from_bytes(&b, a->cpumap_hard.bitmap.p, len);
		bitmap_and(&b, &online);
		if (bitmap_is_empty(&b))
			return fake_fail(EINVAL);
		v->hard = b;
	}
	if (is_set && (a->flags & XEN_VCPUAFFINITY_SOFT))
		bitmap_from_bytes(&v->soft, a->cpumap_soft.bitmap.p, len);
	if (a->flags & XEN_VCPUAFFINITY_HARD)
		bitmap_to_bytes(&v->hard, a->cpumap_hard.bitmap.p, len);
	if (a->flags & XEN_VCPUAFFINITY_SOFT)
		bitmap_to_bytes(&v->soft, a->cpumap_soft.bitmap.p, len);
	return 0;
}

static int op_node_affinity(struct fake_domain *d, struct xen_domctl_nodeaffinity *a, bool is_set)
{
	if (is_set)
		bitmap_from_bytes(&d->nodes, a->nodemap.bitmap.p, a->nodemap.nr_bits / 8);
	else
		bitmap_to_bytes(&d->nodes, a->nodemap.bitmap.p, a->nodemap.nr_bits / 8);
	return 0;
}

static int op_memory_mapping(struct fake_domain *d, const struct xen_domctl_memory_mapping *m)
{
	if (m->nr_mfns > 64)
		return fake_fail(E2BIG);
	if (!runs_have(&d->iomem, m->first_mfn, m->nr_mfns))
		return fake_fail(EPERM);
	if (m->add_mapping)
		runs_add(&d->mapped_iomem, m->first_gfn, m->nr_mfns);
	else
		runs_del(&d->mapped_iomem, m->first_gfn, m->nr_mfns);
	return 0;
}

int xc_domctl(xc_interface *xch, struct xen_domctl *op)
{
	struct fake_domain *d;

	POINT(-1);
	d = fake_domain_or_errno(op->domain);
	if (!d)
		return -1;
	switch (op->cmd) {
	case XEN_DOMCTL_set_address_size:
		return op_address_size(d, op->u.address_size.size);
	case XEN_DOMCTL_resumedomain:
		d->is_shutdown = false;
		return 0;
	case XEN_DOMCTL_setvcpuaffinity:
	case XEN_DOMCTL_getvcpuaffinity:
		return op_affinity(d, &op->u.vcpuaffinity, op->cmd == XEN_DOMCTL_setvcpuaffinity);
	case XEN_DOMCTL_setnodeaffinity:
	case XEN_DOMCTL_getnodeaffinity:
		return op_node_affinity(d, &op->u.nodeaffinity,
					op->cmd == XEN_DOMCTL_setnodeaffinity);
	case XEN_DOMCTL_memory_mapping:
		return op_memory_mapping(d, &op->u.memory_mapping);
	default:
		return fake_fail(ENOSYS);
	}
}
