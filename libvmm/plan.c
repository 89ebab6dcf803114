// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * xl-partition(5): the text of a plan, and whether it can be true on this host. Changes nothing;
 * that is partition.c's.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/internal.h"
#include "libvmm/plan.h"

#define PLAN_MAX 65536
#define PLAN_POOL0 "Pool-0"

static struct vmm_plan_pool *find_pool(const struct vmm_plan *p, const char *name)
{
	for (size_t i = 0; i < p->nr_pools; i++)
		if (str_eq(p->pools[i].name, name))
			return &p->pools[i];
	return NULL;
}

static const struct vmm_plan_guest *find_guest(const struct vmm_plan *p, const char *name)
{
	for (size_t i = 0; i < p->nr_guests; i++)
		if (str_eq(p->guests[i].name, name))
			return &p->guests[i];
	return NULL;
}

/* --- statements ------------------------------------------------------------------------------- */

/* pool NAME SCHEDULER PCPUS */
static int take_pool(struct vmm *vmm, struct vmm_plan *p, const struct strlist *w, struct err *err)
{
	struct vmm_plan_pool pool = { .name = NULL };

	if (w->n != 4)
		return err_set(err, EINVAL, "expected pool NAME SCHEDULER PCPUS");
	if (find_pool(p, w->v[1]) || str_eq(w->v[1], PLAN_POOL0))
		return err_set(err, EINVAL, "cpupool '%s' is there already", w->v[1]);
	if (vmm_sched_find(w->v[2], &pool.sched, err) < 0 ||
	    vmm_pcpus_parse(vmm, w->v[3], "pcpus", &pool.cpus, err) < 0)
		return -1;
	if (bitmap_is_empty(&pool.cpus))
		return err_set(err, EINVAL, "cpupool '%s' has no pcpus", w->v[1]);
	for (size_t i = 0; i < p->nr_pools; i++) {
		struct bitmap both = p->pools[i].cpus;

		bitmap_and(&both, &pool.cpus);
		if (!bitmap_is_empty(&both))
			return err_set(err, EINVAL, "pcpu %d is in cpupool '%s' already",
				       bitmap_first(&both), p->pools[i].name);
	}
	pool.name = xstrdup(w->v[1]);
	p->pools = xreallocarray(p->pools, p->nr_pools + 1, sizeof(*p->pools));
	p->pools[p->nr_pools++] = pool;
	return 0;
}

/* guest NAME POOL */
static int take_guest(struct vmm_plan *p, const struct strlist *w, struct err *err)
{
	if (w->n != 3)
		return err_set(err, EINVAL, "expected guest NAME POOL");
	if (find_guest(p, w->v[1]))
		return err_set(err, EINVAL, "guest '%s' is there already", w->v[1]);
	if (!find_pool(p, w->v[2]) && !str_eq(w->v[2], PLAN_POOL0))
		return err_set(err, EINVAL, "there is no cpupool '%s' in this plan", w->v[2]);
	if (str_eq(w->v[1], "Domain-0") && !str_eq(w->v[2], PLAN_POOL0))
		return err_set(err, EINVAL, "domain 0 stays in " PLAN_POOL0);
	p->guests = xreallocarray(p->guests, p->nr_guests + 1, sizeof(*p->guests));
	p->guests[p->nr_guests++] = (struct vmm_plan_guest){ xstrdup(w->v[1]), xstrdup(w->v[2]) };
	return 0;
}

/* pin GUEST VCPU PCPUS */
static int take_pin(struct vmm *vmm, struct vmm_plan *p, const struct strlist *w, struct err *err)
{
	struct vmm_plan_pin pin = { .vcpu = VMM_VCPU_ALL };
	const struct vmm_plan_guest *guest;
	const struct vmm_plan_pool *pool;

	if (w->n != 4)
		return err_set(err, EINVAL, "expected pin GUEST VCPU PCPUS");
	guest = find_guest(p, w->v[1]);
	if (!guest)
		return err_set(err, EINVAL, "no line 'guest %s POOL' comes before", w->v[1]);
	if (!str_eq(w->v[2], "all") && num_u32(w->v[2], 0, 1023, "vcpu", &pin.vcpu, err) < 0)
		return -1;
	if (vmm_pcpus_parse(vmm, w->v[3], "pcpus", &pin.cpus, err) < 0)
		return -1;
	if (bitmap_is_empty(&pin.cpus))
		return err_set(err, EINVAL, "no pcpu is left for it to run on");
	pool = find_pool(p, guest->pool);
	if (pool) {
		struct bitmap outside = pin.cpus;

		bitmap_andnot(&outside, &pool->cpus);
		if (!bitmap_is_empty(&outside))
			return err_set(err, EINVAL, "pcpu %d is not in cpupool '%s'",
				       bitmap_first(&outside), pool->name);
	}
	pin.guest = xstrdup(w->v[1]);
	p->pins = xreallocarray(p->pins, p->nr_pins + 1, sizeof(*p->pins));
	p->pins[p->nr_pins++] = pin;
	return 0;
}

/* exclusive PCPUS */
static int take_exclusive(struct vmm *vmm, struct vmm_plan *p, const struct strlist *w,
			  struct err *err)
{
	struct bitmap cpus;

	if (w->n != 2)
		return err_set(err, EINVAL, "expected exclusive PCPUS");
	if (vmm_pcpus_parse(vmm, w->v[1], "pcpus", &cpus, err) < 0)
		return -1;
	bitmap_or(&p->exclusive, &cpus);
	return 0;
}

static int take_line(struct vmm *vmm, struct vmm_plan *p, char *line, struct err *err)
{
	autostrlist struct strlist words = STRLIST_INIT;
	char *comment = strchr(line, '#'), *cursor = NULL;

	if (comment)
		*comment = '\0';
	for (char *w = strtok_r(line, " \t\r", &cursor); w; w = strtok_r(NULL, " \t\r", &cursor))
		strlist_add(&words, w);
	if (!words.n)
		return 0;
	if (str_eq(words.v[0], "pool"))
		return take_pool(vmm, p, &words, err);
	if (str_eq(words.v[0], "guest"))
		return take_guest(p, &words, err);
	if (str_eq(words.v[0], "pin"))
		return take_pin(vmm, p, &words, err);
	if (str_eq(words.v[0], "exclusive"))
		return take_exclusive(vmm, p, &words, err);
	return err_set(err, EINVAL, "'%s' is none of pool, guest, pin and exclusive", words.v[0]);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* An exclusive pcpu belongs to one vcpu, and a host needs a pcpu outside of all pools for
 * Pool-0. */
static int check_whole(struct vmm *vmm, const struct vmm_plan *p, struct err *err)
{
	unsigned nr_cpus, nr_nodes;
	struct bitmap left;

	if (vmm_host_size(vmm, &nr_cpus, &nr_nodes, err) < 0)
		return -1;
	bitmap_fill(&left, nr_cpus);
	for (size_t i = 0; i < p->nr_pools; i++)
		bitmap_andnot(&left, &p->pools[i].cpus);
	if (bitmap_is_empty(&left))
		return err_set(err, EINVAL,
			       "no pcpu is left for " PLAN_POOL0 ", where domain 0 is");
	for (int cpu = bitmap_first(&p->exclusive); cpu >= 0;
	     cpu = bitmap_next(&p->exclusive, cpu)) {
		unsigned owners = 0;

		for (size_t i = 0; i < p->nr_pins; i++)
			owners += bitmap_has(&p->pins[i].cpus, (unsigned)cpu);
		if (owners != 1)
			return err_set(
				err, EINVAL,
				"pcpu %d is to be exclusive, but %u lines pin something to it", cpu,
				owners);
	}
	return 0;
}

static int parse(struct vmm *vmm, const char *name, struct vmm_plan *p, struct err *err)
{
	autofree char *copy = xstrdup(p->text);
	unsigned nr = 0;
	char *next;

	for (char *line = copy; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		nr++;
		if (take_line(vmm, p, line, err) < 0)
			return err_wrap(err, "%s:%u", name, nr);
	}
	return check_whole(vmm, p, err) < 0 ? err_wrap(err, "%s", name) : 0;
}

int plan_read(struct vmm *vmm, const char *path, struct vmm_plan *out, struct err *err)
{
	memset(out, 0, sizeof(*out));
	if (file_read(path, PLAN_MAX, &out->text, NULL, err) < 0)
		return -1;
	if (parse(vmm, path, out, err) == 0)
		return 0;
	vmm_plan_free(out);
	return -1;
}

void vmm_plan_free(struct vmm_plan *plan)
{
	for (size_t i = 0; i < plan->nr_pools; i++)
		free(plan->pools[i].name);
	for (size_t i = 0; i < plan->nr_guests; i++) {
		free(plan->guests[i].name);
		free(plan->guests[i].pool);
	}
	for (size_t i = 0; i < plan->nr_pins; i++)
		free(plan->pins[i].guest);
	free(plan->pools);
	free(plan->guests);
	free(plan->pins);
	free(plan->text);
	memset(plan, 0, sizeof(*plan));
}
