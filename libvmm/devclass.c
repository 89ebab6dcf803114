/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The life of a device as a value. What it means to Xen is its class's and the engine's matter. */
#include "libvmm/devclass.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct vmm_device *device_new(const struct vmm_devclass *class)
{
	struct vmm_device *dev = xcalloc(1, class->size);

	list_init(&dev->link);
	dev->class = class;
	dev->devid = -1;
	fields_init(class->fields, dev);
	return dev;
}

void device_free(struct vmm_device *dev)
{
	if (dev == NULL)
		return;
	if (dev->class->clear != NULL)
		dev->class->clear(dev);
	fields_clear(dev->class->fields, dev);
	free(dev);
}

void device_autofree(struct vmm_device **dev)
{
	device_free(*dev);
}

int device_check(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err)
{
	if (dev->class->check != NULL && dev->class->check(dev, cfg, err) < 0)
		return err_wrap(err, "%s", dev->class->name);
	return 0;
}

const char *device_frontend_kind(const struct vmm_device *dev)
{
	return dev->class->kind != NULL ? dev->class->kind(dev, false) : dev->class->frontend;
}

const char *device_backend_kind(const struct vmm_device *dev)
{
	return dev->class->kind != NULL ? dev->class->kind(dev, true) : dev->class->backend;
}

char *device_label(const struct vmm_device *dev)
{
	if (dev->class->label != NULL)
		return dev->class->label(dev);
	if (dev->devid < 0)
		return xstrdup(dev->class->name);
	return str_printf("%s %d", dev->class->name, dev->devid);
}

void device_nodes_add(struct device_nodes *nodes, enum node_side side, const char *value,
		      const char *key, ...)
{
	va_list ap;

	if ((nodes->nr & (nodes->nr - 1)) == 0)	/* grows at powers of two */
		nodes->v = xreallocarray(nodes->v, nodes->nr == 0 ? 1 : nodes->nr * 2,
					 sizeof(*nodes->v));
	va_start(ap, key);
	nodes->v[nodes->nr++] = (struct device_node){ side, str_vprintf(key, ap), xstrdup(value) };
	va_end(ap);
}

const char *device_nodes_get(const struct device_nodes *nodes, enum node_side side, const char *key)
{
	for (size_t i = 0; i < nodes->nr; i++)
		if (nodes->v[i].side == side && strcmp(nodes->v[i].key, key) == 0)
			return nodes->v[i].value;
	return NULL;
}

void device_nodes_free(struct device_nodes *nodes)
{
	for (size_t i = 0; i < nodes->nr; i++) {
		free(nodes->v[i].key);
		free(nodes->v[i].value);
	}
	free(nodes->v);
	nodes->v = NULL;
	nodes->nr = 0;
}
