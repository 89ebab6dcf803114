/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * USB controllers and the host's devices on their ports: xen/io/usbif.h. A device has no nodes of
 * its own: it is written to a port of its controller (usb.c) when that is attached.
 */
#include <errno.h>

#include "libvmm/devtable.h"

#define MAX_PORTS 31
#define DEFAULT_PORTS 8
#define DEFAULT_VERSION 2

struct dev_usbctrl {
	struct vmm_device dev;
	unsigned type;
	int32_t version, ports;
};

enum { USBCTRL_AUTO, USBCTRL_PV, USBCTRL_DEVICEMODEL, USBCTRL_QUSB };
static const char *const ctrl_types[] = { "auto", "pv", "devicemodel", "qusb", NULL };

static const struct field ctrl_fields[] = {
	FIELD_ENUM(struct dev_usbctrl, type, "type", "type", FIELD_SPEC, ctrl_types),
	DEVICE_DEVID_ROW,
	FIELD_I32(struct dev_usbctrl, version, "version", "version", FIELD_SPEC, .min = 1, .max = 2),
	FIELD_I32(struct dev_usbctrl, ports, "ports", "ports", FIELD_SPEC, .min = 1, .max = MAX_PORTS),
	DEVICE_BACKEND_ROWS,
	FIELDS_END,
};

static int usbctrl_check(const struct vmm_device *dev, const struct vmm_config *cfg,
			 struct err *err)
{
	const struct dev_usbctrl *c = container_of(dev, struct dev_usbctrl, dev);

	if (c->type == USBCTRL_DEVICEMODEL)
		return err_set(err, ENOTSUP,
			       "type: devicemodel is an emulated controller of x86 HVM guests; use "
			       "pv or qusb");
	return 0;
}

static const char *usbctrl_kind(const struct vmm_device *dev, bool is_backend)
{
	const struct dev_usbctrl *c = container_of(dev, struct dev_usbctrl, dev);

	return is_backend && c->type == USBCTRL_QUSB ? "qusb" : "vusb";
}

static void usbctrl_nodes(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes)
{
	const struct dev_usbctrl *c = container_of(dev, struct dev_usbctrl, dev);
	int32_t nr_ports = c->ports != 0 ? c->ports : DEFAULT_PORTS;
	autofree char *version = str_printf("%d", c->version != 0 ? c->version : DEFAULT_VERSION);
	autofree char *ports = str_printf("%d", nr_ports);

	device_nodes_add(nodes, NODE_BACK, c->type == USBCTRL_QUSB ? "qusb" : "pv", "type");
	device_nodes_add(nodes, NODE_BACK, version, "usb-ver");
	device_nodes_add(nodes, NODE_BACK, ports, "num-ports");
	device_nodes_add(nodes, NODE_BACK, "", "port");
	for (int32_t i = 1; i <= nr_ports; i++)
		device_nodes_add(nodes, NODE_BACK, "", "port/%d", i);
	device_nodes_add(nodes, NODE_FRONT, version, "usb-ver");
	device_nodes_add(nodes, NODE_FRONT, ports, "num-ports");
}

const struct vmm_devclass devclass_usbctrl = {
	.name = "usbctrl", .key = "usbctrl", .json = "usbctrls", .frontend = "vusb", .backend = "vusb",
	.size = sizeof(struct dev_usbctrl), .fields = ctrl_fields, .flags = DEVCLASS_NUMBERED | DEVCLASS_NO_WAIT,
	.check = usbctrl_check, .kind = usbctrl_kind, .nodes = usbctrl_nodes,
};

struct dev_usbdev {
	struct vmm_device dev;
	int32_t ctrl, port;
	unsigned type;
	uint32_t hostbus, hostaddr;
};

static const char *const dev_types[] = { "unknown", "hostdev", NULL };

static const struct field dev_fields[] = {
	{ .key = "controller",
	  .json = "ctrl",
	  .offset = FIELD_OFFSET(struct dev_usbdev, ctrl, int32_t),
	  .type = FIELD_T_DEVID,
	  .where = FIELD_SPEC },
	FIELD_I32(struct dev_usbdev, port, "port", "port", FIELD_SPEC, .min = 1, .max = MAX_PORTS),
	FIELD_ENUM(struct dev_usbdev, type, "type", NULL, FIELD_SPEC, dev_types),
	FIELD_U32(struct dev_usbdev, hostbus, "hostbus", "type.hostdev/hostbus",
		  FIELD_SPEC | FIELD_REQUIRED, .max = 255),
	FIELD_U32(struct dev_usbdev, hostaddr, "hostaddr", "type.hostdev/hostaddr",
		  FIELD_SPEC | FIELD_REQUIRED, .max = 255),
	FIELDS_END,
};

struct usb_place usbdev_place(const struct vmm_device *dev)
{
	const struct dev_usbdev *d = container_of(dev, struct dev_usbdev, dev);

	return (struct usb_place){ d->ctrl, d->port == 0 ? -1 : d->port, d->hostbus, d->hostaddr };
}

const struct vmm_devclass devclass_usbdev = {
	.name = "usbdev", .key = "usbdev", .json = "usbdevs", .frontend = NULL, .backend = NULL,
	.size = sizeof(struct dev_usbdev), .fields = dev_fields,
};
