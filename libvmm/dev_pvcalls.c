/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets served by another domain: docs/misc/pvcalls of Xen. */
#include "libvmm/devtable.h"

struct dev_pvcalls {
	struct vmm_device dev;
};

static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	DEVICE_DEVID_ROW,
	FIELDS_END,
};

const struct vmm_devclass devclass_pvcalls = {
	.name = "pvcalls", .key = "pvcalls", .json = "pvcallsifs", .frontend = "pvcalls", .backend = "pvcalls",
	.size = sizeof(struct dev_pvcalls), .fields = fields, .flags = DEVCLASS_NUMBERED,
};
