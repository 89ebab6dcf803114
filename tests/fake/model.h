/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_FAKE_MODEL_H
#define TESTS_FAKE_MODEL_H

#include "base/bitmap.h"
#include "base/hash.h"
#include "base/list.h"
#include "libvmm/arm_abi.h"
#include "tests/fake/fake.h"
#include "tests/fake/point.h"

/* The state behind the fake libraries. Real Xen's names and limits; sources are Xen 4.17's
 * xen/common and xen/arch/arm. */

#define FAKE_PAGE 4096u
#define FAKE_MAX_VCPUS 128

/* Runs of guest frames. */
struct fake_run { uint64_t gfn, nr; };
struct fake_runs { struct fake_run *v; size_t n; };
void runs_add(struct fake_runs *r, uint64_t gfn, uint64_t nr);
void runs_del(struct fake_runs *r, uint64_t gfn, uint64_t nr);
bool runs_have(const struct fake_runs *r, uint64_t gfn, uint64_t nr);
bool runs_touch(const struct fake_runs *r, uint64_t gfn, uint64_t nr);

enum fake_port_state { PORT_FREE, PORT_UNBOUND, PORT_BOUND, PORT_VIRQ };
struct fake_port {
	enum fake_port_state state;
	uint32_t remote_dom, remote_port, virq;
	unsigned nr_kicks;
	struct xenevtchn_handle *handle;	/* dom0's ports */
	bool is_masked, is_pending;
};
#define FAKE_MAX_PORTS 2048

struct fake_vcpu {
	bool is_initialised;
	vcpu_guest_context_t ctx;
	struct bitmap hard, soft;
};

struct fake_domain {
	struct list link;
	uint32_t domid, ssidref, target, pool, cdf_flags, nr_spis;
	xen_domain_handle_t handle;
	unsigned max_vcpus, nr_vcpus, bits;
	struct fake_vcpu *vcpus;
	uint64_t max_pages, tot_pages, claimed_pages;	/* claimed: still to come */
	/* The P2M pool: pages given, pages that tables took. */
	uint64_t pool_bytes, pool_used;
	struct hash *tables;
	struct fake_runs ram, dirty, iomem, mapped_iomem;
	int memfd;				/* the guest's memory: offset = gfn * page size */
	grant_entry_v1_t *grants;		/* its frame FAKE_GRANT_TABLE_GFN */
	uint64_t params[HVM_NR_PARAMS];
	struct fake_port ports[FAKE_MAX_PORTS];
	unsigned max_port, port_end;	/* may have; all from here on were never used */
	uint64_t grant_gfn; /* where the guest shows its grant table; ~0: nowhere */
	unsigned nr_pauses;
	unsigned nr_maps;			/* foreign and grant mappings of it in dom0 */
	bool is_created, is_dying, is_kept, is_shutdown, is_debugged, has_vuart;
	unsigned shutdown_reason;
	struct bitmap irqs_permitted, irqs_routed;	/* host SPIs, below 1020 */
	struct xen_domctl_sched_credit credit;
	struct xen_domctl_sched_credit2 credit2;
	struct xen_domctl_sched_rtds rtds;
	struct bitmap nodes;
};

struct fake_pool {
	bool is_there;
	uint32_t sched;
	struct bitmap cpus;
	struct xen_sysctl_credit_schedule credit;
	struct xen_sysctl_credit2_schedule credit2;
	struct xen_sysctl_arinc653_schedule arinc;
};
#define FAKE_MAX_POOLS 8

struct fake_state {
	struct list domains;		/* by domid */
	uint32_t last_domid;
	uint64_t free_pages, claimed_pages;	/* claimed: of the free ones, by all */
	struct fake_pool pools[FAKE_MAX_POOLS];
	uint32_t dt_owner[8];		/* of fake_host.dt_devices; 0: nobody */
	struct list handles;		/* of event channels */
	char violation[200];
};

/* The host, made when first asked for. */
struct fake_state *fake(void);
struct fake_domain *fake_domain(uint32_t domid);	/* NULL: none */
/* The same with errno = ESRCH. */
struct fake_domain *fake_domain_or_errno(uint32_t domid);

/* How a hypercall about one domain begins: it may fail as it is told to, or for want of the domain;
 * d is that domain from here on. */
#define DOMAIN_POINT(d, domid)                               \
	struct fake_domain *d;                               \
							     \
	POINT(-1);                                           \
	d = fake_domain_or_errno(domid);                     \
	if (!d)                                              \
		return -1
void fake_blame(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int fake_fail(int code);				/* errno = code; -1 */

struct fake_domain *fake_domain_add(uint32_t domid);
void fake_domain_destroy(struct fake_domain *d);
void fake_domain_put_maps(struct fake_domain *d,
			  unsigned nr); /* of a dying one the last mapping frees it */
/* Frame numbers in the guest's memory file beyond any gfn. */
#define FAKE_GRANT_TABLE_GFN (1ull << 30)
/* Map guest pages as dom0 does; NULL and errno. The frames must be populated. */
void *fake_map_frames(struct fake_domain *d, const xen_pfn_t *gfns, size_t nr, int prot, int *errs);

/* events.c */
int fake_port_alloc(struct fake_domain *d, uint32_t remote);	/* the port, or -1 and errno */
void fake_ports_close(struct fake_domain *d);
void fake_raise(struct fake_domain *d, uint32_t port);

#endif
