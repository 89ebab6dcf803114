// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Scheduling parameters of domains and pools. Each scheduler has its own; what Xen would refuse
 * without a word is checked here with one.
 */
#include <errno.h>
#include <inttypes.h>
#include "base/str.h"
#include "libvmm/internal.h"

#define WEIGHT_MAX 65535
#define RTDS_MIN_US 10		/* xen/common/sched/rt.c: RTDS_MIN_PERIOD, RTDS_MIN_BUDGET */

static const char *const sched_names[] = {
	[VMM_SCHED_CREDIT] = "credit", [VMM_SCHED_CREDIT2] = "credit2", [VMM_SCHED_ARINC653] = "arinc653",
	[VMM_SCHED_RTDS] = "rtds", [VMM_SCHED_NULL] = "null",
};

_Static_assert((int)VMM_SCHED_CREDIT == HV_SCHED_CREDIT && (int)VMM_SCHED_NULL == HV_SCHED_NULL,
	       "the same numbers");

const char *vmm_sched_name(enum vmm_sched sched)
{
	return (size_t)sched < array_size(sched_names) && sched_names[sched] ? sched_names[sched]
									     : "unknown";
}

int vmm_sched_find(const char *name, enum vmm_sched *sched, struct err *err)
{
	for (size_t i = 0; i < array_size(sched_names); i++) {
		if (str_eq(sched_names[i], name)) {
			*sched = (enum vmm_sched)i;
			return 0;
		}
	}
	return err_set(err, EINVAL,
		       "'%s' is no scheduler: there are credit, credit2, rtds, arinc653 and null",
		       name);
}

/* The domain's pool must run `sched`. */
static int check_sched(struct vmm *vmm, uint32_t domid, enum vmm_sched sched, struct hv **hv,
		       struct err *err)
{
	struct hv_cpupool pool;
	struct hv_dominfo dom;

	*hv = vmm_hv(vmm, err);
	if (!*hv || hv_domain_info(*hv, domid, &dom, err) < 0 ||
	    hv_cpupool_info(*hv, dom.cpupool, &pool, err) < 0)
		return -1;
	if ((enum vmm_sched)pool.sched == sched)
		return 0;
	return err_set(err, EINVAL,
		       "domain %" PRIu32 " is in cpupool %" PRIu32
		       ", whose scheduler is %s, not %s",
		       domid, dom.cpupool, vmm_sched_name((enum vmm_sched)pool.sched),
		       vmm_sched_name(sched));
}

/* --- credit and credit2 ----------------------------------------------------------------------- */

int vmm_credit_get(struct vmm *vmm, uint32_t domid, enum vmm_sched sched, struct vmm_credit *out,
		   struct err *err)
{
	struct hv_sched_credit s;
	struct hv *hv;

	if (check_sched(vmm, domid, sched, &hv, err) < 0 ||
	    hv_sched_credit_get(hv, domid, (enum hv_sched)sched, &s, err) < 0)
		return -1;
	*out = (struct vmm_credit){ s.weight, s.cap };
	return 0;
}

int vmm_credit_set(struct vmm *vmm, uint32_t domid, enum vmm_sched sched,
		   const struct vmm_credit *in, struct err *err)
{
	struct hv_sched_credit s = { in->weight, in->cap };
	struct hv_dominfo dom;
	struct hv *hv;

	if (check_sched(vmm, domid, sched, &hv, err) < 0 ||
	    hv_domain_info(hv, domid, &dom, err) < 0)
		return -1;
	if (in->weight < 1 || in->weight > WEIGHT_MAX)
		return err_set(err, EINVAL,
			       "domain %" PRIu32 ": a weight of %" PRIu32
			       " is out of range (1 to %d)",
			       domid, in->weight, WEIGHT_MAX);
	if (in->cap > dom.nr_vcpus * 100)
		return err_set(err, EINVAL,
			       "domain %" PRIu32 ": a cap of %" PRIu32
			       " is out of range (0 to %" PRIu32 ": 100 for each vcpu)",
			       domid, in->cap, dom.nr_vcpus * 100);
	return hv_sched_credit_set(hv, domid, (enum hv_sched)sched, &s, err);
}

static int check_pool(struct hv *hv, uint32_t pool, enum vmm_sched sched, struct err *err)
{
	struct hv_cpupool info;

	if (hv_cpupool_info(hv, pool, &info, err) < 0)
		return -1;
	if (info.id != pool)
		return err_set(err, ENOENT, "there is no cpupool %" PRIu32, pool);
	if ((enum vmm_sched)info.sched == sched)
		return 0;
	return err_set(err, EINVAL, "the scheduler of cpupool %" PRIu32 " is %s, not %s", pool,
		       vmm_sched_name((enum vmm_sched)info.sched), vmm_sched_name(sched));
}

int vmm_credit_params_get(struct vmm *vmm, uint32_t pool, enum vmm_sched sched,
			  struct vmm_credit_params *out, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	struct hv_sched_credit_params p;

	if (!hv || check_pool(hv, pool, sched, err) < 0 ||
	    hv_sched_credit_params_get(hv, pool, (enum hv_sched)sched, &p, err) < 0)
		return -1;
	*out = (struct vmm_credit_params){ p.tslice_ms, p.ratelimit_us, p.migration_delay_us };
	return 0;
}

int vmm_credit_params_set(struct vmm *vmm, uint32_t pool, enum vmm_sched sched,
			  const struct vmm_credit_params *in, struct err *err)
{
	struct hv_sched_credit_params p = { in->tslice_ms, in->ratelimit_us,
					    in->migration_delay_us };
	struct hv *hv = vmm_hv(vmm, err);

	if (!hv || check_pool(hv, pool, sched, err) < 0)
		return -1;
	/* Bounds: public/sysctl.h, XEN_SYSCTL_CSCHED_* and XEN_SYSCTL_SCHED_RATELIMIT_*. */
	if (sched == VMM_SCHED_CREDIT && (in->tslice_ms < 1 || in->tslice_ms > 1000))
		return err_set(err, EINVAL,
			       "a time slice of %" PRIu32 " ms is out of range (1 to 1000)",
			       in->tslice_ms);
	if (in->ratelimit_us && (in->ratelimit_us < 100 || in->ratelimit_us > 500000))
		return err_set(err, EINVAL,
			       "a rate limit of %" PRIu32
			       " us is out of range (0, or 100 to 500000)",
			       in->ratelimit_us);
	if (sched == VMM_SCHED_CREDIT && in->ratelimit_us > in->tslice_ms * 1000)
		return err_set(err, EINVAL,
			       "the rate limit (%" PRIu32 " us) is above the time slice (%" PRIu32
			       " ms)",
			       in->ratelimit_us, in->tslice_ms);
	if (in->migration_delay_us > 100000)
		return err_set(err, EINVAL,
			       "a migration delay of %" PRIu32 " us is out of range (0 to 100000)",
			       in->migration_delay_us);
	return hv_sched_credit_params_set(hv, pool, (enum hv_sched)sched, &p, err);
}

/* --- rtds ------------------------------------------------------------------------------------- */

static int check_rtds(uint32_t domid, const struct vmm_rtds *s, struct err *err)
{
	if (s->period_us < RTDS_MIN_US || s->budget_us < RTDS_MIN_US)
		return err_set(err, EINVAL,
			       "domain %" PRIu32 ": period %" PRIu32 " us, budget %" PRIu32
			       " us: neither may be below %d us",
			       domid, s->period_us, s->budget_us, RTDS_MIN_US);
	if (s->budget_us > s->period_us)
		return err_set(err, EINVAL,
			       "domain %" PRIu32 ": a budget of %" PRIu32
			       " us does not fit into a period of %" PRIu32 " us",
			       domid, s->budget_us, s->period_us);
	return 0;
}

int vmm_rtds_get(struct vmm *vmm, uint32_t domid, struct vmm_rtds *out, struct err *err)
{
	struct hv_sched_rtds s;
	struct hv *hv;

	if (check_sched(vmm, domid, VMM_SCHED_RTDS, &hv, err) < 0 ||
	    hv_sched_rtds_get(hv, domid, &s, err) < 0)
		return -1;
	/* Xen tells period and budget of vcpus to come, and leaves the flag out, with which they
	 * begin. */
	*out = (struct vmm_rtds){ s.period_us, s.budget_us, true };
	return 0;
}

/* Xen stops at the first vcpu that is not there and keeps what it did before: so look first. */
static int check_vcpus(struct hv *hv, uint32_t domid, const uint32_t *vcpus, unsigned nr,
		       struct err *err)
{
	struct hv_dominfo dom;

	if (hv_domain_info(hv, domid, &dom, err) < 0)
		return -1;
	for (unsigned i = 0; i < nr; i++)
		if (vcpus[i] >= dom.nr_vcpus)
			return err_set(err, EINVAL,
				       "domain %" PRIu32 " has no vcpu %" PRIu32
				       ": it has %" PRIu32,
				       domid, vcpus[i], dom.nr_vcpus);
	return 0;
}

int vmm_rtds_vcpu_get(struct vmm *vmm, uint32_t domid, const uint32_t *vcpus, struct vmm_rtds *out,
		      unsigned nr, struct err *err)
{
	autofree struct hv_sched_rtds *s = xcalloc(nr, sizeof(*s));
	struct hv *hv;

	if (check_sched(vmm, domid, VMM_SCHED_RTDS, &hv, err) < 0 ||
	    check_vcpus(hv, domid, vcpus, nr, err) < 0 ||
	    hv_sched_rtds_vcpu_get(hv, domid, vcpus, s, nr, err) < 0)
		return -1;
	for (unsigned i = 0; i < nr; i++)
		out[i] = (struct vmm_rtds){ s[i].period_us, s[i].budget_us, s[i].extratime };
	return 0;
}

int vmm_rtds_vcpu_set(struct vmm *vmm, uint32_t domid, const uint32_t *vcpus,
		      const struct vmm_rtds *in, unsigned nr, struct err *err)
{
	autofree struct hv_sched_rtds *s = xcalloc(nr, sizeof(*s));
	struct hv *hv;

	if (check_sched(vmm, domid, VMM_SCHED_RTDS, &hv, err) < 0 ||
	    check_vcpus(hv, domid, vcpus, nr, err) < 0)
		return -1;
	for (unsigned i = 0; i < nr; i++) {
		if (check_rtds(domid, &in[i], err) < 0)
			return err_wrap(err, "vcpu %" PRIu32, vcpus[i]);
		s[i] = (struct hv_sched_rtds){ in[i].period_us, in[i].budget_us, in[i].extratime };
	}
	return hv_sched_rtds_vcpu_set(hv, domid, vcpus, s, nr, err);
}

static int promised_to(struct hv *hv, const struct hv_dominfo *dom, uint64_t *permille,
		       struct err *err)
{
	autofree uint32_t *vcpus = xcalloc(dom->nr_vcpus, sizeof(*vcpus));
	autofree struct hv_sched_rtds *s = xcalloc(dom->nr_vcpus, sizeof(*s));

	for (uint32_t i = 0; i < dom->nr_vcpus; i++)
		vcpus[i] = i;
	if (dom->nr_vcpus &&
	    hv_sched_rtds_vcpu_get(hv, dom->domid, vcpus, s, dom->nr_vcpus, err) < 0)
		return -1;
	for (uint32_t i = 0; i < dom->nr_vcpus; i++)
		if (s[i].period_us)
			*permille += (uint64_t)s[i].budget_us * 1000 / s[i].period_us;
	return 0;
}

/* Of all its vcpus, when they agree. Xen's answer for the domain is not it: that is the same for
 * every domain. */
static int rtds_of_all(struct hv *hv, const struct hv_dominfo *dom, struct vmm_sched_params *out,
		       struct err *err)
{
	autofree uint32_t *vcpus = xcalloc(dom->nr_vcpus + 1, sizeof(*vcpus));
	autofree struct hv_sched_rtds *s = xcalloc(dom->nr_vcpus + 1, sizeof(*s));

	for (uint32_t i = 0; i < dom->nr_vcpus; i++)
		vcpus[i] = i;
	if (dom->nr_vcpus == 0)
		return 0;
	if (hv_sched_rtds_vcpu_get(hv, dom->domid, vcpus, s, dom->nr_vcpus, err) < 0)
		return -1;
	for (uint32_t i = 1; i < dom->nr_vcpus; i++)
		if (s[i].period_us != s[0].period_us || s[i].budget_us != s[0].budget_us ||
		    s[i].extratime != s[0].extratime)
			return 0;
	out->has_rtds = true;
	out->rtds = (struct vmm_rtds){ s[0].period_us, s[0].budget_us, s[0].extratime };
	return 0;
}

int vmm_sched_params(struct vmm *vmm, uint32_t domid, struct vmm_sched_params *out, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	struct hv_sched_credit s;
	struct hv_cpupool pool;
	struct hv_dominfo dom;

	*out = (struct vmm_sched_params){ .has_credit = false };
	if (!hv || hv_domain_info(hv, domid, &dom, err) < 0 ||
	    hv_cpupool_info(hv, dom.cpupool, &pool, err) < 0)
		return -1;
	out->sched = (enum vmm_sched)pool.sched;
	if (pool.sched == HV_SCHED_RTDS)
		return rtds_of_all(hv, &dom, out, err);
	if (pool.sched != HV_SCHED_CREDIT && pool.sched != HV_SCHED_CREDIT2)
		return 0;
	if (hv_sched_credit_get(hv, domid, pool.sched, &s, err) < 0)
		return -1;
	out->has_credit = true;
	out->credit = (struct vmm_credit){ s.weight, s.cap };
	return 0;
}

int vmm_rtds_load(struct vmm *vmm, uint32_t pool_id, uint64_t *promised_permille, unsigned *nr_cpus,
		  struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	autofree struct hv_dominfo *list = NULL;
	struct hv_cpupool pool;
	size_t nr;

	if (!hv || hv_cpupool_info(hv, pool_id, &pool, err) < 0)
		return -1;
	if (pool.id != pool_id || pool.sched != HV_SCHED_RTDS)
		return err_set(err, EINVAL, "cpupool %" PRIu32 " does not run rtds", pool_id);
	if (hv_domain_list(hv, &list, &nr, err) < 0)
		return -1;
	*promised_permille = 0;
	*nr_cpus = bitmap_count(&pool.cpus);
	for (size_t i = 0; i < nr; i++)
		if (list[i].cpupool == pool_id && !list[i].is_dying &&
		    promised_to(hv, &list[i], promised_permille, err) < 0)
			return -1;
	return 0;
}
