/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Virtio-mmio devices whose backend is a program that watches the store: an address window and an
 * interrupt, told to the guest in its device tree and to the backend in the store. Upstream: 4.18.
 */
#include <errno.h>
#include <string.h>

#include "libvmm/devtable.h"

struct dev_virtio {
	struct vmm_device dev;
	char *type;
	unsigned transport;
	enum tri grant_usage;
	uint32_t irq;
	uint64_t base;
};

static const char *const transports[] = { "unknown", "mmio", NULL };

static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	FIELD_STR(struct dev_virtio, type, "type", "type", FIELD_SPEC | FIELD_BACK | FIELD_REQUIRED),
	FIELD_ENUM(struct dev_virtio, transport, "transport", "transport", FIELD_SPEC | FIELD_BACK, transports),
	FIELD_TRI(struct dev_virtio, grant_usage, "grant_usage", "grant_usage", FIELD_SPEC | FIELD_BACK),
	DEVICE_DEVID_ROW,
	FIELD_U32(struct dev_virtio, irq, "irq", "irq", FIELD_BACK),
	FIELD_U64(struct dev_virtio, base, NULL, "base", 0),
	FIELDS_END,
};

/* "type=virtio,device22" holds a comma: a part that starts with "device" belongs to the type before
 * it. */
static int virtio_parse(struct vmm_device *dev, const char *spec, struct err *err)
{
	struct dev_virtio *v = container_of(dev, struct dev_virtio, dev);
	autostrlist struct strlist parts = STRLIST_INIT;

	strlist_split(&parts, spec, ",");
	for (size_t i = 0; i < parts.n; i++) {
		char *part = str_trim(parts.v[i]);
		int ret;

		if (part[0] == '\0')
			continue;
		if (v->type != NULL && strcmp(v->type, "virtio") == 0 &&
		    str_starts(part, "device")) {
			free(v->type);
			v->type = str_printf("virtio,%s", part);
			continue;
		}
		ret = fields_parse_part(fields, v, part, err);
		if (ret < 0)
			return -1;
		if (ret == 0)
			return fields_unknown(fields, part, err);
	}
	return fields_check_required(fields, v, err);
}

static int virtio_check(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err)
{
	const struct dev_virtio *v = container_of(dev, struct dev_virtio, dev);
	const char *hex;

	if (!str_starts(v->type, "virtio,device"))
		return err_set(err, EINVAL,
			       "type: '%s' is not of the form virtio,deviceID (ID hexadecimal, or "
			       "none for a "
			       "device the backend chooses)",
			       v->type);
	hex = v->type + strlen("virtio,device");
	if (strspn(hex, "0123456789abcdefABCDEF") != strlen(hex) || strlen(hex) > 8)
		return err_set(err, EINVAL, "type: '%s' is no hexadecimal virtio device number",
			       hex);
	return 0;
}

/* Stock's default: memory is shared by grants with anyone but the control domain. */
static int virtio_settle(struct vmm_device *dev, struct err *err)
{
	struct dev_virtio *v = container_of(dev, struct dev_virtio, dev);

	if (v->transport == 0)
		v->transport = 1;
	if (v->grant_usage == TRI_UNSET)
		v->grant_usage = dev->backend_domid != 0 ? TRI_YES : TRI_NO;
	return 0;
}

static void virtio_nodes(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes)
{
	const struct dev_virtio *v = container_of(dev, struct dev_virtio, dev);
	autofree char *base = str_printf("%#llx", (unsigned long long)v->base);

	device_nodes_add(nodes, NODE_BACK, base, "base");
}

static bool virtio_mmio(const struct vmm_device *dev, struct device_mmio *out)
{
	const struct dev_virtio *v = container_of(dev, struct dev_virtio, dev);

	*out = (struct device_mmio){ v->base, v->irq, v->type, dev->backend_domid,
				     v->grant_usage == TRI_YES };
	return true;
}

static void virtio_set_mmio(struct vmm_device *dev, uint64_t base, uint32_t spi)
{
	struct dev_virtio *v = container_of(dev, struct dev_virtio, dev);

	v->base = base;
	v->irq = spi;
}

const struct vmm_devclass devclass_virtio = {
	.name = "virtio", .key = "virtio", .json = "virtios", .frontend = "virtio", .backend = "virtio",
	.size = sizeof(struct dev_virtio), .fields = fields, .flags = DEVCLASS_NUMBERED | DEVCLASS_NO_WAIT,
	.parse = virtio_parse, .check = virtio_check, .settle = virtio_settle, .nodes = virtio_nodes,
	.mmio = virtio_mmio, .set_mmio = virtio_set_mmio,
};
