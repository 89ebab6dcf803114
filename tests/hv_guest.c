// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Domains for tests of what is done to vcpus: no memory, no devices.
 */
#include "tests/hv_guest.h"

#include "base/str.h"
#include "tests/fake/xenstore.h"
#include "tests/test.h"

uint32_t hv_guest(struct vmm *vmm, const char *name, uint32_t nr_vcpus, uint8_t uuid)
{
	const struct hv_createdomain cfg = {
		.domid = HV_DOMID_ANY,
		.uuid = { uuid },
		.max_vcpus = nr_vcpus,
		.max_evtchn_port = 1023,
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
		.max_grant_version = 1,
		.nr_spis = 64,
		.iommu = true,
		.trap_unmapped = true,
	};
	struct err err = ERR_INIT;
	struct hv_created made;
	struct hv *hv = vmm_hv(vmm, &err);

	ck_assert_msg(hv != NULL, "%s", err.msg);
	ck_ok(hv_domain_create(hv, &cfg, &made, &err), &err);
	ck_ok(hv_domain_max_vcpus(hv, made.domid, nr_vcpus, &err), &err);
	if (name) {
		autofree char *path = str_printf("/local/domain/%u/name", made.domid);

		fake_store_set(path, name);
	}
	return made.domid;
}
