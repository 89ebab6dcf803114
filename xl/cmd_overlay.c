// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * dt-overlay: devices that are added to the host's device tree while Xen runs.
 */
#include <errno.h>
#include <string.h>
#include "base/str.h"
#include "xl/xl.h"

static xl_run_fn dt_overlay;

const struct xl_command cmd_dt_overlay = {
	.name = "dt-overlay", .args = "<add|remove> <.dtbo> | attach <.dtbo> <Domain>",
	.summary = "Add or remove a device tree overlay, or hand one to a domain",
	.min = 2, .max = 3, .flags = XL_MODIFIES, .run = dt_overlay,
};

static int dt_overlay(struct xl *xl, const void *opts, char **args, struct err *err)
{
	static const char *const ops[] = {
		[VMM_OVERLAY_ADD] = "add", [VMM_OVERLAY_REMOVE] = "remove", [VMM_OVERLAY_ATTACH] = "attach",
	};
	uint32_t domid = 0;
	unsigned op = 0;

	(void)opts;
	while (op < array_size(ops) && !str_eq(args[0], ops[op]))
		op++;
	if (op == array_size(ops))
		return xl_usage(err, "'%s' is none of add, remove and attach", args[0]);
	if ((op == VMM_OVERLAY_ATTACH) != (args[2] != NULL))
		return xl_usage(err,
				op == VMM_OVERLAY_ATTACH ? "attach needs a domain"
							 : "'%s' takes no domain",
				args[0]);
	if (args[2] && xl_domain(xl, args[2], &domid, err) < 0)
		return -1;
	return vmm_overlay(xl->vmm, (enum vmm_overlay)op, args[1], domid, err);
}
