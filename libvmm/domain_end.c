// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How a domain ends: devices, hypervisor, store, files, in this order. Devices are the engine's
 * matter (device.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/device.h"
#include "libvmm/domain.h"
#include "libvmm/domid_history.h"
#include "libvmm/internal.h"
#include "libvmm/userdata.h"

#define GONE_TIMEOUT_MS 10000

/* --- the rest --------------------------------------------------------------------------------- */

struct end {
	uint32_t domid;
	bool exists, has_uuid;
	bool has_successor;	/* with the same uuid, and so with the same /vm */
	uint8_t uuid[16];
};

static int find_successor(struct vmm *vmm, struct end *end, struct err *err)
{
	uint32_t domid = 0;

	if (end->has_uuid && vmm_domain_find_uuid(vmm, end->uuid, end->domid, &domid, err) < 0)
		return -1;
	end->has_successor = domid != 0;
	return 0;
}

/* The hypervisor's UUID, or for what is left of a domain that Xen forgot, the one in its vm
 * path. */
static int find_end(struct vmm *vmm, struct end *end, struct err *err)
{
	autofree char *vm_path = NULL;
	struct vmm_dominfo info;

	if (vmm_domain_info(vmm, end->domid, &info, err) == 0) {
		end->exists = end->has_uuid = true;
		memcpy(end->uuid, info.uuid, sizeof(end->uuid));
		return find_successor(vmm, end, err);
	}
	if (err->code != ESRCH)
		return -1;
	err_clear(err);
	if (store_read_opt(vmm->store, &vm_path, err, "/local/domain/%" PRIu32 "/vm", end->domid) <
	    0)
		return -1;
	if (vm_path && str_starts(vm_path, "/vm/"))
		end->has_uuid = vmm_uuid_parse(vm_path + 4, end->uuid, &(struct err)ERR_INIT) == 0;
	return find_successor(vmm, end, err);
}

static int remove_nodes(struct vmm *vmm, const struct end *end, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(vmm->store);
	char text[37];

	if (end->has_uuid && !end->has_successor) {
		vmm_uuid_text(end->uuid, text);
		store_txn_rm(&t, "/vm/%s", text);
	}
	store_txn_rm(&t, "/local/domain/0/device-model/%" PRIu32, end->domid);
	store_txn_rm(&t, "/local/domain/%" PRIu32, end->domid);
	store_txn_rm(&t, "/libxl/%" PRIu32, end->domid);
	return store_txn_commit(&t, err);
}

/* Xen forgets the domain when the last page of it is unmapped. xenstored lets go of its ring when
 * it is told. */
static int destroy_and_wait(struct vmm *vmm, uint32_t domid, struct err *err)
{
	struct err ignored = ERR_INIT;
	int ret;

	if (domain_watch(vmm, "@releaseDomain", err) < 0)
		return -1;
	ret = hv_domain_destroy(vmm->hv, domid, err);
	if (ret < 0 && err->code == ESRCH) {
		err_clear(err);
		ret = 0;
	}
	/* Refused where the store never knew the domain, or has noticed by itself. */
	if (ret == 0 && store_release(vmm->store, domid, &ignored) < 0)
		err_clear(&ignored);
	if (ret == 0)
		ret = domain_wait_gone(vmm, domid, time_ms() + GONE_TIMEOUT_MS, err);
	domain_forget_watch(vmm, "@releaseDomain");
	return ret;
}

/* Later steps are tried after a failure; the first one is what the caller learns. */
static void keep_first(struct err *first, struct err *failure)
{
	if (!first->code)
		*first = *failure;
	err_clear(failure);
}

int domain_teardown(struct vmm *vmm, uint32_t domid, struct err *err)
{
	const volatile int *interrupt = vmm->interrupt;
	struct end end = { .domid = domid };
	struct err first = ERR_INIT, one = ERR_INIT;

	if (!vmm_hv(vmm, err) || !vmm_store(vmm, err) || find_end(vmm, &end, err) < 0)
		return err_wrap(err, "destroying domain %" PRIu32, domid);
	vmm->interrupt = NULL;
	/* Its vcpus stand still while their devices go; one that is dying already cannot be
	 * paused. */
	if (end.exists && hv_domain_pause(vmm->hv, domid, &one) < 0)
		err_clear(&one);
	/* Its number is to rest; one that cannot be remembered may be given out again, which is no
	 * reason to stop here. */
	if (end.exists && domid_history_add(domid, &one) < 0)
		err_clear(&one);
	if (device_detach_all(vmm, domid, &one) < 0)
		keep_first(&first, &one);
	if (end.exists && destroy_and_wait(vmm, domid, &one) < 0)
		keep_first(&first, &one);
	/* The nodes go last: by them the rest is found when this is cut short. */
	if (end.has_uuid && userdata_remove(domid, end.uuid, &one) < 0)
		keep_first(&first, &one);
	if (remove_nodes(vmm, &end, &one) < 0)
		keep_first(&first, &one);
	vmm->interrupt = interrupt;
	if (!first.code)
		return 0;
	*err = first;
	return err_wrap(err, "destroying domain %" PRIu32, domid);
}

int vmm_domain_destroy(struct vmm *vmm, uint32_t domid, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	autofree char *leftover = NULL;
	struct vmm_dominfo info;

	if (!store)
		return -1;
	if (vmm_domain_info(vmm, domid, &info, err) < 0) {
		if (err->code != ESRCH)
			return -1;
		err_clear(err);
		if (store_read_opt(store, &leftover, err, "/libxl/%" PRIu32 "/type", domid) < 0)
			return -1;
		if (!leftover)
			return err_set(err, ESRCH, "there is no domain %" PRIu32, domid);
	}
	return domain_teardown(vmm, domid, err);
}

int vmm_domains_sweep(struct vmm *vmm, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	autostrlist struct strlist numbers = STRLIST_INIT;

	if (!store)
		return -1;
	if (store_list(store, "/libxl", &numbers, err) < 0)
		return err->code == ENOENT ? (err_clear(err), 0) : -1;
	/* Read before Xen is asked: one that has nodes by then and is not there is gone. */
	for (size_t i = 0; i < numbers.n; i++) {
		struct vmm_dominfo info;
		uint64_t domid;

		if (num_dec(numbers.v[i], HV_DOMID_FIRST_RESERVED - 1, "domain", &domid, err) < 0) {
			err_clear(err);
			continue;
		}
		if (domid == 0 || vmm_domain_info(vmm, (uint32_t)domid, &info, err) == 0)
			continue;
		if (err->code != ESRCH)
			return -1;
		err_clear(err);
		if (domain_teardown(vmm, (uint32_t)domid, err) < 0)
			return -1;
	}
	return 0;
}
