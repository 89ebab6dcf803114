// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pools of pcpus. Xen numbers them, the store names them (/local/pool/N). What takes several steps
 * is taken back when one of them fails.
 */
#include <errno.h>
#include <inttypes.h>
#include <uuid/uuid.h>
#include "base/num.h"
#include "base/str.h"
#include "libvmm/config.h"
#include "libvmm/cpupool.h"
#include "libvmm/internal.h"

/* --- what there is ---------------------------------------------------------------------------- */

int vmm_cpupool_name(struct vmm *vmm, uint32_t pool, char **name, struct err *err)
{
	struct store *store = vmm_store(vmm, err);

	if (!store || store_read_opt(store, name, err, "/local/pool/%" PRIu32 "/name", pool) < 0)
		return -1;
	/* A host where nobody ran init-dom0 still has pools. */
	if (!*name)
		*name = str_printf("Pool-%" PRIu32, pool);
	return 0;
}

void vmm_cpupools_free(struct vmm_cpupool *list, size_t nr)
{
	for (size_t i = 0; list && i < nr; i++)
		free(list[i].name);
	free(list);
}

static int add_pools(struct hv *hv, struct vmm_cpupool **list, size_t *nr, struct err *err)
{
	struct hv_cpupool info = { .id = 0 };

	while (hv_cpupool_info(hv, info.id, &info, err) == 0) {
		*list = xreallocarray(*list, *nr + 1, sizeof(**list));
		(*list)[(*nr)++] = (struct vmm_cpupool){ info.id, NULL, (enum vmm_sched)info.sched,
							 info.nr_domains, info.cpus };
		info.id++;
	}
	if (err->code != ENOENT)
		return -1;
	err_clear(err);
	return 0;
}

/* The names of all in one round trip. */
static int add_names(struct store *store, struct vmm_cpupool *list, size_t nr, struct err *err)
{
	autostrlist struct strlist paths = STRLIST_INIT;
	autofree char **names = xcalloc(nr, sizeof(*names));

	for (size_t i = 0; i < nr; i++)
		strlist_take(&paths, str_printf("/local/pool/%" PRIu32 "/name", list[i].id));
	if (store_read_many(store, (const char *const *)paths.v, nr, names, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++)
		list[i].name = names[i] ? names[i] : str_printf("Pool-%" PRIu32, list[i].id);
	return 0;
}

int vmm_cpupool_list(struct vmm *vmm, struct vmm_cpupool **out, size_t *nr, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	struct store *store = hv ? vmm_store(vmm, err) : NULL;
	struct vmm_cpupool *list = NULL;

	*nr = 0;
	if (!store)
		return -1;
	if (add_pools(hv, &list, nr, err) < 0 || (*nr && add_names(store, list, *nr, err) < 0)) {
		vmm_cpupools_free(list, *nr);
		return -1;
	}
	*out = list;
	return 0;
}

int vmm_cpupool_find(struct vmm *vmm, const char *id_or_name, uint32_t *pool, struct err *err)
{
	struct vmm_cpupool *list;
	uint64_t id = UINT64_MAX;
	bool is_found = false;
	size_t nr;

	if (vmm_cpupool_list(vmm, &list, &nr, err) < 0)
		return -1;
	if (num_is_dec(id_or_name) && num_dec(id_or_name, UINT32_MAX - 1, "cpupool", &id, err) < 0)
		err_clear(err);
	for (size_t i = 0; i < nr && !is_found; i++) {
		is_found = id != UINT64_MAX ? list[i].id == id : str_eq(list[i].name, id_or_name);
		*pool = list[i].id;
	}
	vmm_cpupools_free(list, nr);
	return is_found ? 0 : err_set(err, ENOENT, "there is no cpupool '%s'", id_or_name);
}

int vmm_cpupool_free_cpus(struct vmm *vmm, struct bitmap *cpus, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);

	return hv ? hv_cpupool_free_cpus(hv, cpus, err) : -1;
}

/* One pool, which must be there. */
static int get(struct vmm *vmm, uint32_t pool, struct hv_cpupool *out, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);

	if (!hv)
		return -1;
	if (hv_cpupool_info(hv, pool, out, err) == 0 && out->id == pool)
		return 0;
	if (err->code && err->code != ENOENT)
		return -1;
	return err_set(err, ENOENT, "there is no cpupool %" PRIu32, pool);
}

/* --- pcpus in and out ------------------------------------------------------------------------- */

/*
 * The timer of an rtds scheduler sits on the pcpu that came into its pool first, and Xen panics
 * when that one is taken out: it asks the pcpu for its pool, which it has just left
 * (xen/common/sched/rt.c, move_repl_timer; mended in what becomes 4.23). Which one it is nobody
 * tells.
 */
#define RTDS_MENDED_MINOR 23

int cpupool_check_shrinkable(struct vmm *vmm, enum vmm_sched sched, struct err *err)
{
	char caps[1024];
	int major, minor;

	if (sched != VMM_SCHED_RTDS)
		return 0;
	if (hv_capabilities(vmm->hv, &major, &minor, caps, sizeof(caps), err) < 0)
		return -1;
	if (major > 4 || (major == 4 && minor >= RTDS_MENDED_MINOR))
		return 0;
	return err_set(
		err, EPERM,
		"Xen %d.%d panics when an rtds pool loses the pcpu that holds the scheduler's "
		"timer (the first it "
		"got), so the pool can only go with a reboot; -f (--force) does it nevertheless",
		major, minor);
}

/* A pool whose pcpus are in it for good. */
static bool is_sticky(struct vmm *vmm, enum hv_sched sched)
{
	struct err why = ERR_INIT;

	return cpupool_check_shrinkable(vmm, (enum vmm_sched)sched, &why) < 0;
}

static int move_cpu(struct hv *hv, uint32_t pool, int cpu, bool is_added, struct err *err)
{
	return is_added ? hv_cpupool_add_cpu(hv, pool, cpu, err)
			: hv_cpupool_remove_cpu(hv, pool, cpu, err);
}

/* All of `cpus` into the pool or out of it; those moved are moved back when one fails, unless they
 * must stay. */
static int move_cpus(struct hv *hv, uint32_t pool, const struct bitmap *cpus, bool is_added,
		     bool must_stay, struct err *err)
{
	struct err ignored = ERR_INIT;

	for (int cpu = bitmap_first(cpus); cpu >= 0; cpu = bitmap_next(cpus, cpu)) {
		if (move_cpu(hv, pool, cpu, is_added, err) == 0)
			continue;
		for (int back = bitmap_first(cpus); !must_stay && back >= 0 && back < cpu;
		     back = bitmap_next(cpus, back))
			if (move_cpu(hv, pool, back, !is_added, &ignored) < 0)
				err_clear(&ignored);
		return err_wrap(err, "pcpu %d", cpu);
	}
	return 0;
}

static int check_free(struct vmm *vmm, const struct bitmap *cpus, struct err *err)
{
	struct bitmap free_cpus, taken = *cpus;

	if (bitmap_is_empty(cpus))
		return err_set(err, EINVAL, "no pcpus were given");
	if (vmm_cpupool_free_cpus(vmm, &free_cpus, err) < 0)
		return -1;
	bitmap_andnot(&taken, &free_cpus);
	if (!bitmap_is_empty(&taken)) {
		autofree char *text = bitmap_str(&taken, BITMAP_BITS);

		return err_set(
			err, EBUSY,
			"pcpu %s belongs to a pool already; 'xl cpupool-cpu-remove' it there first",
			text);
	}
	return 0;
}

int vmm_cpupool_add_cpus(struct vmm *vmm, uint32_t pool, const struct bitmap *cpus, struct err *err)
{
	struct hv_cpupool info;

	/* Those that came late can always leave again. */
	if (get(vmm, pool, &info, err) < 0 || check_free(vmm, cpus, err) < 0 ||
	    move_cpus(vmm->hv, pool, cpus, true,
		      bitmap_is_empty(&info.cpus) && is_sticky(vmm, info.sched), err) < 0)
		return err_wrap(err, "adding to cpupool %" PRIu32, pool);
	return 0;
}

int vmm_cpupool_remove_cpus(struct vmm *vmm, uint32_t pool, const struct bitmap *cpus, bool force,
			    struct err *err)
{
	struct hv_cpupool info;
	struct bitmap strange = *cpus, rest;
	int ret;

	if (get(vmm, pool, &info, err) < 0)
		return err_wrap(err, "removing from cpupool %" PRIu32, pool);
	rest = info.cpus;
	bitmap_andnot(&rest, cpus);
	bitmap_andnot(&strange, &info.cpus);
	if (bitmap_is_empty(cpus) || !bitmap_is_empty(&strange)) {
		autofree char *text = bitmap_str(&info.cpus, BITMAP_BITS);

		ret = err_set(err, EINVAL, "the pool has only pcpus %s", text);
	} else if (bitmap_is_empty(&rest) && info.nr_domains) {
		ret = err_set(err, EBUSY, "its %" PRIu32 " domains would have no pcpu left",
			      info.nr_domains);
	} else if (!force &&
		   !(pool == 0 &&
		     !bitmap_has(cpus, 0)) && /* pcpu 0 booted, so it was Pool-0's first */
		   cpupool_check_shrinkable(vmm, (enum vmm_sched)info.sched, err) < 0) {
		ret = -1;
	} else {
		ret = move_cpus(vmm->hv, pool, cpus, false, false, err);
	}
	return ret < 0 ? err_wrap(err, "removing from cpupool %" PRIu32, pool) : 0;
}

/* --- pools come and go ------------------------------------------------------------------------ */

static int check_new_name(struct vmm *vmm, const char *name, struct err *err)
{
	struct vmm_cpupool *list;
	bool is_taken = false;
	size_t nr;

	if (config_check_name(name, err) < 0)
		return -1;
	if (num_is_dec(name))
		return err_set(err, EINVAL, "a cpupool's name cannot be a number: '%s'", name);
	if (vmm_cpupool_list(vmm, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++)
		is_taken |= str_eq(list[i].name, name);
	vmm_cpupools_free(list, nr);
	return is_taken ? err_set(err, EEXIST, "there is a cpupool '%s' already", name) : 0;
}

static int write_names(struct store *store, uint32_t pool, const char *name, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(store);
	char text[37];
	uuid_t uuid;

	uuid_generate(uuid);
	uuid_unparse_lower(uuid, text);
	store_txn_write(&t, text, "/local/pool/%" PRIu32 "/uuid", pool);
	store_txn_write(&t, name, "/local/pool/%" PRIu32 "/name", pool);
	return store_txn_commit(&t, err);
}

/* Back to nothing; the failure that led here is the one to report. */
static void unmake(struct vmm *vmm, uint32_t pool, bool must_stay, struct err *err)
{
	autofree char *path = str_printf("/local/pool/%" PRIu32, pool);
	struct err ignored = ERR_INIT;
	struct hv_cpupool info;

	if (get(vmm, pool, &info, &ignored) < 0)
		return;
	if (must_stay && !bitmap_is_empty(&info.cpus)) {
		err_append(err, "the pool stays with the pcpus it has, since this Xen panics when "
				"an rtds pool loses them");
		return;
	}
	if (hv_cpupool_destroy(vmm->hv, pool, &ignored) < 0)
		err_clear(&ignored);
	if (store_rm(vmm->store, path, &ignored) < 0)
		err_clear(&ignored);
}

/* What the configuration leaves open. */
static int settle(struct vmm *vmm, const struct vmm_cpupool_config *cfg, struct hv_cpupool *out,
		  struct err *err)
{
	int sched = (int)cfg->sched;

	if (!cfg->has_sched && hv_sched_id(vmm->hv, &sched, err) < 0)
		return -1;
	out->sched = (enum hv_sched)sched;
	out->cpus = cfg->cpus;
	if (!cfg->has_cpus) {
		int first;

		if (vmm_cpupool_free_cpus(vmm, &out->cpus, err) < 0)
			return -1;
		first = bitmap_first(&out->cpus);
		if (first < 0)
			return err_set(err, EBUSY,
				       "no pcpu is free; 'xl cpupool-cpu-remove' one from another "
				       "pool first");
		bitmap_zero(&out->cpus);
		bitmap_set(&out->cpus, (unsigned)first);
	}
	return check_free(vmm, &out->cpus, err);
}

int vmm_cpupool_create(struct vmm *vmm, const struct vmm_cpupool_config *cfg, uint32_t *pool,
		       struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	struct store *store = hv ? vmm_store(vmm, err) : NULL;
	struct hv_cpupool made;
	bool must_stay;

	if (!store)
		return -1;
	*pool = HV_CPUPOOL_ANY;
	if (check_new_name(vmm, cfg->name, err) < 0 || settle(vmm, cfg, &made, err) < 0)
		return err_wrap(err, "creating cpupool '%s'", cfg->name);
	if (hv_cpupool_create(hv, made.sched, pool, err) < 0)
		return err_wrap(err, "creating cpupool '%s' with scheduler %s, which Xen may lack",
				cfg->name, vmm_sched_name((enum vmm_sched)made.sched));
	must_stay = is_sticky(vmm, made.sched);
	/* The name first: what came after the pcpus could fail with no way back. */
	if (write_names(store, *pool, cfg->name, err) == 0 &&
	    move_cpus(hv, *pool, &made.cpus, true, must_stay, err) == 0)
		return 0;
	err_wrap(err, "creating cpupool '%s'", cfg->name);
	unmake(vmm, *pool, must_stay, err);
	return -1;
}

/* The nodes and pcpus of a pool that could not be destroyed. */
static void keep(struct vmm *vmm, const struct hv_cpupool *info, const char *name, const char *uuid)
{
	autotxn struct store_txn t = STORE_TXN(vmm->store);
	struct err ignored = ERR_INIT;

	if (move_cpus(vmm->hv, info->id, &info->cpus, true, true, &ignored) < 0)
		err_clear(&ignored);
	if (name)
		store_txn_write(&t, name, "/local/pool/%" PRIu32 "/name", info->id);
	if (uuid)
		store_txn_write(&t, uuid, "/local/pool/%" PRIu32 "/uuid", info->id);
	if ((name || uuid) && store_txn_commit(&t, &ignored) < 0)
		err_clear(&ignored);
}

static int unmake_or_keep(struct vmm *vmm, const struct hv_cpupool *info, struct err *err)
{
	autofree char *path = str_printf("/local/pool/%" PRIu32, info->id);
	autofree char *name = NULL, *uuid = NULL;

	if (store_read_opt(vmm->store, &name, err, "%s/name", path) < 0 ||
	    store_read_opt(vmm->store, &uuid, err, "%s/uuid", path) < 0 ||
	    move_cpus(vmm->hv, info->id, &info->cpus, false, false, err) < 0)
		return -1;
	if (store_rm(vmm->store, path, err) == 0 && hv_cpupool_destroy(vmm->hv, info->id, err) == 0)
		return 0;
	keep(vmm, info, name, uuid);
	return -1;
}

int vmm_cpupool_destroy(struct vmm *vmm, uint32_t pool, bool force, struct err *err)
{
	struct hv_cpupool info;

	if (!vmm_store(vmm, err) || get(vmm, pool, &info, err) < 0)
		return -1;
	if (pool == 0)
		return err_set(err, EPERM, "cpupool 0 cannot be destroyed");
	if (info.nr_domains)
		return err_set(err, EBUSY,
			       "cpupool %" PRIu32 " has %" PRIu32
			       " domains; 'xl cpupool-migrate' them first",
			       pool, info.nr_domains);
	if ((!force && !bitmap_is_empty(&info.cpus) &&
	     cpupool_check_shrinkable(vmm, (enum vmm_sched)info.sched, err) < 0) ||
	    unmake_or_keep(vmm, &info, err) < 0)
		return err_wrap(err, "destroying cpupool %" PRIu32, pool);
	return 0;
}

int vmm_cpupool_rename(struct vmm *vmm, uint32_t pool, const char *new_name, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	autofree char *path = str_printf("/local/pool/%" PRIu32 "/name", pool);
	struct hv_cpupool info;

	if (!store || get(vmm, pool, &info, err) < 0 || check_new_name(vmm, new_name, err) < 0)
		return err_wrap(err, "renaming cpupool %" PRIu32, pool);
	return store_write(store, path, new_name, err);
}

/* null gives each vcpu a pcpu of its own; those for which none is left never run, without a word
 * from Xen. */
static int check_null(struct vmm *vmm, const struct hv_cpupool *pool, uint32_t nr_more,
		      struct err *err)
{
	autofree struct hv_dominfo *list = NULL;
	uint32_t nr_vcpus = 0, nr_cpus = bitmap_count(&pool->cpus);
	size_t nr;

	if (pool->sched != HV_SCHED_NULL)
		return 0;
	if (hv_domain_list(vmm->hv, &list, &nr, err) < 0)
		return -1;
	for (size_t i = 0; i < nr; i++)
		if (list[i].cpupool == pool->id && !list[i].is_dying)
			nr_vcpus += list[i].nr_vcpus;
	if (nr_vcpus + nr_more <= nr_cpus)
		return 0;
	return err_set(err, EBUSY,
		       "cpupool %" PRIu32 " (scheduler null) has %" PRIu32 " pcpus and %" PRIu32
		       " vcpus, so there is no room for %" PRIu32
		       " more: each needs a pcpu of its own",
		       pool->id, nr_cpus, nr_vcpus, nr_more);
}

int cpupool_check_room(struct vmm *vmm, uint32_t pool, uint32_t nr_vcpus, struct err *err)
{
	struct hv_cpupool info;

	if (get(vmm, pool, &info, err) < 0)
		return -1;
	if (bitmap_is_empty(&info.cpus))
		return err_set(err, EINVAL, "cpupool %" PRIu32 " has no pcpus", pool);
	return check_null(vmm, &info, nr_vcpus, err);
}

int vmm_cpupool_move_domain(struct vmm *vmm, uint32_t domid, uint32_t pool, struct err *err)
{
	struct vmm_dominfo dom;

	if (vmm_domain_info(vmm, domid, &dom, err) < 0)
		return -1;
	if (dom.cpupool == pool)
		return 0;
	if (cpupool_check_room(vmm, pool, dom.nr_vcpus, err) < 0)
		return err_wrap(err, "moving domain %" PRIu32, domid);
	return hv_cpupool_move_domain(vmm->hv, pool, domid, err);
}

/* --- a pool for each node --------------------------------------------------------------------- */

static int split_off(struct vmm *vmm, const struct hv_cpupool *pool0, uint32_t node,
		     const struct bitmap *cpus, struct err *err)
{
	autofree char *name = str_printf("Pool-node%" PRIu32, node);
	struct vmm_cpupool_config cfg = {
		.name = name, .has_sched = true, .has_cpus = true, .sched = (enum vmm_sched)pool0->sched, .cpus = *cpus,
	};
	struct err ignored = ERR_INIT;
	uint32_t pool;

	if (vmm_cpupool_remove_cpus(vmm, 0, cpus, false, err) < 0)
		return -1;
	if (vmm_cpupool_create(vmm, &cfg, &pool, err) == 0)
		return 0;
	if (vmm_cpupool_add_cpus(vmm, 0, cpus, &ignored) < 0)
		err_clear(&ignored);
	return -1;
}

int vmm_cpupool_numa_split(struct vmm *vmm, struct err *err)
{
	autofree struct vmm_cputopo *topo = NULL;
	struct vmm_cpupool *list;
	struct hv_cpupool pool0;
	unsigned nr_cpus, nr_nodes;
	size_t nr_pools, nr;

	if (vmm_cpupool_list(vmm, &list, &nr_pools, err) < 0)
		return -1;
	vmm_cpupools_free(list, nr_pools);
	if (nr_pools > 1)
		return err_set(
			err, EBUSY,
			"there are %zu cpupools already; only an undivided host can be split",
			nr_pools);
	if (get(vmm, 0, &pool0, err) < 0 || vmm_host_size(vmm, &nr_cpus, &nr_nodes, err) < 0 ||
	    vmm_host_topology(vmm, &topo, &nr, err) < 0)
		return -1;
	for (uint32_t node = 1; node < nr_nodes; node++) {
		struct bitmap cpus;

		bitmap_zero(&cpus);
		for (size_t i = 0; i < nr; i++)
			if (topo[i].node == node && bitmap_has(&pool0.cpus, (unsigned)i))
				bitmap_set(&cpus, (unsigned)i);
		if (!bitmap_is_empty(&cpus) && split_off(vmm, &pool0, node, &cpus, err) < 0)
			return -1;
	}
	return vmm_cpupool_rename(vmm, 0, "Pool-node0", err);
}
