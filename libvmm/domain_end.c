// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * How a domain ends: devices, hypervisor, store, files, in this order. Which devices it has is read from the toolstack's own
 * record (/libxl/<domid>/device), never from what a guest or a driver domain can write.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/domain.h"
#include "libvmm/internal.h"
#include "libvmm/userdata.h"

#define GONE_TIMEOUT_MS 10000
#define BACKEND_TIMEOUT_MS 10000
#define STATE_CLOSING "5"
#define STATE_CLOSED "6"

/* --- devices ----------------------------------------------------------------------------------------------------------- */

/* Where a domain's devices live, by the record: paths in step, ends[i] belonging to each other. */
struct ends {
	struct strlist fronts, backs;
};

static void ends_free(struct ends *e)
{
	strlist_free(&e->fronts);
	strlist_free(&e->backs);
}
#define autoends __attribute__((cleanup(ends_free)))

static int list_opt(struct vmm *vmm, const char *path, struct strlist *out, struct err *err)
{
	if (store_list(vmm->store, path, out, err) == 0)
		return 0;
	if (err->code != ENOENT)
		return -1;
	err_clear(err);
	return 0;
}

static int list_devices(struct vmm *vmm, uint32_t domid, struct strlist *records, struct err *err)
{
	autofree char *top = str_printf("/libxl/%" PRIu32 "/device", domid);
	autostrlist struct strlist kinds = STRLIST_INIT;

	if (list_opt(vmm, top, &kinds, err) < 0)
		return -1;
	for (size_t i = 0; i < kinds.n; i++) {
		autofree char *dir = str_printf("%s/%s", top, kinds.v[i]);
		autostrlist struct strlist ids = STRLIST_INIT;

		if (list_opt(vmm, dir, &ids, err) < 0)
			return -1;
		for (size_t k = 0; k < ids.n; k++)
			strlist_take(records, str_printf("%s/%s", dir, ids.v[k]));
	}
	return 0;
}

/* What the record names must be this domain's: its own frontend, and a backend's folder for it. */
static bool is_back_of(const char *path, uint32_t domid)
{
	unsigned backend, owner;
	char kind[64], rest;

	return sscanf(path, "/local/domain/%u/backend/%63[^/]/%u/%c", &backend, kind, &owner, &rest) == 4 &&
	       owner == domid;
}

static bool is_front_of(const char *path, uint32_t domid)
{
	autofree char *dir = str_printf("/local/domain/%" PRIu32 "/", domid);

	return str_starts(path, dir) && path[strlen(dir)];
}

static int find_ends(struct vmm *vmm, uint32_t domid, struct ends *e, struct err *err)
{
	autostrlist struct strlist records = STRLIST_INIT;
	autostrlist struct strlist paths = STRLIST_INIT;
	char **values;
	int ret;

	if (list_devices(vmm, domid, &records, err) < 0)
		return -1;
	for (size_t i = 0; i < records.n; i++) {
		strlist_take(&paths, str_printf("%s/frontend", records.v[i]));
		strlist_take(&paths, str_printf("%s/backend", records.v[i]));
	}
	if (!paths.n)
		return 0;
	values = xcalloc(paths.n, sizeof(*values));
	ret = store_read_many(vmm->store, (const char *const *)paths.v, paths.n, values, err);
	for (size_t i = 0; i < paths.n; i += 2) {
		if (ret == 0 && values[i] && is_front_of(values[i], domid))
			strlist_add(&e->fronts, values[i]);
		if (ret == 0 && values[i + 1] && is_back_of(values[i + 1], domid))
			strlist_add(&e->backs, values[i + 1]);
		free(values[i]);
		free(values[i + 1]);
	}
	free(values);
	return ret;
}

/* Consoles have no driver behind them that closes: xenconsoled watches the domain itself. */
static bool closes_by_itself(const char *back)
{
	return !strstr(back, "/backend/console/") && !strstr(back, "/backend/vuart/");
}

static int backend_states(struct vmm *vmm, const struct strlist *backs, char **states, struct err *err)
{
	autostrlist struct strlist paths = STRLIST_INIT;

	for (size_t i = 0; i < backs->n; i++)
		strlist_take(&paths, str_printf("%s/state", backs->v[i]));
	return paths.n ? store_read_many(vmm->store, (const char *const *)paths.v, paths.n, states, err) : 0;
}

static void states_free(char **states, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(states[i]);
		states[i] = NULL;
	}
}

static bool is_open(const struct strlist *backs, char *const *states, size_t i)
{
	return states[i] && !str_eq(states[i], STATE_CLOSED) && closes_by_itself(backs->v[i]);
}

/* All at once: the frontends go, the backends are told to close. */
static int close_backends(struct vmm *vmm, const struct ends *e, char **states, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(vmm->store);

	if (backend_states(vmm, &e->backs, states, err) < 0)
		return -1;
	for (size_t i = 0; i < e->fronts.n; i++)
		store_txn_rm(&t, "%s", e->fronts.v[i]);
	for (size_t i = 0; i < e->backs.n; i++) {
		if (!is_open(&e->backs, states, i))
			continue;
		store_txn_write(&t, "0", "%s/online", e->backs.v[i]);
		store_txn_write(&t, STATE_CLOSING, "%s/state", e->backs.v[i]);
	}
	return store_txn_commit(&t, err);
}

static int await_closed(struct vmm *vmm, const struct strlist *backs, char **states, struct err *err)
{
	uint64_t deadline = time_ms() + BACKEND_TIMEOUT_MS;

	for (;;) {
		int left = domain_left_ms(deadline);
		size_t i = 0;

		states_free(states, backs->n);
		if (backend_states(vmm, backs, states, err) < 0)
			return -1;
		while (i < backs->n && !is_open(backs, states, i))
			i++;
		if (i == backs->n)
			return 0;
		if (left == 0)
			return err_set(err, ETIMEDOUT, "%s: the backend does not close (state %s)", backs->v[i], states[i]);
		if (domain_await_event(vmm, left, err) < 0)
			return -1;
	}
}

static int shut_backends(struct vmm *vmm, const struct ends *e, char **states, struct err *err)
{
	size_t watched = 0;
	int ret = 0;

	for (; watched < e->backs.n && ret == 0; watched++)
		if (closes_by_itself(e->backs.v[watched]))
			ret = domain_watch(vmm, e->backs.v[watched], err);
	if (ret == 0)
		ret = close_backends(vmm, e, states, err);
	if (ret == 0)
		ret = await_closed(vmm, &e->backs, states, err);
	for (size_t i = 0; i < watched; i++)
		if (closes_by_itself(e->backs.v[i]))
			domain_forget_watch(vmm, e->backs.v[i]);
	return ret;
}

static int remove_devices(struct vmm *vmm, uint32_t domid, struct err *err)
{
	autoends struct ends e = { STRLIST_INIT, STRLIST_INIT };
	autotxn struct store_txn t = STORE_TXN(vmm->store);
	struct err one = ERR_INIT;
	char **states;
	int ret;

	if (find_ends(vmm, domid, &e, err) < 0)
		return -1;
	if (!e.fronts.n && !e.backs.n)
		return 0;
	states = xcalloc(e.backs.n, sizeof(*states));
	ret = shut_backends(vmm, &e, states, err);
	states_free(states, e.backs.n);
	free(states);
	/* The nodes go even where a backend did not close: the domain will not come back. With the device goes the folder
	 * of the domain above it. */
	for (size_t i = 0; i < e.backs.n; i++)
		store_txn_rm(&t, "%.*s", (int)(strrchr(e.backs.v[i], '/') - e.backs.v[i]), e.backs.v[i]);
	if (store_txn_commit(&t, &one) < 0 && ret == 0) {
		*err = one;
		ret = -1;
	}
	return ret;
}

/* --- the rest ----------------------------------------------------------------------------------------------------------- */

struct end {
	uint32_t domid;
	bool exists, has_uuid;
	uint8_t uuid[16];
};

/* The hypervisor's UUID, or for what is left of a domain that Xen forgot, the one in its vm path. */
static int find_end(struct vmm *vmm, struct end *end, struct err *err)
{
	autofree char *vm_path = NULL;
	struct vmm_dominfo info;

	if (vmm_domain_info(vmm, end->domid, &info, err) == 0) {
		end->exists = end->has_uuid = true;
		memcpy(end->uuid, info.uuid, sizeof(end->uuid));
		return 0;
	}
	if (err->code != ESRCH)
		return -1;
	err_clear(err);
	if (store_read_opt(vmm->store, &vm_path, err, "/local/domain/%" PRIu32 "/vm", end->domid) < 0)
		return -1;
	if (vm_path && str_starts(vm_path, "/vm/"))
		end->has_uuid = uuid_from_text(vm_path + 4, end->uuid, &(struct err)ERR_INIT) == 0;
	return 0;
}

static int remove_nodes(struct vmm *vmm, const struct end *end, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(vmm->store);
	char text[37];

	if (end->has_uuid) {
		uuid_to_text(end->uuid, text);
		store_txn_rm(&t, "/vm/%s", text);
	}
	store_txn_rm(&t, "/local/domain/0/device-model/%" PRIu32, end->domid);
	store_txn_rm(&t, "/local/domain/%" PRIu32, end->domid);
	store_txn_rm(&t, "/libxl/%" PRIu32, end->domid);
	return store_txn_commit(&t, err);
}

/* Xen forgets the domain when the last page of it is unmapped. xenstored lets go of its ring when it is told. */
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
	/* Its vcpus stand still while their devices go; one that is dying already cannot be paused. */
	if (end.exists && hv_domain_pause(vmm->hv, domid, &one) < 0)
		err_clear(&one);
	if (remove_devices(vmm, domid, &one) < 0)
		keep_first(&first, &one);
	if (end.exists && destroy_and_wait(vmm, domid, &one) < 0)
		keep_first(&first, &one);
	if (remove_nodes(vmm, &end, &one) < 0)
		keep_first(&first, &one);
	if (end.has_uuid && userdata_remove(domid, end.uuid, &one) < 0)
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
