// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Retiring a domain: it keeps existing, to be looked at, under a uuid and a name of its own, so
 * that a successor can take the old ones (on_crash = "rename-restart").
 */
#include <inttypes.h>
#include <string.h>
#include "base/mem.h"
#include "libvmm/cfgjson.h"
#include "libvmm/internal.h"
#include "libvmm/userdata.h"

/* /vm/<uuid> moves with the uuid; what the guest may read of it stays what it was. */
static int move_nodes(struct store *store, uint32_t domid, const char *old_uuid,
		      const char *new_uuid, const char *name, struct err *err)
{
	const struct store_perm perms[] = { { 0, 'n' }, { domid, 'r' } };
	autofree char *start_time = NULL, *vm = NULL;
	autotxn struct store_txn t = STORE_TXN(store);

	if (store_read_opt(store, &start_time, err, "/vm/%s/start_time", old_uuid) < 0)
		return -1;
	vm = str_printf("/vm/%s", new_uuid);
	store_txn_mkdir(&t, perms, array_size(perms), "%s", vm);
	store_txn_write(&t, new_uuid, "%s/uuid", vm);
	store_txn_write(&t, name, "%s/name", vm);
	if (start_time)
		store_txn_write(&t, start_time, "%s/start_time", vm);
	store_txn_write(&t, vm, "/local/domain/%" PRIu32 "/vm", domid);
	store_txn_write(&t, name, "/local/domain/%" PRIu32 "/name", domid);
	store_txn_rm(&t, "/vm/%s", old_uuid);
	return store_txn_commit(&t, err);
}

int vmm_domain_retire(struct vmm *vmm, uint32_t domid, const char *new_name, struct err *err)
{
	struct store *store = vmm_store(vmm, err);
	struct hv *hv = store ? vmm_hv(vmm, err) : NULL;
	struct vmm_config *cfg = NULL;
	autofree char *json = NULL;
	uint8_t old[16];
	char old_uuid[37], new_uuid[37];
	int r;

	if (!hv || config_check_name(new_name, err) < 0 ||
	    vmm_domain_config(vmm, domid, &cfg, err) < 0)
		return -1;
	memcpy(old, cfg->uuid, sizeof(old));
	config_make_uuid(cfg);
	free(cfg->name);
	cfg->name = xstrdup(new_name);
	vmm_uuid_text(old, old_uuid);
	vmm_uuid_text(cfg->uuid, new_uuid);
	/* The record first: files of a uuid that no domain has are harmless, a domain without its
	 * record is not. */
	r = cfgjson_saved(cfg, NULL, &json, err);
	if (r == 0)
		r = userdata_write(domid, cfg->uuid, "libxl-json", json, strlen(json) + 1, err);
	if (r == 0)
		r = hv_domain_set_uuid(hv, domid, cfg->uuid, err);
	if (r == 0)
		r = move_nodes(store, domid, old_uuid, new_uuid, new_name, err);
	if (r == 0)
		r = userdata_remove(domid, old, err);
	vmm_config_free(cfg);
	return r < 0 ? err_wrap(err, "retiring domain %" PRIu32 " as '%s'", domid, new_name) : 0;
}
