/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shared folders: xen/io/9pfs.h. The backend is xen-9pfsd (Xen 4.19) or QEMU. */
#include <errno.h>
#include <string.h>

#include "libvmm/config.h"
#include "libvmm/devtable.h"

struct dev_p9 {
	struct vmm_device dev;
	char *tag, *path, *security_model;
	unsigned type;
	uint32_t max_space, max_files, max_open_files;
	bool auto_delete;
};

enum { P9_QEMU = 1, P9_XEN_9PFSD };
static const char *const types[] = { "unknown", "qemu", "xen_9pfsd", NULL };

#define SIDES (FIELD_SPEC | FIELD_BACK)
static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	FIELD_STR(struct dev_p9, tag, "tag", "tag", FIELD_SPEC, .max = 30),
	FIELD_STR(struct dev_p9, path, "path", "path", SIDES),
	FIELD_STR(struct dev_p9, security_model, "security_model", "security_model", SIDES | FIELD_REQUIRED),
	DEVICE_DEVID_ROW,
	FIELD_ENUM(struct dev_p9, type, "type", "type", FIELD_SPEC, types),
	FIELD_U32(struct dev_p9, max_space, "max-space", "max_space", SIDES),
	FIELD_U32(struct dev_p9, max_files, "max-files", "max_files", SIDES),
	FIELD_U32(struct dev_p9, max_open_files, "max-open-files", "max_open_files", SIDES),
	FIELD_BOOL(struct dev_p9, auto_delete, "auto-delete", "auto_delete", SIDES),
	FIELDS_END,
};

static int p9_check(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err)
{
	const struct dev_p9 *p = container_of(dev, struct dev_p9, dev);

	if (p->type == P9_XEN_9PFSD) {
		if (p->path != NULL && p->path[0] != '/')
			return err_set(err, EINVAL, "path: '%s' is not absolute", p->path);
		return 0;
	}
	if (p->max_space != 0 || p->max_files != 0 || p->max_open_files != 0 || p->auto_delete)
		return err_set(
			err, EINVAL,
			"max-space, max-files, max-open-files and auto-delete need type=xen_9pfsd");
	if (p->tag == NULL)
		return err_set(err, EINVAL, "tag= is missing: the guest mounts the folder by it");
	if (p->path == NULL)
		return err_set(err, EINVAL, "path= is missing: the folder to share");
	return 0;
}

static void p9_nodes(const struct vmm_device *dev, uint32_t domid, struct device_nodes *nodes)
{
	const struct dev_p9 *p = container_of(dev, struct dev_p9, dev);

	device_nodes_add(nodes, NODE_FRONT, p->tag != NULL ? p->tag : "Xen", "tag");
}

static const char *p9_kind(const struct vmm_device *dev, bool is_backend)
{
	const struct dev_p9 *p = container_of(dev, struct dev_p9, dev);

	return is_backend && p->type == P9_XEN_9PFSD ? "xen_9pfs" : "9pfs";
}

static const char *p9_program(const struct vmm_device *dev)
{
	const struct dev_p9 *p = container_of(dev, struct dev_p9, dev);

	return p->type == P9_XEN_9PFSD ? "xen-9pfsd" : NULL;
}

/* xen-9pfsd's own folder of the guest, when none was named. */
static void p9_finish(struct vmm_device *dev, const struct vmm_config *cfg)
{
	struct dev_p9 *p = container_of(dev, struct dev_p9, dev);

	if (p->type == P9_XEN_9PFSD && p->path == NULL)
		p->path = str_printf(XEN_LOG_DIR "/guests/%s", cfg->name);
}

const struct vmm_devclass devclass_p9 = {
	.name = "p9", .key = "p9", .json = "p9s", .frontend = "9pfs", .backend = "9pfs",
	.size = sizeof(struct dev_p9), .fields = fields, .flags = DEVCLASS_NO_WAIT,
	.check = p9_check, .nodes = p9_nodes, .finish = p9_finish, .kind = p9_kind,
	.program = p9_program,
};
