// SPDX-License-Identifier: LGPL-2.1-or-later
/* Guests that Xen started itself: taken in, so that every other command works on them. */
#include <inttypes.h>
#include "xl/monitor.h"
#include "xl/xl.h"

static xl_run_fn init_dom0less;

const struct xl_command cmd_init_dom0less = {
	.name = "init-dom0less", .args = "",
	.summary = "Give guests that Xen started at boot their names, store rings and records",
	.min = 0, .max = 0, .flags = XL_MODIFIES, .run = init_dom0less,
};

static int show_guest(void *arg, uint32_t domid, const char *name, bool can_rebuild, struct err *err)
{
	struct xl *xl = arg;

	xl_note(xl, "%s: domain %" PRIu32 "%s", name, domid,
		can_rebuild ? "" : " (no " XEN_CONF_DIR "/boot configuration: it cannot be built again after a reboot)");
	return monitor_adopt(xl->vmm, domid, err);
}

static int init_dom0less(struct xl *xl, const void *opts, char **args, struct err *err)
{
	(void)opts;
	(void)args;
	return vmm_init_boot_guests(xl->vmm, show_guest, xl, err);
}
