// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Where and how a new domain's vcpus run: pool, affinity, scheduling parameters; first whether that
 * can be, then making it so. Nothing is asked of the host unless the configuration says something
 * about it.
 */
#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "libvmm/cpupool.h"
#include "libvmm/create_cpus.h"

/* --- affinity --------------------------------------------------------------------------------- */

struct host_cpus {
	struct vmm *vmm;
	unsigned nr;
	struct hv_cputopo topo[BITMAP_BITS];
	bool is_topo_known;
};

static int node_cpus(unsigned node, struct bitmap *out, void *arg)
{
	struct host_cpus *host = arg;
	struct err ignored = ERR_INIT;
	unsigned nr = host->nr;

	/* The parser only wants to know whether there is such a node. */
	if (!host->is_topo_known && hv_cputopo(host->vmm->hv, host->topo, &nr, &ignored) < 0)
		return -1;
	host->is_topo_known = true;
	bitmap_zero(out);
	for (unsigned i = 0; i < host->nr; i++)
		if (host->topo[i].node == node)
			bitmap_set(out, i);
	return bitmap_is_empty(out) ? -1 : 0;
}

/* What the key says for one vcpu; NULL: nothing. */
static const char *affinity_text(const struct config_affinity *a, uint32_t vcpu)
{
	if (a->each.n)
		return vcpu < a->each.n ? a->each.v[vcpu] : NULL;
	return a->all;
}

static int one_mask(struct host_cpus *host, const struct config_affinity *a,
		    const struct bitmap *limit, uint32_t vcpu, const char *key, struct bitmap *out,
		    bool *is_set, struct err *err)
{
	const char *text = affinity_text(a, vcpu);

	*is_set = text || limit;
	bitmap_fill(out, host->nr);
	if (text && bitmap_parse_cpus(out, text, host->nr, node_cpus, host, key, err) < 0)
		return -1;
	if (limit)
		bitmap_and(out, limit);
	if (*is_set && bitmap_is_empty(out))
		return err_set(err, EINVAL, "%s: vcpu %u would have no processor to run on", key,
			       vcpu);
	return 0;
}

/* domid HV_DOMID_ANY: only see that it can be. */
static int vcpu_affinity(struct host_cpus *host, const struct vmm_config *cfg,
			 const struct bitmap *limit, const struct hv_cpupool *pool, uint32_t domid,
			 uint32_t vcpu, struct err *err)
{
	struct bitmap hard, soft, usable;
	bool is_hard, is_soft;

	if (one_mask(host, &cfg->cpus, limit, vcpu, "cpus", &hard, &is_hard, err) < 0 ||
	    one_mask(host, &cfg->cpus_soft, NULL, vcpu, "cpus_soft", &soft, &is_soft, err) < 0)
		return -1;
	if (!is_hard && !is_soft)
		return 0;
	usable = hard;
	bitmap_and(&usable, &pool->cpus);
	if (is_hard && bitmap_is_empty(&usable)) {
		autofree char *there = bitmap_str(&pool->cpus, BITMAP_BITS);

		return err_set(
			err, EINVAL,
			"cpus: vcpu %u would have no processor to run on: its cpupool has %s", vcpu,
			there);
	}
	if (domid == HV_DOMID_ANY)
		return 0;
	return hv_vcpu_set_affinity(host->vmm->hv, domid, vcpu, is_hard ? &hard : NULL,
				    is_soft ? &soft : NULL, false, err);
}

static bool has_affinity(const struct vmm_config *cfg, const char *mask)
{
	return mask || cfg->cpus.all || cfg->cpus.each.n || cfg->cpus_soft.all ||
	       cfg->cpus_soft.each.n;
}

int create_affinity(struct vmm *vmm, const struct vmm_config *cfg,
		    const struct vmm_create_options *options, const struct create_place *place,
		    uint32_t domid, struct err *err)
{
	const char *mask = options->ignore_global_affinity ? NULL : options->default_pool_mask;
	autofree struct host_cpus *host = NULL;
	struct hv_physinfo phys;
	struct hv_cpupool pool;
	struct bitmap limit;

	if (place->is_planned || !has_affinity(cfg, mask))
		return 0;
	if (hv_physinfo(vmm->hv, &phys, err) < 0 ||
	    hv_cpupool_info(vmm->hv, place->pool, &pool, err) < 0)
		return -1;
	host = xcalloc(1, sizeof(*host));
	host->vmm = vmm;
	host->nr = phys.max_cpu_id < BITMAP_BITS ? phys.max_cpu_id + 1 : BITMAP_BITS;
	if (mask &&
	    bitmap_parse_cpus(&limit, mask, host->nr, node_cpus, host, "vm.cpumask", err) < 0)
		return -1;
	for (uint32_t vcpu = 0; vcpu < cfg->max_vcpus; vcpu++)
		if (vcpu_affinity(host, cfg, mask ? &limit : NULL, &pool, domid, vcpu, err) < 0)
			return -1;
	return 0;
}

/* --- scheduling ------------------------------------------------------------------------------- */

static int set_credit(struct vmm *vmm, const struct vmm_config *cfg, uint32_t domid,
		      enum hv_sched sched, struct err *err)
{
	struct hv_sched_credit s;

	if (cfg->cpu_weight == CONFIG_UNSET && cfg->cap == CONFIG_UNSET)
		return 0;
	if (hv_sched_credit_get(vmm->hv, domid, sched, &s, err) < 0)
		return -1;
	if (cfg->cpu_weight != CONFIG_UNSET)
		s.weight = cfg->cpu_weight;
	if (cfg->cap != CONFIG_UNSET)
		s.cap = cfg->cap;
	return hv_sched_credit_set(vmm->hv, domid, sched, &s, err);
}

/* vcpu by vcpu: what Xen is told of the domain as a whole leaves extratime alone. */
static int set_rtds(struct vmm *vmm, const struct vmm_config *cfg, uint32_t domid, struct err *err)
{
	autofree uint32_t *vcpus = xcalloc(cfg->max_vcpus, sizeof(*vcpus));
	autofree struct hv_sched_rtds *s = xcalloc(cfg->max_vcpus, sizeof(*s));

	if (cfg->period_us == CONFIG_UNSET && cfg->budget_us == CONFIG_UNSET &&
	    cfg->extratime == CONFIG_UNSET)
		return 0;
	for (uint32_t i = 0; i < cfg->max_vcpus; i++)
		vcpus[i] = i;
	if (hv_sched_rtds_vcpu_get(vmm->hv, domid, vcpus, s, cfg->max_vcpus, err) < 0)
		return -1;
	for (uint32_t i = 0; i < cfg->max_vcpus; i++) {
		if (cfg->period_us != CONFIG_UNSET)
			s[i].period_us = (uint32_t)cfg->period_us;
		if (cfg->budget_us != CONFIG_UNSET)
			s[i].budget_us = (uint32_t)cfg->budget_us;
		if (cfg->extratime != CONFIG_UNSET)
			s[i].extratime = cfg->extratime != 0;
	}
	return hv_sched_rtds_vcpu_set(vmm->hv, domid, vcpus, s, cfg->max_vcpus, err);
}

static bool has_scheduling(const struct vmm_config *cfg)
{
	return cfg->cpu_weight != CONFIG_UNSET || cfg->cap != CONFIG_UNSET ||
	       cfg->period_us != CONFIG_UNSET || cfg->budget_us != CONFIG_UNSET ||
	       cfg->extratime != CONFIG_UNSET;
}

/* What rtds would refuse when the domain is all but finished. Xen's own values stand in for what is
 * left open. */
#define RTDS_PERIOD_US 10000	/* xen/common/sched/rt.c: RTDS_DEFAULT_PERIOD, RTDS_DEFAULT_BUDGET */
#define RTDS_BUDGET_US 4000

static int check_scheduling(struct vmm *vmm, const struct vmm_config *cfg, uint32_t pool,
			    struct err *err)
{
	int32_t period = cfg->period_us != CONFIG_UNSET ? cfg->period_us : RTDS_PERIOD_US;
	int32_t budget = cfg->budget_us != CONFIG_UNSET ? cfg->budget_us : RTDS_BUDGET_US;
	struct hv_cpupool info;

	if (!has_scheduling(cfg))
		return 0;
	if (hv_cpupool_info(vmm->hv, pool, &info, err) < 0)
		return -1;
	if (info.sched == HV_SCHED_RTDS && budget > period)
		return err_set(err, EINVAL, "budget: %d us do not fit into a period of %d us",
			       budget, period);
	if ((info.sched == HV_SCHED_CREDIT || info.sched == HV_SCHED_CREDIT2) &&
	    cfg->cap != CONFIG_UNSET && cfg->cap > (int64_t)cfg->max_vcpus * 100)
		return err_set(err, EINVAL,
			       "cap: %d is more than its vcpus could use (%u: 100 for each)",
			       cfg->cap, cfg->max_vcpus * 100);
	return 0;
}

int create_scheduling(struct vmm *vmm, const struct vmm_config *cfg, uint32_t domid, uint32_t pool,
		      struct err *err)
{
	struct hv_cpupool info;

	if (!has_scheduling(cfg))
		return 0;
	if (hv_cpupool_info(vmm->hv, pool, &info, err) < 0)
		return -1;
	switch (info.sched) {
	case HV_SCHED_CREDIT:
	case HV_SCHED_CREDIT2:
		return set_credit(vmm, cfg, domid, info.sched, err);
	case HV_SCHED_RTDS:
		return set_rtds(vmm, cfg, domid, err);
	case HV_SCHED_ARINC653:
	case HV_SCHED_NULL:
		break;
	}
	return 0; /* nothing to set: what is meant for another scheduler is ignored, as upstream
		     does */
}

/* --- beforehand ------------------------------------------------------------------------------- */

int create_place(struct vmm *vmm, const struct vmm_config *cfg,
		 const struct vmm_create_options *options, const char *planned_pool,
		 struct create_place *out, struct err *err)
{
	const char *pool = planned_pool ? planned_pool : cfg->pool;

	*out = (struct create_place){ .pool = 0, .is_planned = planned_pool };
	if (pool && (vmm_cpupool_find(vmm, pool, &out->pool, err) < 0 ||
		     cpupool_check_room(vmm, out->pool, cfg->max_vcpus, err) < 0))
		return -1;
	if (check_scheduling(vmm, cfg, out->pool, err) < 0)
		return -1;
	return create_affinity(vmm, cfg, options, out, HV_DOMID_ANY, err);
}
