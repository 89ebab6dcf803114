/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual framebuffer: xen/io/fbif.h. Its backend is QEMU's xenpv machine, which whoever wants it
 * starts; nodes only. */
#include <string.h>

#include "libvmm/devtable.h"

struct dev_vfb {
	struct vmm_device dev;
	enum tri vnc, vnc_unused, sdl, opengl;
	char *vnc_listen, *vnc_passwd, *display, *xauthority, *keymap;
	int32_t vnc_display;
};

static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	DEVICE_DEVID_ROW,
	FIELD_TRI(struct dev_vfb, vnc, "vnc", "vnc/enable", FIELD_SPEC),
	FIELD_STR(struct dev_vfb, vnc_listen, "vnclisten", "vnc/listen", FIELD_SPEC),
	FIELD_STR(struct dev_vfb, vnc_passwd, "vncpasswd", "vnc/passwd", FIELD_SPEC),
	FIELD_I32(struct dev_vfb, vnc_display, "vncdisplay", "vnc/display", FIELD_SPEC, .max = 65535),
	FIELD_TRI(struct dev_vfb, vnc_unused, "vncunused", "vnc/findunused", FIELD_SPEC),
	FIELD_TRI(struct dev_vfb, sdl, "sdl", "sdl/enable", FIELD_SPEC),
	FIELD_TRI(struct dev_vfb, opengl, "opengl", "sdl/opengl", FIELD_SPEC),
	FIELD_STR(struct dev_vfb, display, "display", "sdl/display", FIELD_SPEC),
	FIELD_STR(struct dev_vfb, xauthority, "xauthority", "sdl/xauthority", FIELD_SPEC),
	FIELD_STR(struct dev_vfb, keymap, "keymap", "keymap", FIELD_SPEC),
	FIELDS_END,
};

static const char *flag(enum tri value, enum tri unset)
{
	return (value == TRI_UNSET ? unset : value) == TRI_YES ? "1" : "0";
}

static const char *text(const char *s)
{
	return s != NULL ? s : "";
}

/* Upstream's defaults: VNC on 127.0.0.1, first free display; no SDL. */
static void vfb_nodes(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes)
{
	const struct dev_vfb *v = container_of(dev, struct dev_vfb, dev);
	autofree char *display = str_printf("%d", v->vnc_display);

	device_nodes_add(nodes, NODE_BACK, flag(v->vnc, TRI_YES), "vnc");
	device_nodes_add(nodes, NODE_BACK, v->vnc_listen != NULL ? v->vnc_listen : "127.0.0.1",
			 "vnclisten");
	device_nodes_add(nodes, NODE_BACK, text(v->vnc_passwd), "vncpasswd");
	device_nodes_add(nodes, NODE_BACK, display, "vncdisplay");
	device_nodes_add(nodes, NODE_BACK, flag(v->vnc_unused, TRI_YES), "vncunused");
	device_nodes_add(nodes, NODE_BACK, flag(v->sdl, TRI_NO), "sdl");
	device_nodes_add(nodes, NODE_BACK, flag(v->opengl, TRI_NO), "opengl");
	if (v->xauthority != NULL)
		device_nodes_add(nodes, NODE_BACK, v->xauthority, "xauthority");
	if (v->display != NULL)
		device_nodes_add(nodes, NODE_BACK, v->display, "display");
}

const struct vmm_devclass devclass_vfb = {
	.name = "vfb", .key = "vfb", .json = "vfbs", .frontend = "vfb", .backend = "vfb",
	.size = sizeof(struct dev_vfb), .fields = fields, .flags = DEVCLASS_NUMBERED | DEVCLASS_NO_WAIT,
	.companion = &devclass_vkb, .nodes = vfb_nodes,
};
