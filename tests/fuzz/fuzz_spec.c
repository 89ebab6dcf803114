// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Fuzzing the specifications of devices, every grammar through the one table of classes: the first
 * byte says which, the rest is what stands in guest.cfg or behind xl NAME-attach. What is taken
 * must survive the way to JSON and back unchanged, and its nodes must be writable; what is refused
 * must say why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "libvmm/config.h"
#include "libvmm/devices.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *json_of(const struct vmm_device *dev)
{
	struct json_writer *w = json_writer_new();
	struct err err = ERR_INIT;
	char *text = NULL;

	device_to_json(dev, NULL, w);
	if (json_writer_end(w, &text, &err) < 0)
		abort();
	return text;
}

static void there_and_back(const struct vmm_device *dev)
{
	autofree char *once = json_of(dev), *twice = NULL;
	autodevice struct vmm_device *again = NULL;
	struct err err = ERR_INIT;
	struct json *j = NULL;

	if (json_parse(once, strlen(once), &j, &err) < 0 ||
	    device_from_json(dev->class, j, &again, &err) < 0)
		abort();
	json_free(j);
	twice = json_of(again);
	if (strcmp(once, twice) != 0)
		abort();
}

static void write_nodes(struct vmm_device *dev)
{
	struct device_nodes nodes = { NULL, 0 };
	struct err err = ERR_INIT;
	autofree char *label = device_label(dev);

	if (dev->class->settle != NULL && dev->class->settle(dev, &err) < 0)
		return;
	if (dev->class->nodes != NULL)
		dev->class->nodes(dev, 1, &nodes);
	for (size_t i = 0; i < nodes.nr; i++)
		if (nodes.v[i].key[0] == '\0' ||
		    strlen(nodes.v[i].key) + strlen(nodes.v[i].value) > 4000)
			abort();
	if (dev->class->script != NULL)
		free(dev->class->script(dev));
	device_nodes_free(&nodes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autodevice struct vmm_device *dev = NULL;
	struct err err = ERR_INIT;
	struct vmm_config none;
	autofree char *spec = NULL;
	size_t nr = 0;

	while (vmm_devclasses[nr] != NULL)
		nr++;
	if (size == 0)
		return 0;
	spec = xstrndup((const char *)data + 1, size - 1);
	config_init(&none);
	none.name = (char *)(uintptr_t)"";
	if (device_parse(vmm_devclasses[data[0] % nr], spec, &dev, &err) == 0) {
		if (dev->class->finish != NULL)
			dev->class->finish(dev, &none);
		if (device_check(dev, &none, &err) == 0) {
			there_and_back(dev);
			write_nodes(dev);
			return 0;
		}
	}
	if (err.code == 0 || err.msg[0] == '\0')
		abort();
	return 0;
}
