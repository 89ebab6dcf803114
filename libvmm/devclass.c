/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a device as a value. What it means to Xen is its class's and the engine's matter. */
#include "libvmm/devclass.h"

#include <stdlib.h>

#include "base/mem.h"

struct vmm_device *device_new(const struct vmm_devclass *class)
{
	struct vmm_device *dev = xcalloc(1, class->size);

	list_init(&dev->link);
	dev->class = class;
	dev->devid = -1;
	return dev;
}

void device_free(struct vmm_device *dev)
{
	if (dev == NULL)
		return;
	if (dev->class->clear != NULL)
		dev->class->clear(dev);
	free(dev->backend_domname);
	free(dev);
}

int device_check(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err)
{
	if (dev->class->check != NULL && dev->class->check(dev, cfg, err) < 0)
		return err_wrap(err, "%s", dev->class->name);
	return 0;
}
