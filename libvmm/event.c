// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a supervisor lives on: a descriptor that says when domains came, died or shut down, and a
 * small record of its own about each domain in the toolstack's part of the store, which no guest
 * can write and destroy removes.
 *
 * It does not know what is to be done about a death: that is the front end's.
 */
#include "libvmm/internal.h"

#include <errno.h>
#include "base/mem.h"

#define EVENT_TOKEN "libvmm"

int vmm_events_open(struct vmm *vmm, int *fd, struct err *err)
{
	struct store *store = vmm_store(vmm, err);

	if (!store)
		return -1;
	if (store_watch(store, "@releaseDomain", EVENT_TOKEN, err) < 0 ||
	    store_watch(store, "@introduceDomain", EVENT_TOKEN, err) < 0)
		return err_wrap(err, "watching for the death of domains");
	*fd = store_fd(store);
	return 0;
}

int vmm_events_read(struct vmm *vmm, bool *changed, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	int r;

	*changed = false;
	if (!store)
		return -1;
	for (;;) {
		autofree char *path = NULL, *token = NULL;

		r = store_next_event(store, 0, &path, &token, err);
		if (r <= 0)
			return r;
		*changed = true;
	}
}

int vmm_events_add_node(struct vmm *vmm, uint32_t domid, const char *node, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	autofree char *path = str_printf("/local/domain/%u/%s", domid, node);

	if (!store || (store_watch(store, path, EVENT_TOKEN, err) < 0 && err->code != EEXIST))
		return -1;
	err_clear(err);
	return 0;
}

int vmm_domain_guest_node(struct vmm *vmm, uint32_t domid, const char *node, char **value,
			  struct err *err)
{
	struct store *store = vmm_store(vmm, err);

	if (!store)
		return -1;
	return store_read_opt(store, value, err, "/local/domain/%u/%s", domid, node);
}

int vmm_domain_note(struct vmm *vmm, uint32_t domid, const char *key, char **value, struct err *err)
{
	struct store *store = vmm_store(vmm, err);

	if (!store)
		return -1;
	return store_read_opt(store, value, err, "/libxl/%u/%s", domid, key);
}

int vmm_domain_note_set(struct vmm *vmm, uint32_t domid, const char *key, const char *value,
			struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	autotxn struct store_txn t = STORE_TXN(store);
	autofree char *type = NULL;

	if (!store)
		return -1;
	/* In one transaction with the look: a domain destroyed meanwhile must not get a directory
	 * again. */
	if (store_txn_read_opt(&t, &type, err, "/libxl/%u", domid) < 0)
		return -1;
	if (!type)
		return err_set(err, ESRCH,
			       "domain %u: there is no record of it: it was destroyed meanwhile",
			       domid);
	if (value)
		store_txn_write(&t, value, "/libxl/%u/%s", domid, key);
	else
		store_txn_rm(&t, "/libxl/%u/%s", domid, key);
	return store_txn_commit(&t, err);
}
