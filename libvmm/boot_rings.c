// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pages, grants and ports for the store and console rings of a guest that runs already. The
 * parameter the guest waits for is set last, and only when nothing can fail any more; a ring that
 * is there already (Xen 4.21 and later make it) is left as it is, requests included. It knows
 * nothing of the store.
 */
#include "libvmm/boot_rings.h"

#include <string.h>

#define RING_CONNECTION 2068u		/* in the store ring's page; public/io/xs_wire.h */
#define RING_RECONNECT 1u
/* Grant references that guests of either toolstack keep for these; public/grant_table.h,
 * GNTTAB_RESERVED_*. */
enum { GRANT_CONSOLE = 0, GRANT_STORE = 1 };
#define EXTRA_PAGES 4u			/* what the guest's limit is raised by for its magic pages */

bool boot_rings_unset(uint64_t param)
{
	return param == 0 || param == UINT64_MAX;
}

struct ring {
	enum hv_param param;
	enum layout_magic magic;
	uint32_t
		connection; /* what stands in its page at first; a console ring has nothing there */
	uint64_t gfn;
	bool is_new;		/* nobody knows it yet */
};

/* An earlier attempt may have got as far as this page. Guests whose RAM could lie there do not come
 * here. */
static int populate(struct hv *hv, uint32_t domid, uint64_t gfn, struct err *err)
{
	struct err absent = ERR_INIT;
	uint8_t *page = hv_map(hv, domid, gfn, 1, true, &absent);
	uint64_t done;

	if (page) {
		hv_unmap(hv, page, 1);
		return 0;
	}
	return hv_populate(hv, domid, gfn, 1, 0, &done, err);
}

/* Xen that was booted with bootscrub=0 hands out pages as it finds them. */
static int clear_ring(struct hv *hv, uint32_t domid, const struct ring *r, struct err *err)
{
	uint8_t *page = hv_map(hv, domid, r->gfn, 1, true, err);

	if (!page)
		return -1;
	memset(page, 0, HV_PAGE_SIZE);
	memcpy(page + RING_CONNECTION, &r->connection, sizeof(r->connection));
	hv_unmap(hv, page, 1);
	return hv_cacheflush(hv, domid, r->gfn, 1, err);
}

/* The ring the guest has, or one at the usual place. */
static int make_ring(struct hv *hv, uint32_t domid, struct ring *r, struct err *err)
{
	if (hv_param_get(hv, domid, r->param, &r->gfn, err) < 0)
		return -1;
	r->is_new = boot_rings_unset(r->gfn);
	if (!r->is_new)
		return 0;
	r->gfn = build_magic(r->magic) >> HV_PAGE_SHIFT;
	if (populate(hv, domid, r->gfn, err) < 0)
		return -1;
	return clear_ring(hv, domid, r, err);
}

static int console_port(struct hv *hv, struct build *build, struct err *err)
{
	uint32_t domid = build->created.domid;
	uint64_t port;

	if (hv_param_get(hv, domid, HV_PARAM_CONSOLE_EVTCHN, &port, err) < 0)
		return -1;
	build->console_port = (uint32_t)port;
	if (!boot_rings_unset(port))
		return 0;
	if (hv_evtchn_alloc_unbound(hv, domid, build->console_domid, &build->console_port, err) < 0)
		return -1;
	return hv_param_set(hv, domid, HV_PARAM_CONSOLE_EVTCHN, build->console_port, err);
}

static int seed_grants(struct hv *hv, const struct build *build, struct err *err)
{
	struct hv_grants *grants;

	if (hv_grants_open(hv, build->created.domid, &grants, err) < 0)
		return -1;
	hv_grants_seed(grants, GRANT_CONSOLE, build->console_domid, build->console_gfn);
	hv_grants_seed(grants, GRANT_STORE, build->store_domid, build->store_gfn);
	hv_grants_close(grants);
	return 0;
}

/* Last of all the one parameter the guest waits for: from then on it may look at anything, and
 * ask. */
int boot_rings_make(struct hv *hv, const struct hv_dominfo *info, struct build *build,
		    struct err *err)
{
	struct ring store = { HV_PARAM_STORE_PFN, MAGIC_XENSTORE, RING_RECONNECT, 0, false };
	struct ring console = { HV_PARAM_CONSOLE_PFN, MAGIC_CONSOLE, 0, 0, false };

	if (hv_domain_max_mem(hv, info->domid,
			      (info->max_pages + EXTRA_PAGES) * (HV_PAGE_SIZE / 1024), err) < 0 ||
	    make_ring(hv, info->domid, &store, err) < 0 ||
	    make_ring(hv, info->domid, &console, err) < 0 || console_port(hv, build, err) < 0)
		return -1;
	build->store_gfn = store.gfn;
	build->console_gfn = console.gfn;
	if (seed_grants(hv, build, err) < 0)
		return -1;
	if (console.is_new &&
	    hv_param_set(hv, info->domid, HV_PARAM_CONSOLE_PFN, console.gfn, err) < 0)
		return -1;
	return store.is_new ? hv_param_set(hv, info->domid, HV_PARAM_STORE_PFN, store.gfn, err) : 0;
}
