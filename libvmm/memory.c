// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How much memory a living domain may have and should have. The guest's balloon driver does the
 * moving; here is what it is told and what Xen holds it to.
 */
#include <errno.h>
#include <inttypes.h>
#include "base/num.h"
#include "base/str.h"
#include "libvmm/memory.h"

/* Xen's limit lies above the target by this, for pages that are not RAM; upstream's
 * LIBXL_MAXMEM_CONSTANT. */
#define SLACK_KB 1024
#define LIMIT_KB (1ull << 38)	/* 2^48 bytes, all that Arm can address */

/* Nobody creates dom0, so nobody wrote what it may have: what it has now counts, as with upstream's
 * tools. */
static int fill_dom0(struct hv *hv, struct store *store, struct err *err)
{
	const uint64_t kb = HV_PAGE_SIZE / 1024;
	autofree char *target = NULL;
	autofree char *now = NULL;
	struct hv_dominfo dom;

	if (store_read_opt(store, &target, err, "/local/domain/0/memory/target") < 0)
		return -1;
	if (target)
		return 0;
	if (hv_domain_info(hv, 0, &dom, err) < 0)
		return -1;
	now = str_printf("%" PRIu64, dom.nr_pages * kb);
	autotxn struct store_txn t = STORE_TXN(store);
	store_txn_write(&t, now, "/local/domain/0/memory/target");
	store_txn_write(&t, now, "/local/domain/0/memory/static-max");
	return store_txn_commit(&t, err);
}

int memory_dom0_target(struct vmm *vmm, uint64_t *kb, struct err *err)
{
	struct store *store = vmm_store(vmm, err);

	if (!store || fill_dom0(vmm->hv, store, err) < 0)
		return -1;
	return store_read_u64(store, kb, err, "/local/domain/0/memory/target");
}

int memory_ask_dom0(struct vmm *vmm, uint64_t target_kb, struct err *err)
{
	autofree char *text = str_printf("%" PRIu64, target_kb);
	struct store *store = vmm_store(vmm, err);

	return store ? store_write(store, "/local/domain/0/memory/target", text, err) : -1;
}

static int static_max(struct store *store, uint32_t domid, uint64_t *kb, struct err *err)
{
	if (store_read_u64(store, kb, err, "/local/domain/%" PRIu32 "/memory/static-max", domid) <
	    0)
		return err_wrap(err, "domain %" PRIu32 " has no memory limit in the store", domid);
	return 0;
}

/* Both the hypervisor and the store, or neither. */
static void limit_back(struct hv *hv, const struct hv_dominfo *before)
{
	struct err ignored = ERR_INIT;

	if (hv_domain_max_mem(hv, before->domid, before->max_pages * (HV_PAGE_SIZE / 1024),
			      &ignored) < 0)
		err_clear(&ignored);
}

int vmm_memory_set_max(struct vmm *vmm, uint32_t domid, uint64_t max_kb, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	struct hv *hv = store ? vmm_hv(vmm, err) : NULL;
	autofree char *path = str_printf("/local/domain/%" PRIu32 "/memory/static-max", domid);
	autofree char *text = str_printf("%" PRIu64, max_kb);
	struct hv_dominfo dom;
	uint64_t target_kb;

	if (!hv || (domid == 0 && fill_dom0(hv, store, err) < 0) ||
	    hv_domain_info(hv, domid, &dom, err) < 0 ||
	    store_read_u64(store, &target_kb, err, "/local/domain/%" PRIu32 "/memory/target",
			   domid) < 0)
		return -1;
	if (max_kb > LIMIT_KB)
		return err_set(err, EINVAL,
			       "domain %" PRIu32 ": %" PRIu64
			       " KiB is more than a machine can have",
			       domid, max_kb);
	if (max_kb < target_kb)
		return err_set(err, EINVAL,
			       "domain %" PRIu32 ": a maximum of %" PRIu64
			       " KiB is below its target of %" PRIu64 " KiB; 'xl mem-set' first",
			       domid, max_kb, target_kb);
	if (hv_domain_max_mem(hv, domid, max_kb + SLACK_KB, err) < 0)
		return -1;
	if (store_write(store, path, text, err) == 0)
		return 0;
	limit_back(hv, &dom);
	return -1;
}

/* Free memory bounds what a guest can grow to: Xen hands out no page that it does not have. */
static int check_target(struct hv *hv, struct store *store, const struct hv_dominfo *dom,
			uint64_t target_kb, struct err *err)
{
	uint64_t max_kb, now_kb = dom->nr_pages * (HV_PAGE_SIZE / 1024);
	struct hv_physinfo phys;

	if (static_max(store, dom->domid, &max_kb, err) < 0)
		return -1;
	if (target_kb < 1024)
		return err_set(err, EINVAL,
			       "domain %" PRIu32 ": %" PRIu64 " KiB is too little to live on",
			       dom->domid, target_kb);
	if (target_kb > max_kb)
		return err_set(err, EINVAL,
			       "domain %" PRIu32 ": %" PRIu64
			       " KiB is above its maximum of %" PRIu64
			       " KiB (maxmem, or 'xl mem-max')",
			       dom->domid, target_kb, max_kb);
	if (target_kb <= now_kb)
		return 0;
	if (hv_physinfo(hv, &phys, err) < 0)
		return -1;
	if ((target_kb - now_kb) / (HV_PAGE_SIZE / 1024) > phys.free_pages - phys.outstanding_pages)
		return err_set(err, ENOMEM,
			       "domain %" PRIu32 ": it would grow by %" PRIu64
			       " MiB, and the host has %" PRIu64 " MiB free",
			       dom->domid, (target_kb - now_kb) / 1024,
			       (phys.free_pages - phys.outstanding_pages) * HV_PAGE_SIZE >> 20);
	return 0;
}

int vmm_memory_set_target(struct vmm *vmm, uint32_t domid, uint64_t target_kb, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	struct hv *hv = store ? vmm_hv(vmm, err) : NULL;
	autofree char *path = str_printf("/local/domain/%" PRIu32 "/memory/target", domid);
	autofree char *text = str_printf("%" PRIu64, target_kb);
	struct hv_dominfo dom;

	if (!hv || (domid == 0 && fill_dom0(hv, store, err) < 0) ||
	    hv_domain_info(hv, domid, &dom, err) < 0 ||
	    check_target(hv, store, &dom, target_kb, err) < 0)
		return -1;
	/* First the room, then the word to use it. */
	if (hv_domain_max_mem(hv, domid, target_kb + SLACK_KB, err) < 0)
		return -1;
	if (store_write(store, path, text, err) == 0)
		return 0;
	limit_back(hv, &dom);
	return -1;
}
