// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Carrying out a plan of static partitioning (plan.c), all of it or nothing: how things were is
 * taken down first, and a step that fails leads back there. The plan in force is a file that ends
 * with the boot, so that guests which start later find their place.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/cpupool.h"
#include "libvmm/partition.h"
#include "libvmm/placement.h"
#include "libvmm/plan.h"

char *partition_path(void)
{
	return str_printf("%s/partition", file_own_dir(XEN_RUN_DIR));
}

int vmm_plan_load(struct vmm *vmm, const char *path, struct vmm_plan *out, struct err *err)
{
	autofree char *in_force = partition_path();

	return plan_read(vmm, path ? path : in_force, out, err);
}

/* --- back ------------------------------------------------------------------------------------- */

static void pins_back(struct vmm *vmm, const struct domain_state *d)
{
	struct err ignored = ERR_INIT;

	for (size_t v = 0; v < d->nr_vcpus; v++)
		if (vmm_vcpu_pin(vmm, d->info.domid, (uint32_t)v, &d->vcpus[v].hard,
				 &d->vcpus[v].soft, false, &ignored) < 0)
			err_clear(&ignored);
}

static void domain_back(struct vmm *vmm, const struct domain_state *d)
{
	struct err ignored = ERR_INIT;

	if (vmm_cpupool_move_domain(vmm, d->info.domid, d->info.cpupool, &ignored) < 0)
		err_clear(&ignored);
	pins_back(vmm, d);
}

/* A pool's pcpus as they were; others must have given them up. */
static void pool_back(struct vmm *vmm, const struct vmm_cpupool *pool)
{
	struct err ignored = ERR_INIT;
	struct bitmap unused;

	if (vmm_cpupool_free_cpus(vmm, &unused, &ignored) < 0)
		return;
	bitmap_and(&unused, &pool->cpus);
	if (!bitmap_is_empty(&unused) && vmm_cpupool_add_cpus(vmm, pool->id, &unused, &ignored) < 0)
		err_clear(&ignored);
}

/* To the state taken down: domains leave pools that were not there, those pools go, pcpus return,
 * affinities follow. A pool that cannot go is told; it is in nobody's way but keeps its pcpus, and
 * applying the plan again finds it. */
static void go_back(struct vmm *vmm, const struct placement_state *before, struct err *err)
{
	struct err ignored = ERR_INIT;
	struct vmm_cpupool *now;
	size_t nr;

	for (size_t i = 0; i < before->nr_domains; i++)
		domain_back(vmm, &before->domains[i]);
	if (vmm_cpupool_list(vmm, &now, &nr, &ignored) < 0)
		return;
	for (size_t i = 0; i < nr; i++)
		if (!placement_pool(before, now[i].name) &&
		    vmm_cpupool_destroy(vmm, now[i].id, false, &ignored) < 0) {
			err_append(err, "cpupool '%s' is left over: %s", now[i].name, ignored.msg);
			err_clear(&ignored);
		}
	vmm_cpupools_free(now, nr);
	for (size_t i = 0; i < before->nr_pools; i++)
		pool_back(vmm, &before->pools[i]);
	for (size_t i = 0; i < before->nr_domains; i++)
		domain_back(vmm, &before->domains[i]);
}

/* --- there ------------------------------------------------------------------------------------ */

static int make_pool(struct vmm *vmm, const struct placement_state *before,
		     const struct vmm_plan_pool *want, struct err *err)
{
	const struct vmm_cpupool *there = placement_pool(before, want->name);
	struct vmm_cpupool_config cfg = { want->name, true, true, want->sched, want->cpus };
	struct bitmap taken;
	uint32_t pool;

	if (there && there->sched == want->sched && bitmap_equal(&there->cpus, &want->cpus))
		return 0;
	if (there)
		return err_set(err, EEXIST,
			       "cpupool '%s' is there and is another; 'xl partition clear' or "
			       "destroy it first",
			       want->name);
	if (vmm_cpupool_free_cpus(vmm, &taken, err) < 0)
		return -1;
	/* Only Pool-0 gives: what belongs to somebody else's pool stays there, and creating fails
	 * with its name. */
	struct bitmap from_pool0 = want->cpus;

	bitmap_andnot(&from_pool0, &taken);
	bitmap_and(&from_pool0, &before->pools[0].cpus);
	if (!bitmap_is_empty(&from_pool0) &&
	    vmm_cpupool_remove_cpus(vmm, 0, &from_pool0, false, err) < 0)
		return -1;
	return vmm_cpupool_create(vmm, &cfg, &pool, err);
}

static bool is_pinned(const struct vmm_plan *plan, const char *name, uint32_t vcpu)
{
	for (size_t i = 0; i < plan->nr_pins; i++)
		if (str_eq(plan->pins[i].guest, name) &&
		    (plan->pins[i].vcpu == VMM_VCPU_ALL || plan->pins[i].vcpu == vcpu))
			return true;
	return false;
}

/* The vcpus that the plan does not pin keep off the exclusive pcpus. */
static int keep_off(struct vmm *vmm, const struct vmm_plan *plan, uint32_t domid, const char *name,
		    struct err *err)
{
	autofree struct vmm_vcpuinfo *vcpus = NULL;
	size_t nr;

	if (bitmap_is_empty(&plan->exclusive))
		return 0;
	if (vmm_vcpu_list(vmm, domid, &vcpus, &nr, err) < 0)
		return -1;
	for (size_t v = 0; v < nr; v++) {
		struct bitmap hard = vcpus[v].hard;

		if (is_pinned(plan, name, (uint32_t)v))
			continue;
		bitmap_andnot(&hard, &plan->exclusive);
		if (!bitmap_equal(&hard, &vcpus[v].hard) &&
		    vmm_vcpu_pin(vmm, domid, (uint32_t)v, &hard, NULL, false, err) < 0)
			return -1;
	}
	return 0;
}

/* One domain takes its place. */
static int place(struct vmm *vmm, const struct vmm_plan *plan, uint32_t domid, const char *name,
		 struct err *err)
{
	for (size_t i = 0; i < plan->nr_guests; i++) {
		uint32_t pool = 0;

		if (!str_eq(plan->guests[i].name, name))
			continue;
		if (vmm_cpupool_find(vmm, plan->guests[i].pool, &pool, err) < 0 ||
		    vmm_cpupool_move_domain(vmm, domid, pool, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < plan->nr_pins; i++)
		if (str_eq(plan->pins[i].guest, name) &&
		    vmm_vcpu_pin(vmm, domid, plan->pins[i].vcpu, &plan->pins[i].cpus, NULL, false,
				 err) < 0)
			return -1;
	return keep_off(vmm, plan, domid, name, err);
}

static int carry_out(struct vmm *vmm, const struct vmm_plan *plan,
		     const struct placement_state *before, struct err *err)
{
	autofree char *path = partition_path();

	for (size_t i = 0; i < plan->nr_pools; i++)
		if (make_pool(vmm, before, &plan->pools[i], err) < 0)
			return -1;
	for (size_t i = 0; i < before->nr_domains; i++)
		if (place(vmm, plan, before->domains[i].info.domid, before->domains[i].name, err) <
		    0)
			return -1;
	return file_write_atomic(path, plan->text, strlen(plan->text), 0644, err);
}

int vmm_plan_apply(struct vmm *vmm, const struct vmm_plan *plan, struct err *err)
{
	autostate struct placement_state before;

	if (placement_take(vmm, &before, err) < 0)
		return -1;
	if (carry_out(vmm, plan, &before, err) == 0)
		return 0;
	err_wrap(err, "applying the partition");
	go_back(vmm, &before, err);
	return -1;
}

int partition_pool(struct vmm *vmm, const char *name, char **pool, struct err *err)
{
	autofree char *path = partition_path();
	struct vmm_plan plan;

	*pool = NULL;
	if (access(path, F_OK) < 0)
		return 0;
	if (plan_read(vmm, path, &plan, err) < 0)
		return -1;
	for (size_t i = 0; i < plan.nr_guests; i++)
		if (str_eq(plan.guests[i].name, name))
			*pool = xstrdup(plan.guests[i].pool);
	vmm_plan_free(&plan);
	return 0;
}

int partition_join(struct vmm *vmm, uint32_t domid, const char *name, struct err *err)
{
	autofree char *path = partition_path();
	struct vmm_plan plan;
	int ret;

	if (access(path, F_OK) < 0)
		return 0;
	if (plan_read(vmm, path, &plan, err) < 0)
		return -1;
	ret = place(vmm, &plan, domid, name, err);
	vmm_plan_free(&plan);
	return ret < 0 ? err_wrap(err, "its place in the partition (%s)", path) : 0;
}

/* --- and away --------------------------------------------------------------------------------- */

/* Its pools go, their pcpus to Pool-0. */
static int pools_away(struct vmm *vmm, const struct vmm_plan *plan, const struct placement_state *s,
		      struct err *err)
{
	struct bitmap back;

	bitmap_zero(&back);
	for (size_t i = 0; i < plan->nr_pools; i++) {
		const struct vmm_cpupool *there = placement_pool(s, plan->pools[i].name);

		if (!there)
			continue;
		if (vmm_cpupool_destroy(vmm, there->id, false, err) < 0)
			return -1;
		bitmap_or(&back, &there->cpus);
	}
	return bitmap_is_empty(&back) ? 0 : vmm_cpupool_add_cpus(vmm, 0, &back, err);
}

static bool is_in_plans_pool(const struct vmm_plan *plan, const struct placement_state *s,
			     const struct domain_state *d)
{
	for (size_t i = 0; i < plan->nr_pools; i++) {
		const struct vmm_cpupool *there = placement_pool(s, plan->pools[i].name);

		if (there && there->id == d->info.cpupool)
			return true;
	}
	return false;
}

/* What the plan pinned or kept off somewhere; other people's pools are left alone. */
static bool is_bound(const struct vmm_plan *plan, const struct placement_state *s,
		     const struct domain_state *d)
{
	if (is_in_plans_pool(plan, s, d) ||
	    (d->info.cpupool == 0 && !bitmap_is_empty(&plan->exclusive)))
		return true;
	for (size_t i = 0; i < plan->nr_pins; i++)
		if (str_eq(plan->pins[i].guest, d->name))
			return true;
	return false;
}

static int set_free(struct vmm *vmm, const struct vmm_plan *plan, const struct placement_state *s,
		    struct err *err)
{
	struct bitmap all;
	unsigned nr_cpus, nr_nodes;

	/* Before anything is moved: all of it or nothing. */
	for (size_t i = 0; i < plan->nr_pools; i++)
		if (placement_pool(s, plan->pools[i].name) &&
		    cpupool_check_shrinkable(vmm, plan->pools[i].sched, err) < 0)
			return err_wrap(err, "cpupool '%s'", plan->pools[i].name);
	if (vmm_host_size(vmm, &nr_cpus, &nr_nodes, err) < 0)
		return -1;
	for (size_t i = 0; i < s->nr_domains; i++)
		if (is_in_plans_pool(plan, s, &s->domains[i]) &&
		    vmm_cpupool_move_domain(vmm, s->domains[i].info.domid, 0, err) < 0)
			return -1;
	if (pools_away(vmm, plan, s, err) < 0)
		return -1;
	/* Last, because Xen keeps of an affinity what the pool has. */
	bitmap_fill(&all, nr_cpus);
	for (size_t i = 0; i < s->nr_domains; i++)
		if (is_bound(plan, s, &s->domains[i]) &&
		    vmm_vcpu_pin(vmm, s->domains[i].info.domid, VMM_VCPU_ALL, &all, NULL, false,
				 err) < 0)
			return -1;
	return 0;
}

/* It could not be cleared: then it stays in force as a whole. */
static void stay(struct vmm *vmm, const struct vmm_plan *plan, const struct placement_state *before)
{
	struct err ignored = ERR_INIT;
	autostate struct placement_state now;

	if (placement_take(vmm, &now, &ignored) < 0 || carry_out(vmm, plan, &now, &ignored) < 0)
		return;
	for (size_t i = 0; i < before->nr_domains; i++)
		pins_back(vmm, &before->domains[i]);
}

int vmm_plan_clear(struct vmm *vmm, struct err *err)
{
	autofree char *path = partition_path();
	autostate struct placement_state s = { NULL, NULL, 0, 0 };
	struct vmm_plan plan;
	int ret;

	if (plan_read(vmm, path, &plan, err) < 0)
		return err->code == ENOENT ? err_set(err, ENOENT, "no partition is in force") : -1;
	ret = placement_take(vmm, &s, err);
	if (ret == 0 && (ret = set_free(vmm, &plan, &s, err)) < 0)
		stay(vmm, &plan, &s);
	vmm_plan_free(&plan);
	if (ret == 0 && unlink(path) < 0)
		ret = err_set(err, errno, "%s: %s", path, strerror(errno));
	return ret < 0 ? err_wrap(err, "clearing the partition") : 0;
}
