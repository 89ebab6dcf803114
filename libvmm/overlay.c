// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Overlays of the host's device tree: Xen adds their devices to what it knows, takes them out
 * again, or hands them to a guest. Xen does all of it; here the file is checked and Xen's bare
 * numbers become reasons.
 */
#include <errno.h>
#include "base/file.h"
#include "base/mem.h"
#include "libvmm/dt_overlay.h"
#include "libvmm/internal.h"

#define OVERLAY_MAX (500u << 10)	/* DT_OVERLAY_MAX_SIZE of xen/common/device-tree/dt-overlay.c */

static const char *const verbs[] = {
	[VMM_OVERLAY_ADD] = "adding", [VMM_OVERLAY_REMOVE] = "removing", [VMM_OVERLAY_ATTACH] = "attaching",
};

static int explain(enum vmm_overlay op, const char *path, struct err *err)
{
	if (op == VMM_OVERLAY_ATTACH && err->code == EOPNOTSUPP)
		err_set(err, EOPNOTSUPP,
			"Xen attaches overlays to domain 0 and to guests with direct-mapped memory "
			"alone, and only when it was "
			"built with CONFIG_OVERLAY_DTB");
	else if (err->code == EOPNOTSUPP || err->code == ENOSYS)
		err_set(err, err->code,
			"this Xen takes no overlays (they need 4.20 built with "
			"CONFIG_OVERLAY_DTB)");
	else if (err->code == EINVAL)
		err_append(err, op == VMM_OVERLAY_ADD ? "its nodes are there already, or their "
							"parent is not; see 'xl dmesg'"
						      : "it was not added as this very file, or a "
							"domain uses it; see 'xl dmesg'");
	return err_wrap(err, "%s overlay %s", verbs[op], path);
}

int vmm_overlay(struct vmm *vmm, enum vmm_overlay op, const char *path, uint32_t domid,
		struct err *err)
{
	static const enum hv_dt_overlay ops[] = {
		[VMM_OVERLAY_ADD] = HV_DT_OVERLAY_ADD,
		[VMM_OVERLAY_REMOVE] = HV_DT_OVERLAY_REMOVE,
		[VMM_OVERLAY_ATTACH] = HV_DT_OVERLAY_ATTACH,
	};
	autofree char *dtbo = NULL;
	size_t size;

	if (file_read(path, OVERLAY_MAX, &dtbo, &size, err) < 0 ||
	    dt_overlay_check(dtbo, size, path, err) < 0)
		return -1;
	if (!vmm_hv(vmm, err))
		return -1;
	return hv_dt_overlay(vmm->hv, domid, dtbo, (uint32_t)size, ops[op], err) < 0
		       ? explain(op, path, err)
		       : 0;
}
