// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Hypercalls that give a domain a piece of the host: pages of I/O memory, interrupts, devices of
 * the device tree. Which may be given to whom is decided elsewhere.
 */
#include <limits.h>
#include "base/num.h"
#include "libvmm/hv.h"
#include "libvmm/hv_call.h"

int hv_iomem_permission(struct hv *hv, uint32_t domid, uint64_t mfn, uint64_t nr, bool allow,
			struct err *err)
{
	/* libxenctrl counts pages in unsigned long. */
	if (mfn > ULONG_MAX || nr > ULONG_MAX)
		return err_set(err, ERANGE, "page %#llx is beyond what this host can address",
			       (unsigned long long)mfn);
	return hv_done(hv, xc_domain_iomem_permission(hv->xc, domid, mfn, nr, allow), err,
		       "iomem_permission", domid, "mfn=%#llx nr=%llu allow=%d",
		       (unsigned long long)mfn, (unsigned long long)nr, allow);
}

/* Xen refuses more pages in one call (E2BIG), so that a call does not take long (XSA-125). */
#define MAPPING_MAX 64

static int mapping_range(struct hv *hv, uint32_t domid, uint64_t gfn, uint64_t mfn, uint64_t nr,
			 bool add, uint64_t *done, struct err *err)
{
	for (*done = 0; *done < nr;) {
		uint64_t left = nr - *done, n = left < MAPPING_MAX ? left : MAPPING_MAX;
		struct xen_domctl op = {
			.cmd = XEN_DOMCTL_memory_mapping,
			.domain = domid,
			.u.memory_mapping = {
				.first_gfn = gfn + *done,
				.first_mfn = mfn + *done,
				.nr_mfns = n,
				.add_mapping = add,
			},
		};

		if (hv_done(hv, xc_domctl(hv->xc, &op), err, "memory_mapping", domid,
			    "gfn=%#llx mfn=%#llx nr=%llu add=%d", (unsigned long long)(gfn + *done),
			    (unsigned long long)(mfn + *done), (unsigned long long)n, add) < 0)
			return -1;
		*done += n;
	}
	return 0;
}

int hv_memory_mapping(struct hv *hv, uint32_t domid, uint64_t gfn, uint64_t mfn, uint64_t nr,
		      bool add, struct err *err)
{
	struct err undo = ERR_INIT;
	uint64_t done, undone, end;

	if (!num_add(gfn, nr, &end) || !num_add(mfn, nr, &end))
		return err_set(err, ERANGE, "%llu pages from %#llx wrap around",
			       (unsigned long long)nr, (unsigned long long)mfn);
	if (mapping_range(hv, domid, gfn, mfn, nr, add, &done, err) == 0)
		return 0;
	if (add && mapping_range(hv, domid, gfn, mfn, done, false, &undone, &undo) < 0)
		return err_append(err, "and undoing it: %s", undo.msg);
	return -1;
}

int hv_irq_permission(struct hv *hv, uint32_t domid, uint32_t irq, bool allow, struct err *err)
{
	return hv_done(hv, xc_domain_irq_permission(hv->xc, domid, irq, allow), err,
		       "irq_permission", domid, "irq=%u allow=%d", irq, allow);
}

int hv_spi_bind(struct hv *hv, uint32_t domid, uint32_t spi, struct err *err)
{
	return hv_done(hv, xc_domain_bind_pt_spi_irq(hv->xc, domid, spi, spi), err, "bind_pt_irq",
		       domid, "spi=%u", spi);
}

int hv_spi_unbind(struct hv *hv, uint32_t domid, uint32_t spi, struct err *err)
{
	return hv_done(hv, xc_domain_unbind_pt_spi_irq(hv->xc, domid, spi, spi), err,
		       "unbind_pt_irq", domid, "spi=%u", spi);
}

/* libxenctrl asks for a pointer it does not write through. */
static char *unconst(const char *s)
{
	return (char *)(uintptr_t)s;
}

int hv_dtdev_assign(struct hv *hv, uint32_t domid, const char *dt_path, struct err *err)
{
	return hv_done(hv, xc_assign_dt_device(hv->xc, domid, unconst(dt_path)), err,
		       "assign_device", domid, "%s", dt_path);
}

int hv_dtdev_deassign(struct hv *hv, uint32_t domid, const char *dt_path, struct err *err)
{
	return hv_done(hv, xc_deassign_dt_device(hv->xc, domid, unconst(dt_path)), err,
		       "deassign_device", domid, "%s", dt_path);
}

int hv_dtdev_test(struct hv *hv, uint32_t domid, const char *dt_path, struct err *err)
{
	return hv_done(hv, xc_test_assign_dt_device(hv->xc, domid, unconst(dt_path)), err,
		       "test_assign_device", domid, "%s", dt_path);
}

int hv_dt_overlay(struct hv *hv, uint32_t domid, const void *dtbo, uint32_t size, unsigned op,
		  struct err *err)
{
#if defined(HAVE_XC_DT_OVERLAY) && defined(HAVE_XC_DT_OVERLAY_DOMAIN)
	void *fdt = (void *)(uintptr_t)dtbo;

	if (op == HV_DT_OVERLAY_ATTACH)
		return hv_done(hv,
			       xc_dt_overlay_domain(hv->xc, fdt, size, XEN_DOMCTL_DT_OVERLAY_ATTACH,
						    domid),
			       err, "dt_overlay", domid, "attach");
	return hv_done(hv, xc_dt_overlay(hv->xc, fdt, size, op), err, "dt_overlay", HV_HOST,
		       "op=%u", op);
#else
	return hv_needs(err, "dt-overlay", "4.20");
#endif
}
