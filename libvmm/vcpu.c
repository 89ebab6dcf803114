// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A domain's virtual cpus: how they are, where they run, where they may, how many are online. Knows
 * pcpus only as numbers; schedulers and pools are sched.c's and cpupool.c's.
 */
#include <errno.h>
#include <inttypes.h>
#include "base/str.h"
#include "libvmm/internal.h"

int vmm_vcpu_list(struct vmm *vmm, uint32_t domid, struct vmm_vcpuinfo **out, size_t *nr,
		  struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	autofree struct vmm_vcpuinfo *list = NULL;
	struct hv_dominfo dom;

	if (!hv || hv_domain_info(hv, domid, &dom, err) < 0)
		return -1;
	list = xcalloc(dom.nr_vcpus, sizeof(*list));
	for (uint32_t i = 0; i < dom.nr_vcpus; i++) {
		struct vmm_vcpuinfo *v = &list[i];
		struct hv_vcpuinfo info;

		if (hv_vcpu_info(hv, domid, i, &info, err) < 0 ||
		    hv_vcpu_get_affinity(hv, domid, i, &v->hard, &v->soft, err) < 0)
			return -1;
		v->vcpu = i;
		v->pcpu = info.pcpu;
		v->is_online = info.is_online;
		v->is_blocked = info.is_blocked;
		v->is_running = info.is_running;
		v->cpu_time_ns = info.cpu_time_ns;
	}
	*out = steal(list);
	*nr = dom.nr_vcpus;
	return 0;
}

int vmm_node_affinity(struct vmm *vmm, uint32_t domid, struct bitmap *nodes, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);

	return hv ? hv_node_get_affinity(hv, domid, nodes, err) : -1;
}

/* --- lists of pcpus --------------------------------------------------------------------------- */

struct nodes {
	struct vmm *vmm;
	struct vmm_cputopo *topo;	/* NULL until a list names a node */
	size_t nr;
};

/* -1: there is no such node; the parser puts it into words. */
static int node_cpus(unsigned node, struct bitmap *out, void *arg)
{
	struct nodes *n = arg;
	struct err ignored = ERR_INIT;

	if (!n->topo && vmm_host_topology(n->vmm, &n->topo, &n->nr, &ignored) < 0)
		return -1;
	bitmap_zero(out);
	for (size_t i = 0; i < n->nr; i++)
		if (n->topo[i].node == node)
			bitmap_set(out, (unsigned)i);
	return bitmap_is_empty(out) ? -1 : 0;
}

int vmm_pcpus_parse(struct vmm *vmm, const char *text, const char *what, struct bitmap *out,
		    struct err *err)
{
	struct nodes nodes = { vmm, NULL, 0 };
	unsigned nr_cpus, nr_nodes;
	int ret;

	if (vmm_host_size(vmm, &nr_cpus, &nr_nodes, err) < 0)
		return -1;
	if (nr_cpus > BITMAP_BITS)
		nr_cpus = BITMAP_BITS;
	ret = bitmap_parse_cpus(out, text, nr_cpus, node_cpus, &nodes, what, err);
	free(nodes.topo);
	return ret;
}

/* --- pinning ---------------------------------------------------------------------------------- */

/* One vcpu; what it was before comes back in *old, for putting it back. */
static int pin_one(struct hv *hv, uint32_t domid, uint32_t vcpu, const struct bitmap *hard,
		   const struct bitmap *soft, bool force, struct vmm_vcpuinfo *old, struct err *err)
{
	struct bitmap h, s;

	if (hv_vcpu_get_affinity(hv, domid, vcpu, &old->hard, &old->soft, err) < 0)
		return -1;
	if (hard)
		h = *hard;
	if (soft)
		s = *soft;
	return hv_vcpu_set_affinity(hv, domid, vcpu, hard ? &h : NULL, soft ? &s : NULL, force,
				    err);
}

static int check_pin(struct hv *hv, const struct hv_dominfo *dom, uint32_t vcpu,
		     const struct bitmap *hard, bool force, struct err *err)
{
	struct hv_cpupool pool;
	struct bitmap usable;

	if (vcpu != VMM_VCPU_ALL && vcpu >= dom->nr_vcpus)
		return err_set(err, EINVAL, "there is no vcpu %" PRIu32 ": it has %" PRIu32, vcpu,
			       dom->nr_vcpus);
	if (force && vcpu == VMM_VCPU_ALL)
		return err_set(err, EINVAL, "force is for one vcpu, not for all");
	if (!hard)
		return 0;
	if (bitmap_is_empty(hard))
		return err_set(err, EINVAL, "no pcpu is left for it to run on");
	if (hv_cpupool_info(hv, dom->cpupool, &pool, err) < 0)
		return -1;
	usable = *hard;
	bitmap_and(&usable, &pool.cpus);
	if (bitmap_is_empty(&usable)) {
		autofree char *there = bitmap_str(&pool.cpus, BITMAP_BITS);

		return err_set(err, EINVAL, "none of these pcpus is in its cpupool, which has %s",
			       there);
	}
	return 0;
}

static void put_back(struct hv *hv, uint32_t domid, uint32_t first, struct vmm_vcpuinfo *old,
		     uint32_t nr)
{
	struct err ignored = ERR_INIT;

	for (uint32_t i = 0; i < nr; i++)
		if (hv_vcpu_set_affinity(hv, domid, first + i, &old[i].hard, &old[i].soft, false,
					 &ignored) < 0)
			err_clear(&ignored);
}

int vmm_vcpu_pin(struct vmm *vmm, uint32_t domid, uint32_t vcpu, const struct bitmap *hard,
		 const struct bitmap *soft, bool force, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	autofree struct vmm_vcpuinfo *old = NULL;
	struct hv_dominfo dom;
	uint32_t first, nr;

	if (!hv || hv_domain_info(hv, domid, &dom, err) < 0)
		return -1;
	if (check_pin(hv, &dom, vcpu, hard, force, err) < 0)
		return err_wrap(err, "pinning domain %" PRIu32, domid);
	first = vcpu == VMM_VCPU_ALL ? 0 : vcpu;
	nr = vcpu == VMM_VCPU_ALL ? dom.nr_vcpus : 1;
	old = xcalloc(nr, sizeof(*old));
	for (uint32_t i = 0; i < nr; i++) {
		if (pin_one(hv, domid, first + i, hard, soft, force, &old[i], err) < 0) {
			put_back(hv, domid, first, old, i);
			return err_wrap(err, "pinning vcpu %" PRIu32 " of domain %" PRIu32,
					first + i, domid);
		}
	}
	return 0;
}

/* --- online and offline ----------------------------------------------------------------------- */

int vmm_vcpu_set_online(struct vmm *vmm, uint32_t domid, uint32_t nr, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	struct store *store = hv ? vmm_store(vmm, err) : NULL;
	struct hv_dominfo dom;

	if (!store || hv_domain_info(hv, domid, &dom, err) < 0)
		return -1;
	if (nr < 1 || nr > dom.nr_vcpus)
		return err_set(err, EINVAL,
			       "domain %" PRIu32 " can have 1 to %" PRIu32
			       " vcpus online, not %" PRIu32,
			       domid, dom.nr_vcpus, nr);
	autotxn struct store_txn t = STORE_TXN(store);
	for (uint32_t i = 0; i < dom.nr_vcpus; i++)
		store_txn_write(&t, i < nr ? "online" : "offline",
				"/local/domain/%" PRIu32 "/cpu/%" PRIu32 "/availability", domid, i);
	return store_txn_commit(&t, err);
}
