/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Named consoles: xen/io/console.h, devid 1 and up (0 is the domain's own). Xenconsoled connects
 * them to a pty or a listening socket; upstream leaves that to QEMU.
 */
#include <errno.h>
#include <string.h>

#include "libvmm/devtable.h"

struct dev_channel {
	struct vmm_device dev;
	char *name, *path;
	unsigned connection;
};

enum { CHANNEL_PTY = 1, CHANNEL_SOCKET };
static const char *const connections[] = { "unknown", "pty", "socket", NULL };

static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	DEVICE_DEVID_ROW,
	FIELD_STR(struct dev_channel, name, "name", "name", FIELD_SPEC | FIELD_BACK | FIELD_FRONT | FIELD_REQUIRED),
	FIELD_ENUM(struct dev_channel, connection, "connection", NULL, FIELD_SPEC | FIELD_BACK | FIELD_REQUIRED, connections),
	FIELD_STR(struct dev_channel, path, "path", NULL, FIELD_SPEC | FIELD_BACK, .max = 107),
	FIELDS_END,
};

static int channel_check(const struct vmm_device *dev, const struct vmm_config *cfg,
			 struct err *err)
{
	const struct dev_channel *c = container_of(dev, struct dev_channel, dev);

	if (c->connection == CHANNEL_SOCKET && c->path == NULL)
		return err_set(err, EINVAL,
			       "path= is missing: connection=socket needs the path of the socket "
			       "to listen on");
	if (c->connection == CHANNEL_PTY && c->path != NULL)
		return err_set(err, EINVAL, "path: only connection=socket has one");
	if (c->path != NULL && c->path[0] != '/')
		return err_set(err, EINVAL, "path: '%s' is not absolute", c->path);
	return 0;
}

static void channel_nodes(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes)
{
	device_nodes_add(nodes, NODE_BACK, "vt100", "protocol");
	device_nodes_add(nodes, NODE_FRONT, "vt100", "protocol");
	device_nodes_add(nodes, NODE_FRONT_RO, "1048576", "limit");
	device_nodes_add(nodes, NODE_FRONT_RO, "xenconsoled", "type");	/* upstream: ioemu, QEMU */
	device_nodes_add(nodes, NODE_FRONT_RO, "pty", "output");
	device_nodes_add(nodes, NODE_FRONT_RO, "", "tty");
}

static void channel_to_json(const struct vmm_device *dev, struct json_writer *w)
{
	const struct dev_channel *c = container_of(dev, struct dev_channel, dev);
	autofree char *key = str_printf("connection.%s", connections[c->connection]);

	json_open_object(w, key);
	if (c->path != NULL)
		json_str(w, "path", c->path);
	json_close_object(w);
}

static int channel_from_json(struct vmm_device *dev, const struct json *j, struct err *err)
{
	struct dev_channel *c = container_of(dev, struct dev_channel, dev);
	const struct json *path = json_get(json_get(j, "connection.socket"), "path");

	if (json_get(j, "connection.pty") != NULL)
		c->connection = CHANNEL_PTY;
	if (json_get(j, "connection.socket") != NULL)
		c->connection = CHANNEL_SOCKET;
	if (path != NULL && path->type == JSON_STRING)
		c->path = xstrdup(path->text);
	return 0;
}

const struct vmm_devclass devclass_channel = {
	.name = "channel", .key = "channel", .json = "channels", .frontend = "console", .backend = "console",
	.size = sizeof(struct dev_channel), .fields = fields, .flags = DEVCLASS_NUMBERED | DEVCLASS_NO_WAIT,
	.first_devid = 1,	/* 0 is the domain's own console */
	.check = channel_check, .nodes = channel_nodes, .to_json = channel_to_json, .from_json = channel_from_json,
};
