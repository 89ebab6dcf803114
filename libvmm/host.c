// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What the machine and its hypervisor are. Turns Xen's answers into the units of libvmm.h; how they
 * are shown is the front end's business.
 */
#include <errno.h>
#include <string.h>
#include "base/str.h"
#include "libvmm/internal.h"

#define PAGE_KB (HV_PAGE_SIZE / 1024)
#define DMESG_CHUNK 16384
#define DMESG_MAX (16u << 20)

int vmm_host_size(struct vmm *vmm, unsigned *nr_cpus, unsigned *nr_nodes, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	struct hv_physinfo info;

	if (!hv || hv_physinfo(hv, &info, err) < 0)
		return -1;
	*nr_cpus = info.max_cpu_id + 1;
	*nr_nodes = info.nr_nodes;
	return 0;
}

static void take_physinfo(const struct hv_physinfo *p, struct vmm_hostinfo *out)
{
	uint32_t caps = p->capabilities;
	bool hvm = caps & HV_CAP_HVM, pv = caps & HV_CAP_PV, directio = caps & HV_CAP_DIRECTIO;

	out->nr_cpus = p->nr_cpus;
	out->max_cpu_id = p->max_cpu_id;
	out->nr_nodes = p->nr_nodes;
	out->cores_per_socket = p->cores_per_socket;
	out->threads_per_core = p->threads_per_core;
	out->cpu_khz = p->cpu_khz;
	memcpy(out->hw_caps, p->hw_cap, sizeof(out->hw_caps));
	out->cap_hvm = hvm;
	out->cap_pv = pv;
	out->cap_hvm_directio = hvm && directio;
	out->cap_pv_directio = pv && directio;
	out->cap_hap = caps & HV_CAP_HAP;
	out->cap_shadow = caps & HV_CAP_SHADOW;
	out->cap_iommu_hap_pt_share = caps & HV_CAP_IOMMU_HAP_PT_SHARE;
	out->cap_vmtrace = caps & HV_CAP_VMTRACE;
	out->cap_vpmu = caps & HV_CAP_VPMU;
	out->cap_gnttab_v1 = caps & HV_CAP_GNTTAB_V1;
	out->cap_gnttab_v2 = caps & HV_CAP_GNTTAB_V2;
	out->sve_vl_bits = (p->arch_capabilities & 0x1f) * 128;
	out->total_kb = p->total_pages * PAGE_KB;
	out->free_kb = p->free_pages * PAGE_KB;
	out->scrub_kb = p->scrub_pages * PAGE_KB;
	out->outstanding_kb = p->outstanding_pages * PAGE_KB;
}

static void take_version(const struct hv_version *v, struct vmm_hostinfo *out)
{
	out->xen_major = v->major;
	out->xen_minor = v->minor;
	out->pagesize = v->pagesize;
	out->virt_start = v->virt_start;
	memcpy(out->xen_extra, v->extra, sizeof(out->xen_extra));
	memcpy(out->compiler, v->compiler, sizeof(out->compiler));
	memcpy(out->compile_by, v->compile_by, sizeof(out->compile_by));
	memcpy(out->compile_domain, v->compile_domain, sizeof(out->compile_domain));
	memcpy(out->compile_date, v->compile_date, sizeof(out->compile_date));
	memcpy(out->xen_caps, v->capabilities, sizeof(out->xen_caps));
	memcpy(out->changeset, v->changeset, sizeof(out->changeset));
	memcpy(out->commandline, v->commandline, sizeof(out->commandline));
	memcpy(out->build_id, v->build_id, sizeof(out->build_id));
}

_Static_assert(sizeof(((struct hv_version *)0)->extra) ==
			       sizeof(((struct vmm_hostinfo *)0)->xen_extra) &&
		       sizeof(((struct hv_version *)0)->compiler) ==
			       sizeof(((struct vmm_hostinfo *)0)->compiler) &&
		       sizeof(((struct hv_version *)0)->capabilities) ==
			       sizeof(((struct vmm_hostinfo *)0)->xen_caps) &&
		       sizeof(((struct hv_version *)0)->commandline) ==
			       sizeof(((struct vmm_hostinfo *)0)->commandline) &&
		       sizeof(((struct hv_version *)0)->build_id) ==
			       sizeof(((struct vmm_hostinfo *)0)->build_id),
	       "both sides hold Xen's strings in arrays of the same size");

/* Arm has no memory sharing: the figures are shown as 0. */
static void take_sharing(struct hv *hv, struct vmm_hostinfo *out)
{
	struct err ignored = ERR_INIT;
	uint64_t freed, used;

	if (hv_sharing_pages(hv, &freed, &used, &ignored) < 0)
		return;
	out->sharing_freed_kb = freed * PAGE_KB;
	out->sharing_used_kb = used * PAGE_KB;
}

int vmm_host_info(struct vmm *vmm, struct vmm_hostinfo *out, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	struct hv_physinfo phys;
	struct hv_version version;
	struct bitmap free_cpus;
	int sched;

	memset(out, 0, sizeof(*out));
	if (!hv || hv_physinfo(hv, &phys, err) < 0 || hv_version(hv, &version, err) < 0 ||
	    hv_sched_id(hv, &sched, err) < 0 || hv_cpupool_free_cpus(hv, &free_cpus, err) < 0)
		return -1;
	take_physinfo(&phys, out);
	take_version(&version, out);
	take_sharing(hv, out);
	out->scheduler = vmm_sched_name((enum vmm_sched)sched);
	out->free_cpus = bitmap_count(&free_cpus);
	return 0;
}

int vmm_host_topology(struct vmm *vmm, struct vmm_cputopo **out, size_t *nr, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	autofree struct hv_cputopo *topo = NULL;
	struct hv_physinfo phys;
	unsigned n;

	if (!hv || hv_physinfo(hv, &phys, err) < 0)
		return -1;
	n = phys.max_cpu_id + 1;
	topo = xcalloc(n, sizeof(*topo));
	if (hv_cputopo(hv, topo, &n, err) < 0)
		return -1;
	*out = xcalloc(n, sizeof(**out));
	for (unsigned i = 0; i < n; i++)
		(*out)[i] = (struct vmm_cputopo){ topo[i].core, topo[i].socket, topo[i].node };
	*nr = n;
	return 0;
}

int vmm_host_numa(struct vmm *vmm, struct vmm_numanode **out, size_t *nr, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	struct hv_nodeinfo nodes[64];
	unsigned n = array_size(nodes);

	if (!hv || hv_numainfo(hv, nodes, &n, err) < 0)
		return -1;
	*out = xcalloc(n, sizeof(**out));
	for (unsigned i = 0; i < n; i++) {
		(*out)[i].size_kb = nodes[i].memsize / 1024;
		(*out)[i].free_kb = nodes[i].memfree / 1024;
		memcpy((*out)[i].distances, nodes[i].distance, sizeof((*out)[i].distances));
	}
	*nr = n;
	return 0;
}

/* Read on until the ring has nothing new; clearing comes with the last byte read, so none is
 * lost. */
int vmm_host_dmesg(struct vmm *vmm, bool clear, char **out, size_t *len, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);
	autostrbuf struct strbuf text = STRBUF_INIT;
	autofree char *chunk = xmalloc(DMESG_CHUNK);
	uint32_t index = 0, got;

	if (!hv)
		return -1;
	do {
		got = DMESG_CHUNK;
		if (hv_console_ring(hv, chunk, &got, clear, true, &index, err) < 0)
			return -1;
		strbuf_addn(&text, chunk, got);
	} while (got == DMESG_CHUNK && text.len < DMESG_MAX);
	*len = text.len;
	*out = strbuf_steal(&text);
	return 0;
}

int vmm_host_debug_keys(struct vmm *vmm, const char *keys, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);

	return hv ? hv_debug_keys(hv, keys, err) : -1;
}

int vmm_host_set_parameter(struct vmm *vmm, const char *name, const char *value, struct err *err)
{
	struct hv *hv = vmm_hv(vmm, err);

	return hv ? hv_set_param(hv, name, value, err) : -1;
}
