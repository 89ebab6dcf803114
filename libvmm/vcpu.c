// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A domain's virtual cpus: how they are, where they run, where they may.
 */
#include "libvmm/internal.h"

int vmm_vcpu_list(struct vmm *vmm, uint32_t domid, struct vmm_vcpuinfo **out, size_t *nr, struct err *err)
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
