/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual TPM: xen/io/tpmif.h; its backend is a domain of its own. */
#include <sys/random.h>

#include "libvmm/devtable.h"

struct dev_vtpm {
	struct vmm_device dev;
	uint8_t uuid[16];
};

static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	DEVICE_DEVID_ROW,
	FIELD_UUID(struct dev_vtpm, uuid, "uuid", "uuid", FIELD_SPEC | FIELD_BACK),
	FIELDS_END,
};

static int vtpm_settle(struct vmm_device *dev, struct err *err)
{
	struct dev_vtpm *v = container_of(dev, struct dev_vtpm, dev);

	for (size_t i = 0; i < sizeof(v->uuid); i++)
		if (v->uuid[i] != 0)
			return 0;
	if (getrandom(v->uuid, sizeof(v->uuid), 0) != (ssize_t)sizeof(v->uuid))
		return err_set(err, 0, "making a uuid failed");
	v->uuid[6] = (v->uuid[6] & 0x0f) | 0x40;
	v->uuid[8] = (v->uuid[8] & 0x3f) | 0x80;
	return 0;
}

static void vtpm_nodes(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes)
{
	autofree char *handle = str_printf("%d", dev->devid);

	device_nodes_add(nodes, NODE_BACK, handle, "handle");
	device_nodes_add(nodes, NODE_BACK, "False", "resume");
	device_nodes_add(nodes, NODE_FRONT, handle, "handle");
}

const struct vmm_devclass devclass_vtpm = {
	.name = "vtpm", .key = "vtpm", .json = "vtpms", .frontend = "vtpm", .backend = "vtpm",
	.size = sizeof(struct dev_vtpm), .fields = fields, .flags = DEVCLASS_NUMBERED,
	.settle = vtpm_settle, .nodes = vtpm_nodes,
};
