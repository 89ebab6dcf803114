// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The fake libxenforeignmemory and libxengnttab: what dom0 maps of a guest. A mapping holds its
 * domain, as in Xen: a domain that is destroyed while mapped stays as a zombie.
 */
#include "tests/fake/model.h"

#include <sys/mman.h>

struct mapping {
	struct list link;
	struct fake_domain *domain;
	void *addr;
	size_t nr;
};
static struct list mappings = LIST_INIT(mappings);

struct xenforeignmemory_handle { int unused; };
struct xengntdev_handle { int unused; };
struct xenforeignmemory_resource_handle { void *addr; };

static void *hold(struct fake_domain *d, void *addr, size_t nr)
{
	struct mapping *m;

	if (!addr)
		return NULL;
	m = xcalloc(1, sizeof(*m));
	*m = (struct mapping){ .domain = d, .addr = addr, .nr = nr };
	list_add_tail(&mappings, &m->link);
	d->nr_maps++;
	return addr;
}

static int let_go(void *addr, size_t nr)
{
	struct mapping *m;

	list_for_each_entry(m, &mappings, link) {
		if (m->addr != addr || m->nr != nr)
			continue;
		munmap(addr, nr * FAKE_PAGE);
		list_del(&m->link);
		fake_domain_put_maps(m->domain, 1);
		free(m);
		return 0;
	}
	fake_blame("unmapped what was not mapped like that");
	return fake_fail(EINVAL);
}

/* --- foreign memory --------------------------------------------------------------------------- */

static struct xenforeignmemory_handle the_handle;

xenforeignmemory_handle *xc_interface_fmem_handle(xc_interface *xch)
{
	return &the_handle;
}

xenforeignmemory_handle *xenforeignmemory_open(struct xentoollog_logger *logger,
					       unsigned open_flags)
{
	POINT(NULL);
	return &the_handle;
}

int xenforeignmemory_close(xenforeignmemory_handle *fmem)
{
	return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *fmem, uint32_t dom, int prot, size_t pages,
			   const xen_pfn_t arr[], int errs[])
{
	struct fake_domain *d;
	void *addr;

	POINT(NULL);
	d = fake_domain_or_errno(dom);
	if (!d || d->is_dying || pages == 0)
		return NULL;
	addr = hold(d, fake_map_frames(d, arr, pages, prot, errs), pages);
	for (size_t i = 0; addr && (prot & PROT_WRITE) && i < pages; i++)
		runs_add(&d->dirty, arr[i], 1);
	return addr;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *fmem, void *addr, size_t pages)
{
	return let_go(addr, pages);
}

xenforeignmemory_resource_handle *
xenforeignmemory_map_resource(xenforeignmemory_handle *fmem, domid_t domid, unsigned int type,
			      unsigned int id, unsigned long frame, unsigned long nr_frames,
			      void **paddr, int prot, int flags)
{
	const xen_pfn_t gfn = FAKE_GRANT_TABLE_GFN;
	xenforeignmemory_resource_handle *r;
	struct fake_domain *d;
	void *addr;

	POINT(NULL);
	if (!fake_host.has_acquire_resource) {
		errno = EOPNOTSUPP;
		return NULL;
	}
	d = fake_domain_or_errno(domid);
	if (!d || d->is_dying)
		return NULL;
	if (type != XENMEM_resource_grant_table || id != XENMEM_resource_grant_table_id_shared ||
	    frame != 0 || nr_frames != 1) {
		errno = EINVAL;
		return NULL;
	}
	addr = hold(d, fake_map_frames(d, &gfn, 1, prot, NULL), 1);
	if (!addr)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->addr = addr;
	*paddr = addr;
	return r;
}

int xenforeignmemory_unmap_resource(xenforeignmemory_handle *fmem,
				    xenforeignmemory_resource_handle *r)
{
	int rc = let_go(r->addr, 1);

	free(r);
	return rc;
}

/* --- grants ----------------------------------------------------------------------------------- */

xengnttab_handle *xengnttab_open(struct xentoollog_logger *logger, unsigned open_flags)
{
	POINT(NULL);
	return xcalloc(1, sizeof(struct xengntdev_handle));
}

int xengnttab_close(xengnttab_handle *xgt)
{
	free(xgt);
	return 0;
}

/* The fake has no limit, as newer kernels. */
int xengnttab_set_max_grants(xengnttab_handle *xgt, uint32_t nr_grants)
{
	return 0;
}

/* The frame that a guest's entry opens to dom0; false: none. */
static bool granted(struct fake_domain *d, uint32_t ref, bool is_write, uint64_t *gfn)
{
	grant_entry_v1_t e;

	if (ref >= FAKE_PAGE / sizeof(e))
		return false;
	e = d->grants[ref];
	*gfn = e.frame;
	return (e.flags & GTF_type_mask) == GTF_permit_access && e.domid == 0 &&
	       !(is_write && (e.flags & GTF_readonly)) && runs_have(&d->ram, e.frame, 1);
}

void *xengnttab_map_grant_ref(xengnttab_handle *xgt, uint32_t domid, uint32_t ref, int prot)
{
	struct fake_domain *d;
	uint64_t gfn;

	POINT(NULL);
	d = fake_domain_or_errno(domid);
	if (!d)
		return NULL;
	if (d->is_dying || !granted(d, ref, prot & PROT_WRITE, &gfn)) {
		errno = EINVAL;
		return NULL;
	}
	return hold(d, fake_map_frames(d, &(xen_pfn_t){ gfn }, 1, prot, NULL), 1);
}

int xengnttab_unmap(xengnttab_handle *xgt, void *start_address, uint32_t count)
{
	return let_go(start_address, count);
}

static int16_t copy_to_guest(const xengnttab_grant_copy_segment_t *seg)
{
	struct fake_domain *d = fake_domain(seg->dest.foreign.domid);
	uint64_t gfn;
	off_t at;

	if (!d)
		return GNTST_bad_domain;
	if (seg->flags != GNTCOPY_dest_gref || seg->dest.foreign.offset + seg->len > FAKE_PAGE)
		return GNTST_bad_copy_arg;
	if (!granted(d, seg->dest.foreign.ref, true, &gfn))
		return GNTST_bad_gntref;
	at = (off_t)(gfn * FAKE_PAGE + seg->dest.foreign.offset);
	if (pwrite(d->memfd, seg->source.virt, seg->len, at) != seg->len)
		return GNTST_general_error;
	runs_add(&d->dirty, gfn, 1);
	return GNTST_okay;
}

int xengnttab_grant_copy(xengnttab_handle *xgt, uint32_t count,
			 xengnttab_grant_copy_segment_t *segs)
{
	POINT(-1);
	for (uint32_t i = 0; i < count; i++)
		segs[i].status = copy_to_guest(&segs[i]);
	return 0;
}
