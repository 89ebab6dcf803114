// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Hypercalls about schedulers and cpupools. Bounds and defaults of parameters are the callers' and
 * Xen's business.
 */
#include "base/mem.h"
#include "libvmm/hv.h"
#include "libvmm/hv_call.h"

/* --- parameters of a domain ------------------------------------------------------------------- */

int hv_sched_credit_get(struct hv *hv, uint32_t domid, enum hv_sched sched,
			struct hv_sched_credit *out, struct err *err)
{
	if (sched == HV_SCHED_CREDIT) {
		struct xen_domctl_sched_credit s = { 0 };

		if (hv_done(hv, xc_sched_credit_domain_get(hv->xc, domid, &s), err,
			    "sched_credit_get", domid, NULL) < 0)
			return -1;
		*out = (struct hv_sched_credit){ s.weight, s.cap };
	} else {
		struct xen_domctl_sched_credit2 s = { 0 };

		if (hv_done(hv, xc_sched_credit2_domain_get(hv->xc, domid, &s), err,
			    "sched_credit2_get", domid, NULL) < 0)
			return -1;
		*out = (struct hv_sched_credit){ s.weight, s.cap };
	}
	return 0;
}

int hv_sched_credit_set(struct hv *hv, uint32_t domid, enum hv_sched sched,
			const struct hv_sched_credit *in, struct err *err)
{
	struct xen_domctl_sched_credit credit = { .weight = in->weight, .cap = in->cap };
	struct xen_domctl_sched_credit2 credit2 = { .weight = in->weight, .cap = in->cap };

	if (in->weight > UINT16_MAX || in->cap > UINT16_MAX)
		return err_set(err, EINVAL, "weight %u or cap %u is out of range (0 to 65535)",
			       in->weight, in->cap);
	if (sched == HV_SCHED_CREDIT)
		return hv_done(hv, xc_sched_credit_domain_set(hv->xc, domid, &credit), err,
			       "sched_credit_set", domid, "weight=%u cap=%u", in->weight, in->cap);
	return hv_done(hv, xc_sched_credit2_domain_set(hv->xc, domid, &credit2), err,
		       "sched_credit2_set", domid, "weight=%u cap=%u", in->weight, in->cap);
}

int hv_sched_credit_params_get(struct hv *hv, uint32_t pool, enum hv_sched sched,
			       struct hv_sched_credit_params *out, struct err *err)
{
	struct xen_sysctl_credit_schedule credit = { 0 };
	struct xen_sysctl_credit2_schedule credit2 = { 0 };

	*out = (struct hv_sched_credit_params){ 0 };
	if (sched == HV_SCHED_CREDIT) {
		if (hv_done(hv, xc_sched_credit_params_get(hv->xc, pool, &credit), err,
			    "sched_credit_params_get", HV_HOST, "pool=%u", pool) < 0)
			return -1;
		*out = (struct hv_sched_credit_params){ credit.tslice_ms, credit.ratelimit_us,
							credit.vcpu_migr_delay_us };
		return 0;
	}
	if (hv_done(hv, xc_sched_credit2_params_get(hv->xc, pool, &credit2), err,
		    "sched_credit2_params_get", HV_HOST, "pool=%u", pool) < 0)
		return -1;
	out->ratelimit_us = credit2.ratelimit_us;
	return 0;
}

int hv_sched_credit_params_set(struct hv *hv, uint32_t pool, enum hv_sched sched,
			       const struct hv_sched_credit_params *in, struct err *err)
{
	struct xen_sysctl_credit_schedule credit = { in->tslice_ms, in->ratelimit_us,
						     in->migration_delay_us };
	struct xen_sysctl_credit2_schedule credit2 = { in->ratelimit_us };

	if (sched == HV_SCHED_CREDIT)
		return hv_done(hv, xc_sched_credit_params_set(hv->xc, pool, &credit), err,
			       "sched_credit_params_set", HV_HOST,
			       "pool=%u tslice_ms=%u ratelimit_us=%u", pool, in->tslice_ms,
			       in->ratelimit_us);
	return hv_done(hv, xc_sched_credit2_params_set(hv->xc, pool, &credit2), err,
		       "sched_credit2_params_set", HV_HOST, "pool=%u ratelimit_us=%u", pool,
		       in->ratelimit_us);
}

static void rtds_from(struct hv_sched_rtds *out, const struct xen_domctl_sched_rtds *in)
{
	*out = (struct hv_sched_rtds){ in->period, in->budget,
				       in->flags & XEN_DOMCTL_SCHEDRT_extra };
}

static struct xen_domctl_sched_rtds rtds_to(const struct hv_sched_rtds *in)
{
	return (struct xen_domctl_sched_rtds){
		.period = in->period_us,
		.budget = in->budget_us,
		.flags = in->extratime ? XEN_DOMCTL_SCHEDRT_extra : 0,
	};
}

int hv_sched_rtds_get(struct hv *hv, uint32_t domid, struct hv_sched_rtds *out, struct err *err)
{
	struct xen_domctl_sched_rtds s = { 0 };

	if (hv_done(hv, xc_sched_rtds_domain_get(hv->xc, domid, &s), err, "sched_rtds_get", domid,
		    NULL) < 0)
		return -1;
	rtds_from(out, &s);
	return 0;
}

int hv_sched_rtds_vcpu_get(struct hv *hv, uint32_t domid, const uint32_t *vcpus,
			   struct hv_sched_rtds *out, unsigned nr, struct err *err)
{
	autofree struct xen_domctl_schedparam_vcpu *params = xcalloc(nr, sizeof(*params));

	for (unsigned i = 0; i < nr; i++)
		params[i].vcpuid = vcpus[i];
	if (hv_done(hv, xc_sched_rtds_vcpu_get(hv->xc, domid, params, nr), err,
		    "sched_rtds_vcpu_get", domid, "%u vcpus", nr) < 0)
		return -1;
	for (unsigned i = 0; i < nr; i++)
		rtds_from(&out[i], &params[i].u.rtds);
	return 0;
}

int hv_sched_rtds_vcpu_set(struct hv *hv, uint32_t domid, const uint32_t *vcpus,
			   const struct hv_sched_rtds *in, unsigned nr, struct err *err)
{
	autofree struct xen_domctl_schedparam_vcpu *params = xcalloc(nr, sizeof(*params));

	for (unsigned i = 0; i < nr; i++) {
		params[i].vcpuid = vcpus[i];
		params[i].u.rtds = rtds_to(&in[i]);
	}
	return hv_done(hv, xc_sched_rtds_vcpu_set(hv->xc, domid, params, nr), err,
		       "sched_rtds_vcpu_set", domid, "%u vcpus", nr);
}

/* --- ARINC 653 -------------------------------------------------------------------------------- */

_Static_assert(HV_ARINC653_MAX == ARINC653_MAX_DOMAINS_PER_SCHEDULE, "Xen's table");

int hv_arinc653_get(struct hv *hv, uint32_t pool, struct hv_arinc653_schedule *out, struct err *err)
{
	struct xen_sysctl_arinc653_schedule s;

	memset(&s, 0, sizeof(s));
	if (hv_done(hv, xc_sched_arinc653_schedule_get(hv->xc, pool, &s), err, "arinc653_get",
		    HV_HOST, "pool=%u", pool) < 0)
		return -1;
	*out = (struct hv_arinc653_schedule){ .major_frame_ns = s.major_frame };
	out->nr = s.num_sched_entries < HV_ARINC653_MAX ? s.num_sched_entries : HV_ARINC653_MAX;
	for (unsigned i = 0; i < out->nr; i++) {
		memcpy(out->entries[i].uuid, s.sched_entries[i].dom_handle, HV_UUID_LEN);
		out->entries[i].vcpu = s.sched_entries[i].vcpu_id;
		out->entries[i].runtime_ns = s.sched_entries[i].runtime;
	}
	return 0;
}

int hv_arinc653_set(struct hv *hv, uint32_t pool, const struct hv_arinc653_schedule *in,
		    struct err *err)
{
	struct xen_sysctl_arinc653_schedule s;

	if (in->nr > HV_ARINC653_MAX)
		return err_set(err, EINVAL, "an ARINC 653 schedule has at most %d entries, not %u",
			       HV_ARINC653_MAX, in->nr);
	memset(&s, 0, sizeof(s));
	s.major_frame = in->major_frame_ns;
	s.num_sched_entries = in->nr;
	for (unsigned i = 0; i < in->nr; i++) {
		memcpy(s.sched_entries[i].dom_handle, in->entries[i].uuid, HV_UUID_LEN);
		s.sched_entries[i].vcpu_id = in->entries[i].vcpu;
		s.sched_entries[i].runtime = in->entries[i].runtime_ns;
	}
	return hv_done(hv, xc_sched_arinc653_schedule_set(hv->xc, pool, &s), err, "arinc653_set",
		       HV_HOST, "pool=%u entries=%u", pool, in->nr);
}

/* --- cpupools --------------------------------------------------------------------------------- */

#define MAP_BYTES (BITMAP_BITS / 8)

/* libxenctrl's own calls first ask for the number of pcpus; a map of fixed size does as well. */
static int cpupool_map_op(struct hv *hv, const char *call, struct xen_sysctl_cpupool_op *pool,
			  struct bitmap *cpus, struct err *err)
{
	DECLARE_HYPERCALL_BUFFER(uint8_t, map);
	struct xen_sysctl op = { .cmd = XEN_SYSCTL_cpupool_op };
	int r;

	map = xc_hypercall_buffer_alloc(hv->xc, map, MAP_BYTES);
	if (!map)
		return err_set(err, ENOMEM, "no memory for a hypercall buffer");
	memset(map, 0, MAP_BYTES);
	op.u.cpupool_op = *pool;
	set_xen_guest_handle_raw(op.u.cpupool_op.cpumap.bitmap, map);
	op.u.cpupool_op.cpumap.nr_bits = BITMAP_BITS;
	r = hv_done(hv, xc_sysctl(hv->xc, &op), err, call, HV_HOST, "pool=%u", pool->cpupool_id);
	if (r == 0) {
		*pool = op.u.cpupool_op;
		bitmap_from_bytes(cpus, map, MAP_BYTES);
	}
	xc_hypercall_buffer_free(hv->xc, map);
	return r;
}

int hv_cpupool_info(struct hv *hv, uint32_t id, struct hv_cpupool *out, struct err *err)
{
	struct xen_sysctl_cpupool_op op = { .op = XEN_SYSCTL_CPUPOOL_OP_INFO, .cpupool_id = id };

	if (cpupool_map_op(hv, "cpupool_info", &op, &out->cpus, err) < 0)
		return -1;
	out->id = op.cpupool_id;
	out->sched = op.sched_id;
	out->nr_domains = op.n_dom;
	return 0;
}

int hv_cpupool_free_cpus(struct hv *hv, struct bitmap *cpus, struct err *err)
{
	struct xen_sysctl_cpupool_op op = { .op = XEN_SYSCTL_CPUPOOL_OP_FREEINFO };

	return cpupool_map_op(hv, "cpupool_freeinfo", &op, cpus, err);
}

int hv_cpupool_create(struct hv *hv, enum hv_sched sched, uint32_t *id, struct err *err)
{
	return hv_done(hv, xc_cpupool_create(hv->xc, id, sched), err, "cpupool_create", HV_HOST,
		       "sched=%u", (unsigned)sched);
}

int hv_cpupool_destroy(struct hv *hv, uint32_t id, struct err *err)
{
	return hv_done(hv, xc_cpupool_destroy(hv->xc, id), err, "cpupool_destroy", HV_HOST,
		       "pool=%u", id);
}

int hv_cpupool_add_cpu(struct hv *hv, uint32_t id, int cpu, struct err *err)
{
	return hv_done(hv, xc_cpupool_addcpu(hv->xc, id, cpu), err, "cpupool_addcpu", HV_HOST,
		       "pool=%u cpu=%d", id, cpu);
}

int hv_cpupool_remove_cpu(struct hv *hv, uint32_t id, int cpu, struct err *err)
{
	return hv_done(hv, xc_cpupool_removecpu(hv->xc, id, cpu), err, "cpupool_removecpu", HV_HOST,
		       "pool=%u cpu=%d", id, cpu);
}

int hv_cpupool_move_domain(struct hv *hv, uint32_t id, uint32_t domid, struct err *err)
{
	return hv_done(hv, xc_cpupool_movedomain(hv->xc, id, domid), err, "cpupool_movedomain",
		       domid, "pool=%u", id);
}
