// SPDX-License-Identifier: LGPL-2.1-or-later
/* The administrator's defaults for what a configuration leaves open; those of devices are set in
 * devices.c. */
#include "libvmm/config.h"
#include "libvmm/devices.h"
#include "libvmm/libvmm.h"

static void set_number(int32_t *member, int32_t value)
{
	if (*member == CONFIG_UNSET && value >= 0)
		*member = value;
}

int vmm_config_apply_defaults(struct vmm_config *cfg, const struct vmm_defaults *defaults,
			      struct err *err)
{
	struct vmm_device *dev;

	set_number(&cfg->max_grant_frames, defaults->max_grant_frames);
	set_number(&cfg->max_maptrack_frames, defaults->max_maptrack_frames);
	set_number(&cfg->max_grant_version, defaults->max_grant_version);
	list_for_each_entry(dev, &cfg->devices, link)
		if (device_apply_defaults(dev, defaults, err) < 0)
			return -1;
	return 0;
}
