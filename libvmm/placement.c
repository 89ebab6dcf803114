// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which vcpu may run on which pcpu: as it is, and as it would be under a plan of static
 * partitioning. Looks, and changes nothing.
 */
#include <string.h>
#include "base/str.h"
#include "libvmm/placement.h"

/* --- how things are --------------------------------------------------------------------------- */

void placement_free(struct placement_state *s)
{
	for (size_t i = 0; i < s->nr_domains; i++) {
		free(s->domains[i].name);
		free(s->domains[i].vcpus);
	}
	free(s->domains);
	vmm_cpupools_free(s->pools, s->nr_pools);
}

static int add_domain(struct vmm *vmm, struct placement_state *s, const struct vmm_dominfo *info,
		      char *take_name, struct err *err)
{
	struct domain_state *d;

	s->domains = xreallocarray(s->domains, s->nr_domains + 1, sizeof(*s->domains));
	d = &s->domains[s->nr_domains++];
	*d = (struct domain_state){ .info = *info, .name = take_name };
	return vmm_vcpu_list(vmm, info->domid, &d->vcpus, &d->nr_vcpus, err);
}

int placement_take(struct vmm *vmm, struct placement_state *s, struct err *err)
{
	autofree struct vmm_dominfo *list = NULL;
	autofree char **names = NULL;
	size_t nr;
	int ret = 0;

	memset(s, 0, sizeof(*s));
	if (vmm_cpupool_list(vmm, &s->pools, &s->nr_pools, err) < 0 ||
	    vmm_domain_list(vmm, &list, &nr, err) < 0)
		return -1;
	names = xcalloc(nr, sizeof(*names));
	if (vmm_domain_names(vmm, list, nr, names, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++) {
		if (list[i].is_dying || ret < 0)
			free(names[i]);
		else
			ret = add_domain(vmm, s, &list[i], names[i], err);
	}
	return ret;
}

const struct vmm_cpupool *placement_pool(const struct placement_state *s, const char *name)
{
	for (size_t i = 0; i < s->nr_pools; i++)
		if (str_eq(s->pools[i].name, name))
			return &s->pools[i];
	return NULL;
}

static const struct vmm_cpupool *pool_of(const struct placement_state *s, uint32_t id)
{
	for (size_t i = 0; i < s->nr_pools; i++)
		if (s->pools[i].id == id)
			return &s->pools[i];
	return NULL;
}

/* --- rows ------------------------------------------------------------------------------------- */

struct rows { struct vmm_placement *v; size_t nr; };

static struct vmm_placement *add_row(struct rows *rows, const char *name, const char *pool,
				     const struct bitmap *cpus)
{
	struct vmm_placement *row;

	rows->v = xreallocarray(rows->v, rows->nr + 1, sizeof(*rows->v));
	row = &rows->v[rows->nr++];
	*row = (struct vmm_placement){ .name = xstrdup(name ? name : "?"),
				       .pool = xstrdup(pool),
				       .domid = UINT32_MAX,
				       .vcpu = VMM_VCPU_ALL,
				       .cpus = *cpus };
	return row;
}

static void add_vcpu(struct rows *rows, const struct domain_state *d, size_t v, const char *pool,
		     const struct bitmap *cpus)
{
	struct vmm_placement *row = add_row(rows, d->name, pool, cpus);

	row->domid = d->info.domid;
	row->vcpu = (uint32_t)v;
	row->is_online = d->vcpus[v].is_online;
	row->pcpu = d->vcpus[v].pcpu;
}

void vmm_placement_free(struct vmm_placement *list, size_t nr)
{
	for (size_t i = 0; list && i < nr; i++) {
		free(list[i].name);
		free(list[i].pool);
	}
	free(list);
}

int vmm_placement(struct vmm *vmm, struct vmm_placement **out, size_t *nr, struct err *err)
{
	autostate struct placement_state s;
	struct rows rows = { NULL, 0 };

	if (placement_take(vmm, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.nr_domains; i++) {
		const struct domain_state *d = &s.domains[i];
		const struct vmm_cpupool *pool = pool_of(&s, d->info.cpupool);

		for (size_t v = 0; v < d->nr_vcpus; v++) {
			struct bitmap cpus = d->vcpus[v].hard;

			if (pool)
				bitmap_and(&cpus, &pool->cpus);
			add_vcpu(&rows, d, v, pool ? pool->name : "?", &cpus);
		}
	}
	*out = rows.v;
	*nr = rows.nr;
	return 0;
}

/* --- as a plan would have it ------------------------------------------------------------------ */

static const struct vmm_plan_guest *planned_guest(const struct vmm_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->nr_guests; i++)
		if (str_eq(plan->guests[i].name, name))
			return &plan->guests[i];
	return NULL;
}

/* A later line overrides an earlier one, as carrying them out in order does. */
static const struct vmm_plan_pin *planned_pin(const struct vmm_plan *plan, const char *name,
					      uint32_t vcpu)
{
	const struct vmm_plan_pin *found = NULL;

	for (size_t i = 0; i < plan->nr_pins; i++)
		if (str_eq(plan->pins[i].guest, name) &&
		    (plan->pins[i].vcpu == VMM_VCPU_ALL || plan->pins[i].vcpu == vcpu))
			found = &plan->pins[i];
	return found;
}

/* The plan's pools are as it says, Pool-0 has what they leave, others stay what they are. */
static struct bitmap planned_cpus(const struct vmm_plan *plan, const struct placement_state *s,
				  const char *name)
{
	const struct vmm_cpupool *there = placement_pool(s, name);
	struct bitmap cpus;

	for (size_t i = 0; i < plan->nr_pools; i++)
		if (str_eq(plan->pools[i].name, name))
			return plan->pools[i].cpus;
	bitmap_zero(&cpus);
	if (there)
		cpus = there->cpus;
	for (size_t i = 0; i < plan->nr_pools; i++)
		bitmap_andnot(&cpus, &plan->pools[i].cpus);
	return cpus;
}

static void plan_domain(struct rows *rows, const struct vmm_plan *plan,
			const struct placement_state *s, const struct domain_state *d)
{
	const struct vmm_cpupool *now = pool_of(s, d->info.cpupool);
	const struct vmm_plan_guest *guest = planned_guest(plan, d->name);
	const char *pool = guest ? guest->pool : now ? now->name : "?";
	struct bitmap room = planned_cpus(plan, s, pool);
	bool moves = now && !str_eq(now->name, pool);

	for (size_t v = 0; v < d->nr_vcpus; v++) {
		const struct vmm_plan_pin *pin = planned_pin(plan, d->name, (uint32_t)v);
		struct bitmap cpus = room;

		if (pin)
			bitmap_and(&cpus, &pin->cpus);
		else if (!moves)	/* Xen forgets the affinity of a domain that moves */
			bitmap_and(&cpus, &d->vcpus[v].hard);
		if (!pin)
			bitmap_andnot(&cpus, &plan->exclusive);
		add_vcpu(rows, d, v, pool, &cpus);
	}
}

/* A guest that does not run has the vcpus that are pinned, as far as anybody knows. */
static void plan_absent(struct rows *rows, const struct vmm_plan *plan,
			const struct placement_state *s, const struct vmm_plan_guest *guest)
{
	struct bitmap room = planned_cpus(plan, s, guest->pool);
	bool is_pinned = false;

	for (size_t i = 0; i < plan->nr_pins; i++) {
		struct bitmap cpus = plan->pins[i].cpus;

		if (!str_eq(plan->pins[i].guest, guest->name))
			continue;
		is_pinned = true;
		bitmap_and(&cpus, &room);
		add_row(rows, guest->name, guest->pool, &cpus)->vcpu = plan->pins[i].vcpu;
	}
	bitmap_andnot(&room, &plan->exclusive);
	if (!is_pinned)
		add_row(rows, guest->name, guest->pool, &room);
}

int vmm_plan_placement(struct vmm *vmm, const struct vmm_plan *plan, struct vmm_placement **out,
		       size_t *nr, struct err *err)
{
	autostate struct placement_state s;
	struct rows rows = { NULL, 0 };

	if (placement_take(vmm, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < s.nr_domains; i++)
		plan_domain(&rows, plan, &s, &s.domains[i]);
	for (size_t g = 0; g < plan->nr_guests; g++) {
		bool runs = false;

		for (size_t i = 0; i < s.nr_domains; i++)
			runs |= str_eq(s.domains[i].name, plan->guests[g].name);
		if (!runs)
			plan_absent(&rows, plan, &s, &plan->guests[g]);
	}
	*out = rows.v;
	*nr = rows.nr;
	return 0;
}
