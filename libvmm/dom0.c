// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What dom0 itself needs in the store and on disk once after boot, so that tools find it like any
 * other domain.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/str.h"
#include "libvmm/config.h"
#include "libvmm/domid_history.h"
#include "libvmm/internal.h"
#include "libvmm/userdata.h"

#define DOM0_NAME "Domain-0"

static int set_uuid(struct vmm *vmm, const char *text, uint8_t uuid[16], struct err *err)
{
	struct hv_dominfo info;

	if (hv_domain_info(vmm->hv, 0, &info, err) < 0)
		return -1;
	memcpy(uuid, info.uuid, 16);
	if (!text)
		return 0;
	if (vmm_uuid_parse(text, uuid, err) < 0)
		return -1;
	return hv_domain_set_uuid(vmm->hv, 0, uuid, err);
}

static int write_nodes(struct vmm *vmm, const uint8_t uuid[16], struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(vmm->store);
	struct hv_cpupool pool = { .id = 0 };
	char text[37];

	vmm_uuid_text(uuid, text);
	store_txn_write(&t, "0", "/local/domain/0/domid");
	store_txn_write(&t, DOM0_NAME, "/local/domain/0/name");
	while (hv_cpupool_info(vmm->hv, pool.id, &pool, err) == 0) {
		autofree char *name = str_printf("Pool-%u", pool.id);

		store_txn_write(&t, name, "/local/pool/%u/name", pool.id);
		pool.id++;
	}
	if (err->code != ENOENT)
		return -1;
	err_clear(err);
	return store_txn_commit(&t, err);
}

static int save_config(struct vmm *vmm, const uint8_t uuid[16], struct err *err)
{
	autoconfig struct vmm_config cfg;

	config_init(&cfg);
	cfg.name = xstrdup(DOM0_NAME);
	memcpy(cfg.uuid, uuid, 16);
	cfg.is_uuid_set = true;
	return vmm_domain_config_save(vmm, 0, &cfg, err);
}

int vmm_init_dom0(struct vmm *vmm, const char *uuid_text, struct err *err)
{
	uint8_t uuid[16];

	if (!vmm_hv(vmm, err) || !vmm_store(vmm, err))
		return -1;
	if (set_uuid(vmm, uuid_text, uuid, err) < 0 || write_nodes(vmm, uuid, err) < 0 ||
	    save_config(vmm, uuid, err) < 0)
		return err_wrap(err, "setting up domain 0");
	/* Numbers used before the host started mean nothing now. */
	return domid_history_clear(err);
}
