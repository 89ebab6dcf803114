// SPDX-License-Identifier: LGPL-2.1-or-later
/* Boot-time cpupools. Pcpus are numbered as Xen numbers them: in the order of the board's tree. */
#include "libvmm/boot_pools.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "libvmm/boot_keys.h"

static int use_cpu(struct boot_pools *p, const struct vmm_cpupool_config *cfg, int cpu,
		   uint32_t *phandle, struct err *err)
{
	struct boot_cpu *c;

	if ((size_t)cpu >= p->nr_cpus)
		return err_set(err, ENOENT, "pool '%s': pcpu %d: the board has %zu", cfg->name, cpu,
			       p->nr_cpus);
	c = &p->cpus[cpu];
	if (c->is_used)
		return err_set(err, EBUSY, "pool '%s': pcpu %d is in another pool already",
			       cfg->name, cpu);
	c->is_used = true;
	c->is_new = !c->phandle;
	if (c->is_new)
		c->phandle = (*phandle)++;
	return 0;
}

static int check_pool(struct boot_pools *p, size_t i, uint32_t *phandle, struct err *err)
{
	const struct vmm_cpupool_config *cfg = &p->cfgs[i];

	if (boot_keys_check_name(cfg->name, "a pool that Xen makes", err) < 0)
		return -1;
	for (size_t k = 0; k < i; k++)
		if (strcmp(p->cfgs[k].name, cfg->name) == 0)
			return err_set(err, EEXIST, "two pools are called '%s'", cfg->name);
	if (!cfg->has_cpus || bitmap_is_empty(&cfg->cpus))
		return err_set(err, EINVAL, "pool '%s': a pool that Xen makes needs cpus",
			       cfg->name);
	for (int cpu = bitmap_first(&cfg->cpus); cpu >= 0; cpu = bitmap_next(&cfg->cpus, cpu))
		if (use_cpu(p, cfg, cpu, phandle, err) < 0)
			return -1;
	return 0;
}

int boot_pools_collect(struct boot_pools *p, const void *fdt, struct vmm_config *const *guests,
		       size_t nr_guests, uint32_t *phandle, struct err *err)
{
	if (!p->nr)
		return 0;
	if (!fdt)
		return err_set(
			err, EINVAL,
			"pools name the board's processors: give its device tree with --board");
	if (dt_boot_cpus(fdt, &p->cpus, &p->nr_cpus, err) < 0)
		return -1;
	for (size_t i = 0; i < p->nr; i++)
		if (check_pool(p, i, phandle, err) < 0)
			return -1;
	p->first_phandle = *phandle;
	*phandle += (uint32_t)p->nr;
	for (size_t i = 0; i < nr_guests; i++)
		if (boot_pools_find(p, guests[i]->name))
			return err_set(err, EEXIST, "a guest and a pool are both called '%s'",
				       guests[i]->name);
	return 0;
}

uint32_t boot_pools_find(const struct boot_pools *p, const char *name)
{
	for (size_t i = 0; i < p->nr; i++)
		if (str_eq(p->cfgs[i].name, name))
			return p->first_phandle + (uint32_t)i;
	return 0;
}

static void emit_pool(const struct boot_pools *p, size_t i, struct boot_emit *e)
{
	const struct vmm_cpupool_config *cfg = &p->cfgs[i];
	autofree char *text = bitmap_str(&cfg->cpus, BITMAP_BITS);
	autofree uint32_t *cells = xcalloc(p->nr_cpus, sizeof(*cells));
	size_t nr = 0;

	for (int cpu = bitmap_first(&cfg->cpus); cpu >= 0; cpu = bitmap_next(&cfg->cpus, cpu))
		cells[nr++] = p->cpus[cpu].phandle;
	boot_emit_begin(e, cfg->name);
	boot_emit_str(e, "compatible", "xen,cpupool");
	boot_emit_cells(e, "cpupool-cpus", cells, nr);
	if (cfg->has_sched)
		boot_emit_str(e, "cpupool-sched", vmm_sched_name(cfg->sched));
	boot_emit_str(e, DT_BOOT_CPUS, text);
	boot_emit_u32(e, "phandle", p->first_phandle + (uint32_t)i);
	boot_emit_end(e);
}

void boot_pools_emit(const struct boot_pools *p, struct boot_emit *e)
{
	for (size_t i = 0; i < p->nr_cpus; i++)
		if (p->cpus[i].is_new)
			boot_emit_phandle(e, p->cpus[i].path, p->cpus[i].phandle);
	for (size_t i = 0; i < p->nr; i++)
		emit_pool(p, i, e);
}

void boot_pools_free(struct boot_pools *p)
{
	dt_boot_cpus_free(p->cpus, p->nr_cpus);
	p->cpus = NULL;
	p->nr_cpus = 0;
}
