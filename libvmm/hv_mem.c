// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Hypercalls about a domain's memory, its grant table, event channels and HVM parameters. Knows
 * batch sizes and Xen's structures; where things lie in a guest is layout.c's business.
 */
#include <limits.h>
#include "base/mem.h"
#include "base/num.h"
#include "libvmm/hv.h"
#include "libvmm/hv_call.h"

int hv_domain_claim(struct hv *hv, uint32_t domid, uint64_t nr_pages, struct err *err)
{
	return hv_done(hv, xc_domain_claim_pages(hv->xc, domid, nr_pages), err, "claim_pages",
		       domid, "%llu", (unsigned long long)nr_pages);
}

/* --- frames ----------------------------------------------------------------------------------- */

/* As many frame numbers as fill the page that libxenctrl keeps at hand as a hypercall buffer. */
#define POPULATE_BATCH (HV_PAGE_SIZE / sizeof(xen_pfn_t))

int hv_populate(struct hv *hv, uint32_t domid, uint64_t base_gfn, uint64_t nr, unsigned order,
		uint64_t *done, struct err *err)
{
	xen_pfn_t gfns[POPULATE_BATCH];

	*done = 0;
	while (*done < nr) {
		uint64_t left = nr - *done, gfn = base_gfn + (*done << order);
		unsigned batch = left < POPULATE_BATCH ? left : POPULATE_BATCH;
		int got;

		for (unsigned i = 0; i < batch; i++)
			gfns[i] = gfn + ((uint64_t)i << order);
		got = xc_domain_populate_physmap(hv->xc, domid, batch, order, 0, gfns);
		if (hv_done(hv, got, err, "populate_physmap", domid, "gfn=%#llx nr=%u order=%u",
			    (unsigned long long)gfn, batch, order) < 0)
			return -1;
		*done += got;
		if ((unsigned)got < batch)
			return err_set(err, ENOMEM,
				       "hypercall populate_physmap for domain %u: out of memory at "
				       "gfn %#llx "
				       "(order %u)",
				       domid, (unsigned long long)gfns[got], order);
	}
	return 0;
}

int hv_remove_from_physmap(struct hv *hv, uint32_t domid, uint64_t gfn, struct err *err)
{
	return hv_done(hv, xc_domain_remove_from_physmap(hv->xc, domid, gfn), err,
		       "remove_from_physmap", domid, "gfn=%#llx", (unsigned long long)gfn);
}

/* Xen takes at most 2^MAX_ORDER frames a call. */
#define CACHEFLUSH_MAX (1u << 18)

int hv_cacheflush(struct hv *hv, uint32_t domid, uint64_t gfn, uint64_t nr, struct err *err)
{
	while (nr) {
		uint64_t n = nr < CACHEFLUSH_MAX ? nr : CACHEFLUSH_MAX;

		if (hv_done(hv, xc_domain_cacheflush(hv->xc, domid, gfn, n), err, "cacheflush",
			    domid, "gfn=%#llx nr=%llu", (unsigned long long)gfn,
			    (unsigned long long)n) < 0)
			return -1;
		gfn += n;
		nr -= n;
	}
	return 0;
}

static void *map_frames(struct hv *hv, uint32_t domid, uint64_t gfn, size_t nr, int prot,
			int *errs, struct err *err)
{
	autofree xen_pfn_t *gfns = xreallocarray(NULL, nr, sizeof(*gfns));
	void *addr;

	for (size_t i = 0; i < nr; i++)
		gfns[i] = gfn + i;
	addr = xenforeignmemory_map(hv->fmem, domid, prot, nr, gfns, errs);
	if (hv_done(hv, addr ? 0 : -1, err, "map", domid, "gfn=%#llx nr=%zu",
		    (unsigned long long)gfn, nr) < 0)
		return NULL;
	return addr;
}

void *hv_map(struct hv *hv, uint32_t domid, uint64_t gfn, size_t nr, bool writable, struct err *err)
{
	return map_frames(hv, domid, gfn, nr, PROT_READ | (writable ? PROT_WRITE : 0), NULL, err);
}

const void *hv_map_what_is_there(struct hv *hv, uint32_t domid, uint64_t gfn, size_t nr,
				 bool *is_there, struct err *err)
{
	autofree int *errs = xcalloc(nr, sizeof(*errs));
	void *addr = map_frames(hv, domid, gfn, nr, PROT_READ, errs, err);

	for (size_t i = 0; addr && i < nr; i++) {
		is_there[i] = errs[i] == 0;
		if (errs[i] != -ENOMEM)
			continue;
		hv_unmap(hv, addr, nr);
		err_set(err, ENOMEM, "map(domain %u, gfn=%#llx): no memory for it in domain 0",
			domid, (unsigned long long)(gfn + i));
		return NULL;
	}
	return addr;
}

void hv_unmap(struct hv *hv, const void *addr, size_t nr)
{
	/* The library takes a pointer to what it may write, as munmap does. */
	xenforeignmemory_unmap(hv->fmem, (void *)(uintptr_t)addr, nr);
}

/* --- the grant table -------------------------------------------------------------------------- */

#define GRANTS_PER_FRAME (HV_PAGE_SIZE / sizeof(grant_entry_v1_t))
#define COPY_BATCH 128
_Static_assert(HV_GRANTS_RESERVED + COPY_BATCH <= GRANTS_PER_FRAME, "one frame serves a batch");
_Static_assert((unsigned)HV_GRANTS_RESERVED == GNTTAB_NR_RESERVED_ENTRIES,
	       "Xen's own reserved entries");

/* Where a guest is to show its grant table: a place of the guest's physical map that is free by
 * definition. */
#define GNTTAB_GFN (GUEST_GNTTAB_BASE >> HV_PAGE_SHIFT)

struct hv_grants {
	struct hv *hv;
	uint32_t domid;
	grant_entry_v1_t *table;
	xenforeignmemory_resource_handle *resource; /* NULL: mapped the old way, see map_frame */
	xengnttab_grant_copy_segment_t segments[COPY_BATCH];
};

/* Xen or a kernel that cannot map a resource: show the frame to the guest for a moment and map it
 * as guest memory. */
static int map_frame(struct hv_grants *g, struct err *err)
{
	uint64_t gfn = GNTTAB_GFN;
	struct hv *hv = g->hv;

	if (hv_done(hv, xc_domain_add_to_physmap(hv->xc, g->domid, XENMAPSPACE_grant_table, 0, gfn),
		    err, "add_to_physmap", g->domid, "grant table at gfn=%#llx",
		    (unsigned long long)gfn) < 0)
		return -1;
	g->table = hv_map(hv, g->domid, gfn, 1, true, err);
	if (!g->table) {
		struct err ignored = ERR_INIT;

		/* The first failure is the one to tell of. */
		if (hv_remove_from_physmap(hv, g->domid, gfn, &ignored) < 0)
			err_append(err, "%s", ignored.msg);
		return -1;
	}
	return 0;
}

int hv_grants_open(struct hv *hv, uint32_t domid, struct hv_grants **out, struct err *err)
{
	struct hv_grants *g = xcalloc(1, sizeof(*g));
	struct err why = ERR_INIT;
	void *addr = NULL;

	g->hv = hv;
	g->domid = domid;
	g->resource = xenforeignmemory_map_resource(hv->fmem, domid, XENMEM_resource_grant_table,
						    XENMEM_resource_grant_table_id_shared, 0, 1,
						    &addr, PROT_READ | PROT_WRITE, 0);
	if (hv_done(hv, g->resource ? 0 : -1, &why, "acquire_resource", domid,
		    "grant table frame 0") == 0) {
		g->table = addr;
	} else if (map_frame(g, err) < 0) {
		free(g);
		return err_append(err, "before that, %s", why.msg);
	}
	*out = g;
	return 0;
}

void hv_grants_close(struct hv_grants *g)
{
	struct err ignored = ERR_INIT;

	if (!g)
		return;
	if (g->resource) {
		xenforeignmemory_unmap_resource(g->hv->fmem, g->resource);
	} else {
		hv_unmap(g->hv, g->table, 1);
		/* The guest starts with its cache off and must see what was written. Neither can be
		 * repaired here: a domain without them still runs, its grant table is only shown
		 * twice. */
		if (hv_cacheflush(g->hv, g->domid, GNTTAB_GFN, 1, &ignored) < 0 ||
		    hv_remove_from_physmap(g->hv, g->domid, GNTTAB_GFN, &ignored) < 0)
			err_clear(&ignored);
	}
	free(g);
}

static void entry_set(grant_entry_v1_t *entry, uint32_t domid_to, uint64_t gfn)
{
	entry->domid = domid_to;
	entry->frame = gfn;
	/* Xen looks at the flags first, and the guest may one day be watched by another
	 * processor. */
	__atomic_store_n(&entry->flags, GTF_permit_access, __ATOMIC_RELEASE);
}

static void entry_clear(grant_entry_v1_t *entry)
{
	__atomic_store_n(&entry->flags, 0, __ATOMIC_RELEASE);
	entry->domid = 0;
	entry->frame = 0;
}

void hv_grants_seed(struct hv_grants *g, uint32_t ref, uint32_t domid_to, uint64_t gfn)
{
	if (ref < HV_GRANTS_RESERVED)
		entry_set(&g->table[ref], domid_to, gfn);
}

static int copier_open(struct hv *hv, struct err *err)
{
	if (hv->gnttab)
		return 0;
	hv->gnttab = xengnttab_open(&quiet_logger, 0);
	if (hv->gnttab)
		return 0;
	return err_set(err, errno ? errno : EIO,
		       "opening /dev/xen/gntdev: %s; is the xen-gntdev driver loaded?",
		       strerror(errno));
}

/* The status of one segment is Xen's, not an errno. */
static int copy_status(struct hv_grants *g, const xengnttab_grant_copy_segment_t *seg, uint64_t gpa,
		       struct err *err)
{
	if (seg->status == GNTST_okay)
		return 0;
	return err_set(err, EFAULT,
		       "hypercall grant_copy for domain %u: status %d at guest address %#llx",
		       g->domid, seg->status, (unsigned long long)gpa);
}

/* Up to COPY_BATCH pages; *copied says how many bytes they were. */
static int copy_batch(struct hv_grants *g, uint64_t gpa, const uint8_t *data, size_t len,
		      size_t *copied, struct err *err)
{
	struct hv *hv = g->hv;
	unsigned nr = 0;
	size_t at = 0;
	int r;

	for (; at < len && nr < COPY_BATCH; nr++) {
		xengnttab_grant_copy_segment_t *seg = &g->segments[nr];
		uint32_t ref = HV_GRANTS_RESERVED + nr, offset = (gpa + at) & (HV_PAGE_SIZE - 1);
		size_t n = HV_PAGE_SIZE - offset;

		if (n > len - at)
			n = len - at;
		entry_set(&g->table[ref], 0, (gpa + at) >> HV_PAGE_SHIFT);
		*seg = (xengnttab_grant_copy_segment_t){
			.source.virt = (void *)(uintptr_t)(data + at),
			.dest.foreign = { .ref = ref, .offset = offset, .domid = g->domid },
			.len = n,
			.flags = GNTCOPY_dest_gref,
		};
		at += n;
	}
	r = hv_done(hv, xengnttab_grant_copy(hv->gnttab, nr, g->segments), err, "grant_copy",
		    g->domid, "gpa=%#llx bytes=%zu", (unsigned long long)gpa, at);
	for (unsigned i = 0; r == 0 && i < nr; i++)
		r = copy_status(g, &g->segments[i], gpa + i * HV_PAGE_SIZE, err);
	for (unsigned i = 0; i < nr; i++)
		entry_clear(&g->table[HV_GRANTS_RESERVED + i]);
	*copied = at;
	return r;
}

int hv_grants_copy(struct hv_grants *g, uint64_t gpa, const void *data, size_t len, struct err *err)
{
	const uint8_t *from = data;
	size_t n;

	/* Entries of version 1 hold 32 bits of frame number. */
	if (gpa + len < gpa || (gpa + len) >> HV_PAGE_SHIFT > UINT32_MAX)
		return err_set(err, EINVAL, "guest address %#llx is beyond what a grant can name",
			       (unsigned long long)gpa);
	if (copier_open(g->hv, err) < 0)
		return -1;
	for (; len; gpa += n, from += n, len -= n)
		if (copy_batch(g, gpa, from, len, &n, err) < 0)
			return -1;
	return 0;
}

int hv_grant_size(struct hv *hv, uint32_t domid, uint32_t *nr_frames, uint32_t *max_frames,
		  struct err *err)
{
	struct gnttab_query_size query = { .dom = domid };

	if (hv_done(hv, xc_gnttab_query_size(hv->xc, &query), err, "gnttab_query_size", domid,
		    NULL) < 0)
		return -1;
	if (query.status != GNTST_okay)
		return err_set(err, query.status == GNTST_bad_domain ? ESRCH : EINVAL,
			       "hypercall gnttab_query_size for domain %u: status %d", domid,
			       query.status);
	*nr_frames = query.nr_frames;
	*max_frames = query.max_nr_frames;
	return 0;
}

/* --- event channels, parameters --------------------------------------------------------------- */

int hv_evtchn_alloc_unbound(struct hv *hv, uint32_t domid, uint32_t remote, uint32_t *port,
			    struct err *err)
{
	int r = xc_evtchn_alloc_unbound(hv->xc, domid, remote);

	if (hv_done(hv, r, err, "evtchn_alloc_unbound", domid, "remote=%u", remote) < 0)
		return -1;
	*port = r;
	return 0;
}

int hv_param_set(struct hv *hv, uint32_t domid, enum hv_param param, uint64_t value,
		 struct err *err)
{
	return hv_done(hv, xc_hvm_param_set(hv->xc, domid, param, value), err, "hvm_param_set",
		       domid, "param=%u value=%#llx", (unsigned)param, (unsigned long long)value);
}

int hv_param_get(struct hv *hv, uint32_t domid, enum hv_param param, uint64_t *value,
		 struct err *err)
{
	return hv_done(hv, xc_hvm_param_get(hv->xc, domid, param, value), err, "hvm_param_get",
		       domid, "param=%u", (unsigned)param);
}

int hv_vuart_init(struct hv *hv, uint32_t domid, uint32_t console_domid, uint64_t gfn,
		  uint32_t *port, struct err *err)
{
	evtchn_port_t evtchn = 0;

	if (hv_done(hv,
		    xc_dom_vuart_init(hv->xc, XEN_DOMCTL_VUART_TYPE_VPL011, domid, console_domid,
				      gfn, &evtchn),
		    err, "vuart_init", domid, "console=%u gfn=%#llx", console_domid,
		    (unsigned long long)gfn) < 0)
		return -1;
	*port = evtchn;
	return 0;
}
