// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The fake libxenctrl: memory of domains, their parameters and event channels, and pieces of the
 * host they are given. The P2M pool is counted as Arm's page tables take it: a page for each table
 * of 4 KiB, 2 MiB and 1 GiB entries that is touched.
 */
#include "tests/fake/model.h"

/* --- the P2M pool ----------------------------------------------------------------------------- */

static bool take_table(struct fake_domain *d, unsigned level, uint64_t index)
{
	struct { uint64_t level, index; } key = { level, index };

	if (hash_get(d->tables, &key, sizeof(key)))
		return true;
	if ((d->pool_used + 1) * FAKE_PAGE > d->pool_bytes)
		return false;
	d->pool_used++;
	if (hash_set(d->tables, &key, sizeof(key), d, NULL) < 0)
		abort();
	return true;
}

/* Tables for an extent: the smaller its order, the deeper they go. */
static bool take_tables(struct fake_domain *d, uint64_t gfn, unsigned order)
{
	return take_table(d, 1, gfn >> 27) && (order >= 18 || take_table(d, 2, gfn >> 18)) &&
	       (order >= 9 || take_table(d, 3, gfn >> 9));
}

int xc_set_paging_mempool_size(xc_interface *xch, uint32_t domid, uint64_t size)
{
	DOMAIN_POINT(d, domid);

	if (size % FAKE_PAGE)
		return fake_fail(EINVAL);
	if (size / FAKE_PAGE < d->pool_used)
		return fake_fail(ENOMEM);
	if (size > d->pool_bytes &&
	    (size - d->pool_bytes) / FAKE_PAGE > fake()->free_pages - fake()->claimed_pages)
		return fake_fail(ENOMEM);
	fake()->free_pages += d->pool_bytes / FAKE_PAGE;
	fake()->free_pages -= size / FAKE_PAGE;
	d->pool_bytes = size;
	return 0;
}

int xc_get_paging_mempool_size(xc_interface *xch, uint32_t domid, uint64_t *size)
{
	DOMAIN_POINT(d, domid);

	*size = d->pool_bytes;
	return 0;
}

/* --- RAM -------------------------------------------------------------------------------------- */

/* Fresh pages hold what their last owner left, never zeroes; large ones only where somebody would
 * look first. */
static void fill_garbage(struct fake_domain *d, uint64_t gfn, uint64_t nr)
{
	static uint8_t garbage[8 * FAKE_PAGE];
	size_t len = nr * FAKE_PAGE < sizeof(garbage) ? nr * FAKE_PAGE : sizeof(garbage);

	if (garbage[0] == 0)
		memset(garbage, 0xa5, sizeof(garbage));
	if (pwrite(d->memfd, garbage, len, (off_t)(gfn * FAKE_PAGE)) != (ssize_t)len)
		abort();
}

static bool populate(struct fake_domain *d, uint64_t gfn, unsigned order)
{
	uint64_t nr = 1ull << order, own = nr < d->claimed_pages ? nr : d->claimed_pages;

	if (d->tot_pages + nr > d->max_pages ||
	    nr - own > fake()->free_pages - fake()->claimed_pages || !take_tables(d, gfn, order))
		return false;
	if (runs_touch(&d->ram, gfn, nr))
		fake_blame("domain %u: frame %#llx populated twice", d->domid,
			   (unsigned long long)gfn);
	fill_garbage(d, gfn, nr);
	runs_add(&d->ram, gfn, nr);
	d->tot_pages += nr;
	fake()->free_pages -= nr;
	d->claimed_pages -= own;
	fake()->claimed_pages -= own;
	return true;
}

int xc_domain_claim_pages(xc_interface *xch, uint32_t domid, unsigned long nr_pages)
{
	struct fake_domain *d;

	POINT(-1);
	d = fake_domain_or_errno(domid);
	if (!d)
		return -1;
	if (nr_pages && (d->claimed_pages || nr_pages <= d->tot_pages || nr_pages > d->max_pages))
		return fake_fail(EINVAL);
	if (nr_pages && nr_pages - d->tot_pages > fake()->free_pages - fake()->claimed_pages)
		return fake_fail(ENOMEM);
	fake()->claimed_pages -= d->claimed_pages;
	d->claimed_pages = nr_pages ? nr_pages - d->tot_pages : 0;
	fake()->claimed_pages += d->claimed_pages;
	return 0;
}

int xc_domain_populate_physmap(xc_interface *xch, uint32_t domid, unsigned long nr_extents,
			       unsigned int extent_order, unsigned int mem_flags,
			       xen_pfn_t *extent_start)
{
	unsigned long i;
	DOMAIN_POINT(d, domid);

	if (extent_order > 18)
		return fake_fail(EINVAL);
	for (i = 0; i < nr_extents && populate(d, extent_start[i], extent_order); i++)
		;
	return (int)i;
}

int xc_domain_add_to_physmap(xc_interface *xch, uint32_t domid, unsigned int space,
			     unsigned long idx, xen_pfn_t gpfn)
{
	DOMAIN_POINT(d, domid);

	if (space != XENMAPSPACE_grant_table || idx != 0)
		return fake_fail(EINVAL);
	d->grant_gfn = gpfn;
	return 0;
}

int xc_domain_remove_from_physmap(xc_interface *xch, uint32_t domid, xen_pfn_t gpfn)
{
	DOMAIN_POINT(d, domid);

	if (d->grant_gfn == gpfn)
		d->grant_gfn = UINT64_MAX;
	else if (!runs_have(&d->ram, gpfn, 1))
		return fake_fail(EINVAL);
	else
		runs_del(&d->ram, gpfn, 1);
	runs_del(&d->dirty, gpfn, 1);
	return 0;
}

int xc_domain_cacheflush(xc_interface *xch, uint32_t domid, xen_pfn_t start_pfn, xen_pfn_t nr_pfns)
{
	DOMAIN_POINT(d, domid);

	if (nr_pfns > 1u << 18)
		return fake_fail(EINVAL);
	runs_del(&d->dirty, start_pfn, nr_pfns);
	return 0;
}

int xc_domain_maximum_gpfn(xc_interface *xch, uint32_t domid, xen_pfn_t *gpfns)
{
	DOMAIN_POINT(d, domid);

	*gpfns = 0;
	for (size_t i = 0; i < d->ram.n; i++)
		if (d->ram.v[i].gfn + d->ram.v[i].nr - 1 > *gpfns)
			*gpfns = d->ram.v[i].gfn + d->ram.v[i].nr - 1;
	return 0;
}

int xc_gnttab_query_size(xc_interface *xch, struct gnttab_query_size *query)
{
	POINT(-1);
	query->status = fake_domain(query->dom) ? GNTST_okay : GNTST_bad_domain;
	query->nr_frames = 1;
	query->max_nr_frames = 64;
	return 0;
}

/* --- parameters, event channels --------------------------------------------------------------- */

xc_evtchn_port_or_error_t xc_evtchn_alloc_unbound(xc_interface *xch, uint32_t dom,
						  uint32_t remote_dom)
{
	struct fake_domain *d;

	POINT(-1);
	d = fake_domain_or_errno(dom);
	return d ? fake_port_alloc(d, remote_dom) : -1;
}

static uint64_t *param_of(uint32_t dom, uint32_t param)
{
	struct fake_domain *d = fake_domain_or_errno(dom);

	if (d && param >= HVM_NR_PARAMS) {
		errno = EINVAL;
		return NULL;
	}
	return d ? &d->params[param] : NULL;
}

int xc_hvm_param_set(xc_interface *handle, uint32_t dom, uint32_t param, uint64_t value)
{
	uint64_t *p;

	POINT(-1);
	p = param_of(dom, param);
	if (!p)
		return -1;
	*p = value;
	return 0;
}

int xc_hvm_param_get(xc_interface *handle, uint32_t dom, uint32_t param, uint64_t *value)
{
	const uint64_t *p;

	POINT(-1);
	p = param_of(dom, param);
	if (!p)
		return -1;
	*value = *p;
	return 0;
}

int xc_dom_vuart_init(xc_interface *xch, uint32_t type, uint32_t domid, uint32_t console_domid,
		      xen_pfn_t gfn, evtchn_port_t *evtchn)
{
	int port;
	DOMAIN_POINT(d, domid);

	if (d->is_created)
		return fake_fail(EPERM);
	if (type != XEN_DOMCTL_VUART_TYPE_VPL011 || !runs_have(&d->ram, gfn, 1) || d->has_vuart)
		return fake_fail(EINVAL);
	port = fake_port_alloc(d, console_domid);
	if (port < 0)
		return -1;
	d->has_vuart = true;
	*evtchn = (evtchn_port_t)port;
	return 0;
}

/* --- pieces of the host ----------------------------------------------------------------------- */

int xc_domain_iomem_permission(xc_interface *xch, uint32_t domid, unsigned long first_mfn,
			       unsigned long nr_mfns, uint8_t allow_access)
{
	DOMAIN_POINT(d, domid);

	runs_del(&d->iomem, first_mfn, nr_mfns);
	if (allow_access)
		runs_add(&d->iomem, first_mfn, nr_mfns);
	return 0;
}

int xc_domain_irq_permission(xc_interface *xch, uint32_t domid, uint32_t pirq, bool allow_access)
{
	DOMAIN_POINT(d, domid);

	if (pirq >= 1020)
		return fake_fail(EINVAL);
	if (allow_access)
		bitmap_set(&d->irqs_permitted, pirq);
	else
		bitmap_clear(&d->irqs_permitted, pirq);
	return 0;
}

static bool is_routed(uint32_t spi)
{
	struct fake_domain *d;

	list_for_each_entry(d, &fake()->domains, link)
		if (bitmap_has(&d->irqs_routed, spi))
			return true;
	return false;
}

int xc_domain_bind_pt_spi_irq(xc_interface *xch, uint32_t domid, uint16_t vspi, uint16_t spi)
{
	DOMAIN_POINT(d, domid);

	if (vspi != spi)
		return fake_fail(EOPNOTSUPP);
	if (spi < 32 || spi >= 32 + d->nr_spis)
		return fake_fail(EINVAL);
	if (is_routed(spi))
		return fake_fail(EBUSY);
	bitmap_set(&d->irqs_routed, spi);
	return 0;
}

int xc_domain_unbind_pt_spi_irq(xc_interface *xch, uint32_t domid, uint16_t vspi, uint16_t spi)
{
	DOMAIN_POINT(d, domid);

	if (!bitmap_has(&d->irqs_routed, spi))
		return fake_fail(EINVAL);
	bitmap_clear(&d->irqs_routed, spi);
	return 0;
}

static uint32_t *dt_device(const char *path)
{
	for (size_t i = 0; i < array_size(fake_host.dt_devices); i++)
		if (fake_host.dt_devices[i] && strcmp(fake_host.dt_devices[i], path) == 0)
			return &fake()->dt_owner[i];
	errno = ENODEV;
	return NULL;
}

int xc_assign_dt_device(xc_interface *xch, uint32_t domid, char *path)
{
	struct fake_domain *d;
	uint32_t *owner;

	POINT(-1);
	d = fake_domain_or_errno(domid);
	owner = d ? dt_device(path) : NULL;
	if (!owner)
		return -1;
	if (*owner)
		return fake_fail(EBUSY);
	if (!(d->cdf_flags & XEN_DOMCTL_CDF_iommu))
		return fake_fail(EINVAL);
	*owner = domid;
	return 0;
}

int xc_deassign_dt_device(xc_interface *xch, uint32_t domid, char *path)
{
	uint32_t *owner;

	POINT(-1);
	owner = dt_device(path);
	if (!owner)
		return -1;
	if (*owner != domid)
		return fake_fail(ENODEV);
	*owner = 0;
	return 0;
}

int xc_test_assign_dt_device(xc_interface *xch, uint32_t domid, char *path)
{
	uint32_t *owner;

	POINT(-1);
	owner = dt_device(path);
	if (!owner)
		return -1;
	return *owner ? fake_fail(EINVAL) : 0;
}

/* --- what newer releases have ----------------------------------------------------------------- */

#ifdef HAVE_XC_DOMAIN_SET_LLC_COLORS
int xc_domain_set_llc_colors(xc_interface *xch, uint32_t domid, const uint32_t *llc_colors,
			     uint32_t num_llc_colors)
{
	DOMAIN_POINT(d, domid);

	/* Before there is memory to colour. */
	return d->tot_pages ? fake_fail(EEXIST) : 0;
}
#endif

#ifdef HAVE_XC_DT_OVERLAY
int xc_dt_overlay(xc_interface *xch, void *overlay_fdt, uint32_t overlay_fdt_size,
		  uint8_t overlay_op)
{
	POINT(-1);
	return overlay_fdt_size ? 0 : fake_fail(EINVAL);
}
#endif

#ifdef HAVE_XC_DT_OVERLAY_DOMAIN
int xc_dt_overlay_domain(xc_interface *xch, void *overlay_fdt, uint32_t overlay_fdt_size,
			 uint8_t overlay_op, uint32_t domain_id)
{
	POINT(-1);
	return fake_domain_or_errno(domain_id) ? 0 : -1;
}
#endif
