/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of device classes and the look-ups in it. It knows no class but by its row. */
#include "libvmm/devices.h"

#include <errno.h>
#include <string.h>

const struct vmm_devclass *const vmm_devclasses[] = {
	NULL,
};

const struct vmm_devclass *devclass_by_key(const char *key)
{
	for (const struct vmm_devclass *const *c = vmm_devclasses; *c != NULL; c++)
		if (strcmp((*c)->key, key) == 0)
			return *c;
	return NULL;
}

int device_parse_value(const struct vmm_devclass *class, const struct cfg_value *v, struct vmm_device **out,
		       struct err *err)
{
	return err_set(err, ENOTSUP, "%s: not implemented yet", class->name);
}
