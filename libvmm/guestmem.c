// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Puts bytes into a new domain's memory by grant copies and cleans the caches behind them. What the
 * bytes are, and where they belong, the callers know.
 */
#include <errno.h>
#include <string.h>
#include "base/num.h"
#include "libvmm/guestmem.h"

int guestmem_open(struct guestmem *gm, struct hv *hv, uint32_t domid, struct err *err)
{
	memset(gm, 0, sizeof(*gm));
	gm->hv = hv;
	gm->domid = domid;
	return hv_grants_open(hv, domid, &gm->grants, err);
}

void guestmem_close(struct guestmem *gm)
{
	hv_grants_close(gm->grants);
	gm->grants = NULL;
}

static int dirty_add(struct guestmem *gm, uint64_t gpa, size_t len, struct err *err)
{
	uint64_t base = num_align_down(gpa, HV_PAGE_SIZE),
		 end = num_align_up(gpa + len, HV_PAGE_SIZE);
	struct layout_range *last = gm->nr_dirty ? &gm->dirty[gm->nr_dirty - 1] : NULL;

	if (last && base >= last->base && base <= last->base + last->size) {
		if (end > last->base + last->size)
			last->size = end - last->base;
		return 0;
	}
	if (gm->nr_dirty == GUESTMEM_MAX_DIRTY)
		return err_set(err, E2BIG, "more than %d places in a guest's memory were written",
			       GUESTMEM_MAX_DIRTY);
	gm->dirty[gm->nr_dirty++] = (struct layout_range){ base, end - base };
	return 0;
}

int guestmem_write(struct guestmem *gm, uint64_t gpa, const void *data, size_t len, struct err *err)
{
	if (!len)
		return 0;
	if (dirty_add(gm, gpa, len, err) < 0)
		return -1;
	return hv_grants_copy(gm->grants, gpa, data, len, err);
}

int guestmem_zero_pages(struct guestmem *gm, uint64_t gpa, unsigned nr, struct err *err)
{
	static const uint8_t zero[HV_PAGE_SIZE];

	for (unsigned i = 0; i < nr; i++)
		if (guestmem_write(gm, gpa + (uint64_t)i * HV_PAGE_SIZE, zero, sizeof(zero), err) <
		    0)
			return -1;
	return 0;
}

void guestmem_grant(struct guestmem *gm, uint32_t ref, uint32_t domid_to, uint64_t gpa)
{
	hv_grants_seed(gm->grants, ref, domid_to, gpa >> HV_PAGE_SHIFT);
}

int guestmem_flush(struct guestmem *gm, struct err *err)
{
	for (unsigned i = 0; i < gm->nr_dirty; i++)
		if (hv_cacheflush(gm->hv, gm->domid, gm->dirty[i].base >> HV_PAGE_SHIFT,
				  gm->dirty[i].size >> HV_PAGE_SHIFT, err) < 0)
			return -1;
	gm->nr_dirty = 0;
	return 0;
}
