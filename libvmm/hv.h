/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_HV_H
#define LIBVMM_HV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bitmap.h"
#include "base/err.h"

/*
 * Every hypercall, one function each. Only hv*.c see Xen's headers (through arm_abi.h), so
 * differences between Xen releases live there: types here are plain values in the units their names
 * give. By subject: hv.c domains and vcpus, hv_mem.c memory, grants and event channels, hv_dev.c
 * devices, hv_sched.c schedulers and cpupools, hv_sys.c the host and its security policy.
 *
 * Errors: err->code is the errno of the hypercall; the message names the call, the domain and the
 * cause. Every call goes through the trace hook. Source of all operations:
 * xen/include/public/{domctl,sysctl,memory,...}.h.
 */

struct hv;

#define HV_PAGE_SHIFT 12
#define HV_PAGE_SIZE (1u << HV_PAGE_SHIFT)
#define HV_DOMID_ANY UINT32_MAX		/* creation: let Xen pick */
#define HV_DOMID_FIRST_RESERVED 0x7ff0u
#define HV_UUID_LEN 16

typedef void hv_trace_fn(void *arg, const char *call, uint32_t domid, const char *args, int result);

/* On a host that is not Arm the product's hv_open refuses (ENOSYS: "not built for an Arm host");
 * see hv_host.c. */
int hv_open(struct hv **out, struct err *err) must_check;
void hv_close(struct hv *hv);			/* NULL is fine */
void hv_set_trace(struct hv *hv, hv_trace_fn *fn, void *arg);
/* Hypercalls issued since hv_open. */
uint64_t hv_nr_calls(const struct hv *hv);
extern const bool hv_host_is_arm;		/* hv_host.c; the tests' fake says true */

/* --- the host --------------------------------------------------------------------------------- */

struct hv_version {
	int major, minor;
	char extra[16], compiler[64], compile_by[16], compile_domain[32], compile_date[32];
	char capabilities[1024], changeset[64], commandline[1024], build_id[65];
	uint64_t virt_start;
	uint32_t pagesize;
	bool is_build_id_known;
};

struct hv_physinfo {
	uint32_t nr_cpus, max_cpu_id, nr_nodes, max_node_id, cores_per_socket, threads_per_core,
		cpu_khz;
	uint32_t capabilities;		/* XEN_SYSCTL_PHYSCAP_*, see HV_CAP_* */
	uint32_t arch_capabilities;	/* Arm: bits 0-4 SVE vector length / 128 (4.18) */
	uint64_t total_pages, free_pages, scrub_pages, outstanding_pages, max_mfn;
	uint32_t hw_cap[8];
};
enum {
	HV_CAP_HVM = 1 << 0, HV_CAP_PV = 1 << 1, HV_CAP_DIRECTIO = 1 << 2, HV_CAP_HAP = 1 << 3,
	HV_CAP_SHADOW = 1 << 4, HV_CAP_IOMMU_HAP_PT_SHARE = 1 << 5, HV_CAP_VMTRACE = 1 << 6,
	HV_CAP_VPMU = 1 << 7, HV_CAP_GNTTAB_V1 = 1 << 8, HV_CAP_GNTTAB_V2 = 1 << 9,
};

struct hv_cputopo { uint32_t core, socket, node; };	/* ~0 when unknown */
struct hv_nodeinfo { uint64_t memsize, memfree; uint32_t distance[64]; };	/* bytes */

int hv_version(struct hv *hv, struct hv_version *out, struct err *err) must_check;
/* Only the capabilities string and the release: what create needs, in two calls. */
/* Whether this domain's memory lies at the same guest and host addresses: then Xen keeps the frames
 * it balloons out. */
int hv_is_direct_mapped(struct hv *hv, bool *is_direct, struct err *err) must_check;
int hv_capabilities(struct hv *hv, int *major, int *minor, char *caps, size_t caps_size,
		    struct err *err) must_check;
int hv_physinfo(struct hv *hv, struct hv_physinfo *out, struct err *err) must_check;
int hv_sched_id(struct hv *hv, int *id, struct err *err) must_check;
/* *nr: in the room in topo, out the entries known. */
int hv_cputopo(struct hv *hv, struct hv_cputopo *topo, unsigned *nr, struct err *err) must_check;
int hv_numainfo(struct hv *hv, struct hv_nodeinfo *nodes, unsigned *nr, struct err *err) must_check;
int hv_cpu_idle_ns(struct hv *hv, uint64_t *idle_ns, unsigned *nr, struct err *err) must_check;
int hv_sharing_pages(struct hv *hv, uint64_t *freed, uint64_t *used, struct err *err) must_check;
/* The console ring. *index (in, out) continues where the last read ended when `incremental`. *len:
 * room in, bytes out. */
int hv_console_ring(struct hv *hv, char *buf, uint32_t *len, bool clear, bool incremental,
		    uint32_t *index, struct err *err) must_check;
int hv_debug_keys(struct hv *hv, const char *keys, struct err *err) must_check;
/* Runtime parameter: hypfs /params/NAME. */
int hv_set_param(struct hv *hv, const char *name, const char *value, struct err *err) must_check;

/* --- domains ---------------------------------------------------------------------------------- */

struct hv_createdomain {
	uint32_t domid;			/* HV_DOMID_ANY or the one wanted (EEXIST when taken) */
	uint32_t ssidref;
	uint8_t uuid[HV_UUID_LEN];
	bool iommu, vpmu, trap_unmapped;
	uint32_t max_vcpus, max_evtchn_port;
	int32_t max_grant_frames, max_maptrack_frames;	/* -1: hypervisor's default */
	uint32_t max_grant_version;
	uint32_t cpupool_id;
	uint32_t gic_version;		/* enum hv_gic */
	uint32_t tee_type;		/* enum hv_tee */
	uint32_t nr_spis;
	uint32_t sve_vl;		/* vector length / 128; Xen 4.18 */
};
enum hv_gic { HV_GIC_NATIVE = 0, HV_GIC_V2 = 1, HV_GIC_V3 = 2 };
enum hv_tee { HV_TEE_NONE = 0, HV_TEE_OPTEE = 1, HV_TEE_FFA = 2 };

/* What Xen settled on. */
struct hv_created {
	uint32_t domid;
	enum hv_gic gic_version;
	uint32_t clock_frequency;	/* Hz, for the timer node; 0: leave it out */
};

struct hv_dominfo {
	uint32_t domid;
	bool is_dying, is_shutdown, is_paused, is_blocked, is_running, is_hvm, is_debugged;
	uint32_t shutdown_reason;	/* enum hv_shutdown, when is_shutdown */
	uint32_t ssidref;
	uint64_t nr_pages, max_pages, outstanding_pages, shared_pages, paged_pages;
	uint64_t shared_info_frame;
	uint64_t cpu_time_ns;
	uint32_t nr_online_vcpus;
	uint32_t nr_vcpus;		/* max_vcpu_id + 1; 0 when it has none */
	uint32_t cpupool;
	uint32_t gpaddr_bits;
	uint8_t uuid[HV_UUID_LEN];
};
enum hv_shutdown {
	HV_SHUTDOWN_POWEROFF = 0, HV_SHUTDOWN_REBOOT = 1, HV_SHUTDOWN_SUSPEND = 2,
	HV_SHUTDOWN_CRASH = 3, HV_SHUTDOWN_WATCHDOG = 4, HV_SHUTDOWN_SOFT_RESET = 5,
};

int hv_domain_create(struct hv *hv, const struct hv_createdomain *cfg, struct hv_created *out,
		     struct err *err) must_check;
/* Continues until Xen is done (EAGAIN and continuation are handled); ESRCH when there is no such
 * domain. */
int hv_domain_destroy(struct hv *hv, uint32_t domid, struct err *err) must_check;
int hv_domain_pause(struct hv *hv, uint32_t domid, struct err *err) must_check;
int hv_domain_unpause(struct hv *hv, uint32_t domid, struct err *err) must_check;
int hv_domain_shutdown(struct hv *hv, uint32_t domid, enum hv_shutdown reason, struct err *err)
	must_check;
int hv_domain_resume(struct hv *hv, uint32_t domid, struct err *err) must_check;
int hv_domain_soft_reset(struct hv *hv, uint32_t domid, struct err *err) must_check;
int hv_domain_set_uuid(struct hv *hv, uint32_t domid, const uint8_t uuid[HV_UUID_LEN],
		       struct err *err) must_check;
/* ESRCH when there is no such domain. */
int hv_domain_info(struct hv *hv, uint32_t domid, struct hv_dominfo *out, struct err *err)
	must_check;
/* All domains, in order of domid, as many calls as it takes. *out is yours to free. */
int hv_domain_list(struct hv *hv, struct hv_dominfo **out, size_t *nr, struct err *err) must_check;
int hv_domain_max_vcpus(struct hv *hv, uint32_t domid, uint32_t nr, struct err *err) must_check;
int hv_domain_max_mem(struct hv *hv, uint32_t domid, uint64_t max_kb, struct err *err) must_check;
int hv_domain_set_target(struct hv *hv, uint32_t domid, uint32_t target, struct err *err)
	must_check;
int hv_domain_set_address_size(struct hv *hv, uint32_t domid, unsigned bits, struct err *err)
	must_check;
/* Keep so many pages of the host's for the domain, those it has among them, until it has them:
 * ENOMEM when there are not so many that nobody claims. 0: no more than it has. */
int hv_domain_claim(struct hv *hv, uint32_t domid, uint64_t nr_pages, struct err *err) must_check;
int hv_p2m_pool_set(struct hv *hv, uint32_t domid, uint64_t bytes, struct err *err) must_check;
int hv_p2m_pool_get(struct hv *hv, uint32_t domid, uint64_t *bytes, struct err *err) must_check;
int hv_llc_colors_set(struct hv *hv, uint32_t domid, const uint32_t *colors, unsigned nr,
		      struct err *err) must_check;		/* ENOSYS before 4.20 */
int hv_set_debugging(struct hv *hv, uint32_t domid, bool on, struct err *err) must_check;
int hv_max_gpfn(struct hv *hv, uint32_t domid, uint64_t *gfn, struct err *err) must_check;

/* --- vcpus ------------------------------------------------------------------------------------ */

/* The state vcpu 0 starts in; registers follow the 64-bit (x0..) or 32-bit (r0..) entry. */
struct hv_vcpu_entry {
	bool is_64bit;
	uint64_t pc;
	uint64_t r[4];
};
struct hv_vcpuinfo {
	bool is_online, is_blocked, is_running;
	uint64_t cpu_time_ns;
	uint32_t pcpu;
};

int hv_vcpu_set_entry(struct hv *hv, uint32_t domid, uint32_t vcpu,
		      const struct hv_vcpu_entry *entry, struct err *err) must_check;
int hv_vcpu_info(struct hv *hv, uint32_t domid, uint32_t vcpu, struct hv_vcpuinfo *out,
		 struct err *err) must_check;
/* The core registers of a vcpu, as Xen numbers them: in a 32-bit guest x[13] and x[14] are sp and
 * lr of user mode, x[16] to x[30] the banked ones (see vcpu_guest_core_regs in public/arch-arm.h).
 * ENODATA: the vcpu was never started. */
struct hv_vcpu_regs {
	uint64_t x[31], sp_el0, sp_el1, pc, cpsr;
};
int hv_vcpu_regs(struct hv *hv, uint32_t domid, uint32_t vcpu, struct hv_vcpu_regs *out,
		 struct err *err) must_check;
/* Either map may be NULL: not touched. Xen's answer (what took effect) comes back in the maps. */
int hv_vcpu_set_affinity(struct hv *hv, uint32_t domid, uint32_t vcpu, struct bitmap *hard,
			 struct bitmap *soft, bool force, struct err *err) must_check;
int hv_vcpu_get_affinity(struct hv *hv, uint32_t domid, uint32_t vcpu, struct bitmap *hard,
			 struct bitmap *soft, struct err *err) must_check;
int hv_node_set_affinity(struct hv *hv, uint32_t domid, const struct bitmap *nodes, struct err *err)
	must_check;
int hv_node_get_affinity(struct hv *hv, uint32_t domid, struct bitmap *nodes, struct err *err)
	must_check;

/* --- memory ----------------------------------------------------------------------------------- */

/* Populate nr extents of 2^order pages, from base_gfn upwards, contiguous. *done (never NULL)
 * counts the extents made, also on failure. */
int hv_populate(struct hv *hv, uint32_t domid, uint64_t base_gfn, uint64_t nr, unsigned order,
		uint64_t *done, struct err *err) must_check;
int hv_remove_from_physmap(struct hv *hv, uint32_t domid, uint64_t gfn, struct err *err) must_check;
/* Clean the guest's view of frames that dom0 wrote through a cached mapping. */
int hv_cacheflush(struct hv *hv, uint32_t domid, uint64_t gfn, uint64_t nr, struct err *err)
	must_check;
/* Map nr consecutive guest frames read-write (MAP_SHARED). Unmap with hv_unmap, same nr. NULL and
 * err on failure; all or nothing. */
void *hv_map(struct hv *hv, uint32_t domid, uint64_t gfn, size_t nr, bool writable, struct err *err)
	must_check;
/* The same to read where a guest may have given frames back: one whose is_there says no must not be
 * looked at. */
const void *hv_map_what_is_there(struct hv *hv, uint32_t domid, uint64_t gfn, size_t nr,
				 bool *is_there, struct err *err) must_check;
void hv_unmap(struct hv *hv, const void *addr, size_t nr);
/*
 * A domain's grant table, frame 0, held open while the domain is built. What a domain is loaded
 * with is copied by Xen from our memory, through entries made for the occasion and taken back: a
 * foreign mapping costs two hypercalls, a change of our own physical map and a TLB flush for every
 * page, a copy a sixteenth of a hypercall. The domain must not have run yet.
 */
struct hv_grants;
int hv_grants_open(struct hv *hv, uint32_t domid, struct hv_grants **out, struct err *err)
	must_check;
/* Entry `ref` (below HV_GRANTS_RESERVED) gives `domid_to` access to frame `gfn`. */
#define HV_GRANTS_RESERVED 8
void hv_grants_seed(struct hv_grants *g, uint32_t ref, uint32_t domid_to, uint64_t gfn);
/* Copy len bytes to guest physical address gpa. */
int hv_grants_copy(struct hv_grants *g, uint64_t gpa, const void *data, size_t len, struct err *err)
	must_check;
void hv_grants_close(struct hv_grants *g);	/* NULL is fine */
int hv_grant_size(struct hv *hv, uint32_t domid, uint32_t *nr_frames, uint32_t *max_frames,
		  struct err *err) must_check;

/* --- event channels, parameters --------------------------------------------------------------- */

int hv_evtchn_alloc_unbound(struct hv *hv, uint32_t domid, uint32_t remote, uint32_t *port,
			    struct err *err) must_check;
enum hv_param {			/* values are Xen's, public/hvm/params.h */
	HV_PARAM_CALLBACK_IRQ = 0, HV_PARAM_STORE_PFN = 1, HV_PARAM_STORE_EVTCHN = 2,
	HV_PARAM_CONSOLE_PFN = 17, HV_PARAM_CONSOLE_EVTCHN = 18, HV_PARAM_MONITOR_RING_PFN = 28,
};
int hv_param_set(struct hv *hv, uint32_t domid, enum hv_param param, uint64_t value,
		 struct err *err) must_check;
int hv_param_get(struct hv *hv, uint32_t domid, enum hv_param param, uint64_t *value,
		 struct err *err) must_check;
/* The emulated pl011: its ring page, the domain that serves it; *port is that domain's unbound
 * end. */
int hv_vuart_init(struct hv *hv, uint32_t domid, uint32_t console_domid, uint64_t gfn,
		  uint32_t *port, struct err *err) must_check;

/* --- a guest as a peer ------------------------------------------------------------------------ */

/* A page that a guest granted to this domain and an event channel it made for it, as drivers share
 * them. Nothing in the page can be trusted, and it may change at any time. */
struct hv_peer;
int hv_peer_open(struct hv *hv, uint32_t domid, uint32_t ref, uint32_t remote_port,
		 struct hv_peer **out, struct err *err) must_check;
volatile void *hv_peer_page(struct hv_peer *p);		/* HV_PAGE_SIZE bytes */
int hv_peer_notify(struct hv_peer *p, struct err *err) must_check;
/* Wait for the guest's next event. 1: it came; 0: not in time; -1: failed. */
int hv_peer_wait(struct hv_peer *p, int timeout_ms, struct err *err) must_check;
void hv_peer_close(struct hv_peer *p);			/* NULL is fine */

/* --- devices ---------------------------------------------------------------------------------- */

int hv_iomem_permission(struct hv *hv, uint32_t domid, uint64_t mfn, uint64_t nr, bool allow,
			struct err *err) must_check;
/* Chunked inside (XSA-125); undone as a whole when a part fails. */
int hv_memory_mapping(struct hv *hv, uint32_t domid, uint64_t gfn, uint64_t mfn, uint64_t nr,
		      bool add, struct err *err) must_check;
int hv_irq_permission(struct hv *hv, uint32_t domid, uint32_t irq, bool allow, struct err *err)
	must_check;
int hv_spi_bind(struct hv *hv, uint32_t domid, uint32_t spi, struct err *err) must_check;
int hv_spi_unbind(struct hv *hv, uint32_t domid, uint32_t spi, struct err *err) must_check;
int hv_dtdev_assign(struct hv *hv, uint32_t domid, const char *dt_path, struct err *err) must_check;
int hv_dtdev_deassign(struct hv *hv, uint32_t domid, const char *dt_path, struct err *err)
	must_check;
int hv_dtdev_test(struct hv *hv, uint32_t domid, const char *dt_path, struct err *err) must_check;
/* Add to and remove from the host's tree (any domid), or hand what was added to a domain. ENOSYS
 * before 4.20. */
enum hv_dt_overlay { HV_DT_OVERLAY_ADD = 1, HV_DT_OVERLAY_REMOVE = 2, HV_DT_OVERLAY_ATTACH = 3 };
int hv_dt_overlay(struct hv *hv, uint32_t domid, const void *dtbo, uint32_t size, unsigned op,
		  struct err *err) must_check;

/* --- schedulers, cpupools --------------------------------------------------------------------- */

enum hv_sched {
	HV_SCHED_CREDIT = 5,
	HV_SCHED_CREDIT2 = 6,
	HV_SCHED_ARINC653 = 7,
	HV_SCHED_RTDS = 8,
	HV_SCHED_NULL = 9
};
struct hv_sched_credit { uint32_t weight, cap; };
struct hv_sched_credit_params { uint32_t tslice_ms, ratelimit_us, migration_delay_us; };
struct hv_sched_rtds { uint32_t period_us, budget_us; bool extratime; };
struct hv_arinc653_entry { uint8_t uuid[HV_UUID_LEN]; uint32_t vcpu; uint64_t runtime_ns; };
#define HV_ARINC653_MAX 64
struct hv_arinc653_schedule {
	uint64_t major_frame_ns;
	unsigned nr;
	struct hv_arinc653_entry entries[HV_ARINC653_MAX];
};

/* sched: HV_SCHED_CREDIT or HV_SCHED_CREDIT2 (cap and weight have the same shape). */
int hv_sched_credit_get(struct hv *hv, uint32_t domid, enum hv_sched sched,
			struct hv_sched_credit *out, struct err *err) must_check;
int hv_sched_credit_set(struct hv *hv, uint32_t domid, enum hv_sched sched,
			const struct hv_sched_credit *in, struct err *err) must_check;
int hv_sched_credit_params_get(struct hv *hv, uint32_t pool, enum hv_sched sched,
			       struct hv_sched_credit_params *out, struct err *err) must_check;
int hv_sched_credit_params_set(struct hv *hv, uint32_t pool, enum hv_sched sched,
			       const struct hv_sched_credit_params *in, struct err *err) must_check;
int hv_sched_rtds_get(struct hv *hv, uint32_t domid, struct hv_sched_rtds *out, struct err *err)
	must_check;
int hv_sched_rtds_vcpu_get(struct hv *hv, uint32_t domid, const uint32_t *vcpus,
			   struct hv_sched_rtds *out, unsigned nr, struct err *err) must_check;
int hv_sched_rtds_vcpu_set(struct hv *hv, uint32_t domid, const uint32_t *vcpus,
			   const struct hv_sched_rtds *in, unsigned nr, struct err *err) must_check;
int hv_arinc653_get(struct hv *hv, uint32_t pool, struct hv_arinc653_schedule *out, struct err *err)
	must_check;
int hv_arinc653_set(struct hv *hv, uint32_t pool, const struct hv_arinc653_schedule *in,
		    struct err *err) must_check;

#define HV_CPUPOOL_ANY UINT32_MAX
struct hv_cpupool { uint32_t id; enum hv_sched sched; uint32_t nr_domains; struct bitmap cpus; };
/* The first pool with an id >= id. ENOENT: none. */
int hv_cpupool_info(struct hv *hv, uint32_t id, struct hv_cpupool *out, struct err *err) must_check;
int hv_cpupool_create(struct hv *hv, enum hv_sched sched, uint32_t *id, struct err *err) must_check;
int hv_cpupool_destroy(struct hv *hv, uint32_t id, struct err *err) must_check;
int hv_cpupool_add_cpu(struct hv *hv, uint32_t id, int cpu, struct err *err)
	must_check; /* -1: any free one */
int hv_cpupool_remove_cpu(struct hv *hv, uint32_t id, int cpu, struct err *err)
	must_check; /* -1: any */
int hv_cpupool_move_domain(struct hv *hv, uint32_t id, uint32_t domid, struct err *err) must_check;
int hv_cpupool_free_cpus(struct hv *hv, struct bitmap *cpus, struct err *err) must_check;

/* --- XSM -------------------------------------------------------------------------------------- */

int hv_flask_context(struct hv *hv, uint32_t ssidref, char *buf, size_t size, struct err *err)
	must_check;
int hv_flask_sid(struct hv *hv, const char *context, uint32_t *ssidref, struct err *err) must_check;
int hv_flask_getenforce(struct hv *hv, int *mode, struct err *err)
	must_check; /* ENOSYS: no Flask */
int hv_flask_setenforce(struct hv *hv, int mode, struct err *err) must_check;
int hv_flask_load(struct hv *hv, const void *policy, size_t size, struct err *err) must_check;
int hv_flask_relabel(struct hv *hv, uint32_t domid, uint32_t ssidref, struct err *err) must_check;

#endif
