// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The fake libxenctrl: schedulers and cpupools. A call for a scheduler that the domain's pool does
 * not run is refused, as Xen does.
 */
#include "tests/fake/model.h"

static struct fake_domain *scheduled_by(uint32_t domid, uint32_t sched)
{
	struct fake_domain *d = fake_domain_or_errno(domid);

	if (d && fake()->pools[d->pool].sched != sched) {
		errno = EINVAL;
		return NULL;
	}
	return d;
}

static struct fake_pool *pool_of(uint32_t id)
{
	if (id < FAKE_MAX_POOLS && fake()->pools[id].is_there)
		return &fake()->pools[id];
	errno = ENOENT;
	return NULL;
}

static struct fake_pool *pool_with(uint32_t id, uint32_t sched)
{
	struct fake_pool *p = pool_of(id);

	if (p && p->sched != sched) {
		errno = EINVAL;
		return NULL;
	}
	return p;
}

/* How a hypercall about whose parameters these are begins; o is that one from here on. */
#define OWNER_POINT(owner, o, found) \
	struct owner *o;             \
				     \
	POINT(-1);                   \
	o = found;                   \
	if (!o)                      \
		return -1

/* Each parameter block is read and written whole. `find` looks up whose it is by its number and the
 * scheduler. */
#define PARAMS(set, get, type, owner, find, sched, member, check)      \
	int set(xc_interface *xch, uint32_t id, struct type *s)        \
	{                                                              \
		OWNER_POINT(owner, o, find(id, sched));                \
		if (!(check))                                          \
			return fake_fail(EINVAL);                      \
		o->member = *s;                                        \
		return 0;                                              \
	}                                                              \
	int get(xc_interface *xch, uint32_t id, struct type *s)        \
	{                                                              \
		OWNER_POINT(owner, o, find(id, sched));                \
		*s = o->member;                                        \
		return 0;                                              \
	}

#define DOMAIN_PARAMS(name, type, sched, member, check)                              \
	PARAMS(xc_sched_##name##_domain_set, xc_sched_##name##_domain_get, type,     \
	       fake_domain, scheduled_by, sched, member, check)

DOMAIN_PARAMS(credit, xen_domctl_sched_credit, XEN_SCHEDULER_CREDIT, credit, s->weight > 0)
DOMAIN_PARAMS(credit2, xen_domctl_sched_credit2, XEN_SCHEDULER_CREDIT2, credit2, s->weight > 0)
DOMAIN_PARAMS(rtds, xen_domctl_sched_rtds, XEN_SCHEDULER_RTDS, rtds, s->budget > 0 && s->budget <= s->period)

#define POOL_PARAMS(name, type, sched, member)                                              \
	PARAMS(xc_sched_##name##_set, xc_sched_##name##_get, type, fake_pool, pool_with,    \
	       sched, member, true)

POOL_PARAMS(credit_params, xen_sysctl_credit_schedule, XEN_SCHEDULER_CREDIT, credit)
POOL_PARAMS(credit2_params, xen_sysctl_credit2_schedule, XEN_SCHEDULER_CREDIT2, credit2)
POOL_PARAMS(arinc653_schedule, xen_sysctl_arinc653_schedule, XEN_SCHEDULER_ARINC653, arinc)

int xc_sched_rtds_vcpu_set(xc_interface *xch, uint32_t domid,
			   struct xen_domctl_schedparam_vcpu *vcpus, uint32_t num_vcpus)
{
	struct fake_domain *d;

	POINT(-1);
	d = scheduled_by(domid, XEN_SCHEDULER_RTDS);
	if (!d)
		return -1;
	for (uint32_t i = 0; i < num_vcpus; i++) {
		if (vcpus[i].vcpuid >= d->nr_vcpus)
			return fake_fail(EINVAL);
		d->rtds = vcpus[i].u.rtds;
	}
	return 0;
}

int xc_sched_rtds_vcpu_get(xc_interface *xch, uint32_t domid,
			   struct xen_domctl_schedparam_vcpu *vcpus, uint32_t num_vcpus)
{
	struct fake_domain *d;

	POINT(-1);
	d = scheduled_by(domid, XEN_SCHEDULER_RTDS);
	if (!d)
		return -1;
	for (uint32_t i = 0; i < num_vcpus; i++)
		vcpus[i].u.rtds = d->rtds;
	return 0;
}

/* --- cpupools --------------------------------------------------------------------------------- */

static unsigned nr_domains_in(uint32_t pool)
{
	struct fake_domain *d;
	unsigned n = 0;

	list_for_each_entry(d, &fake()->domains, link)
		n += d->pool == pool;
	return n;
}

static void free_cpus(struct bitmap *b)
{
	bitmap_fill(b, fake_host.nr_cpus);
	for (unsigned i = 0; i < FAKE_MAX_POOLS; i++)
		if (fake()->pools[i].is_there)
			bitmap_andnot(b, &fake()->pools[i].cpus);
}

int xc_cpupool_create(xc_interface *xch, uint32_t *ppoolid, uint32_t sched_id)
{
	uint32_t id;

	POINT(-1);
	id = *ppoolid;
	for (uint32_t i = 1; id == XC_CPUPOOL_POOLID_ANY && i < FAKE_MAX_POOLS; i++)
		if (!fake()->pools[i].is_there)
			id = i;
	if (id >= FAKE_MAX_POOLS)
		return fake_fail(ENOSPC);
	if (fake()->pools[id].is_there)
		return fake_fail(EEXIST);
	if (sched_id < XEN_SCHEDULER_CREDIT || sched_id > XEN_SCHEDULER_NULL)
		return fake_fail(ENOENT);
	fake()->pools[id] = (struct fake_pool){ .is_there = true, .sched = sched_id };
	*ppoolid = id;
	return 0;
}

int xc_cpupool_destroy(xc_interface *xch, uint32_t poolid)
{
	struct fake_pool *p;

	POINT(-1);
	p = pool_of(poolid);
	if (!p)
		return -1;
	if (!bitmap_is_empty(&p->cpus) || nr_domains_in(poolid))
		return fake_fail(EBUSY);
	p->is_there = false;
	return 0;
}

int xc_cpupool_addcpu(xc_interface *xch, uint32_t poolid, int cpu)
{
	struct bitmap unused;
	struct fake_pool *p;

	POINT(-1);
	p = pool_of(poolid);
	if (!p)
		return -1;
	free_cpus(&unused);
	if (cpu < 0)
		cpu = bitmap_first(&unused);
	if (cpu < 0 || !bitmap_has(&unused, (unsigned)cpu))
		return fake_fail(cpu >= (int)fake_host.nr_cpus ? EINVAL : EBUSY);
	bitmap_set(&p->cpus, (unsigned)cpu);
	return 0;
}

int xc_cpupool_removecpu(xc_interface *xch, uint32_t poolid, int cpu)
{
	struct fake_pool *p;

	POINT(-1);
	p = pool_of(poolid);
	if (!p)
		return -1;
	if (cpu < 0)
		cpu = bitmap_first(&p->cpus);
	if (cpu < 0 || !bitmap_has(&p->cpus, (unsigned)cpu))
		return fake_fail(EINVAL);
	if (bitmap_count(&p->cpus) == 1 && nr_domains_in(poolid))
		return fake_fail(EBUSY);
	bitmap_clear(&p->cpus, (unsigned)cpu);
	return 0;
}

int xc_cpupool_movedomain(xc_interface *xch, uint32_t poolid, uint32_t domid)
{
	struct fake_domain *d;
	struct fake_pool *p;

	POINT(-1);
	d = fake_domain_or_errno(domid);
	p = d ? pool_of(poolid) : NULL;
	if (!p)
		return -1;
	if (bitmap_is_empty(&p->cpus) || d->is_dying)
		return fake_fail(EINVAL);
	d->pool = poolid;
	return 0;
}

static int pool_info(struct xen_sysctl_cpupool_op *op)
{
	uint32_t id = op->cpupool_id;

	while (id < FAKE_MAX_POOLS && !fake()->pools[id].is_there)
		id++;
	if (id >= FAKE_MAX_POOLS)
		return fake_fail(ENOENT);
	op->cpupool_id = id;
	op->sched_id = fake()->pools[id].sched;
	op->n_dom = nr_domains_in(id);
	bitmap_to_bytes(&fake()->pools[id].cpus, op->cpumap.bitmap.p, op->cpumap.nr_bits / 8);
	return 0;
}

int xc_sysctl(xc_interface *xch, struct xen_sysctl *op)
{
	struct bitmap unused;

	POINT(-1);
	if (op->cmd != XEN_SYSCTL_cpupool_op)
		return fake_fail(ENOSYS);
	if (op->u.cpupool_op.op == XEN_SYSCTL_CPUPOOL_OP_INFO)
		return pool_info(&op->u.cpupool_op);
	if (op->u.cpupool_op.op != XEN_SYSCTL_CPUPOOL_OP_FREEINFO)
		return fake_fail(ENOSYS);
	free_cpus(&unused);
	bitmap_to_bytes(&unused, op->u.cpupool_op.cpumap.bitmap.p,
			op->u.cpupool_op.cpumap.nr_bits / 8);
	return 0;
}
