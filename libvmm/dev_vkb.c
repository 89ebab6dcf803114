/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual keyboard and pointer: xen/io/kbdif.h. Its backend is Linux's own or QEMU. */
#include <errno.h>

#include "libvmm/devtable.h"

struct dev_vkb {
	struct vmm_device dev;
	unsigned backend_type;
	char *unique_id;
	bool disable_keyboard, disable_pointer, abs_pointer, raw_pointer, multi_touch;
	uint32_t width, height, mt_width, mt_height, mt_contacts;
};

enum { VKB_QEMU = 1, VKB_LINUX };
static const char *const backends[] = { "unknown", "qemu", "linux", NULL };

#define SIDES (FIELD_SPEC | FIELD_BACK)
static const struct field fields[] = {
	DEVICE_BACKEND_ROWS,
	DEVICE_DEVID_ROW,
	FIELD_ENUM(struct dev_vkb, backend_type, "backend-type", "backend_type", SIDES | FIELD_REQUIRED, backends),
	FIELD_STR(struct dev_vkb, unique_id, "unique-id", "unique_id", SIDES),
	FIELD_BOOL(struct dev_vkb, disable_keyboard, "feature-disable-keyboard", "feature_disable_keyboard", SIDES),
	FIELD_BOOL(struct dev_vkb, disable_pointer, "feature-disable-pointer", "feature_disable_pointer", SIDES),
	FIELD_BOOL(struct dev_vkb, abs_pointer, "feature-abs-pointer", "feature_abs_pointer", SIDES),
	FIELD_BOOL(struct dev_vkb, raw_pointer, "feature-raw-pointer", "feature_raw_pointer", SIDES),
	FIELD_BOOL(struct dev_vkb, multi_touch, "feature-multi-touch", "feature_multi_touch", SIDES),
	FIELD_U32(struct dev_vkb, width, "width", "width", SIDES),
	FIELD_U32(struct dev_vkb, height, "height", "height", SIDES),
	FIELD_U32(struct dev_vkb, mt_width, "multi-touch-width", "multi_touch_width", SIDES),
	FIELD_U32(struct dev_vkb, mt_height, "multi-touch-height", "multi_touch_height", SIDES),
	FIELD_U32(struct dev_vkb, mt_contacts, "multi-touch-num-contacts", "multi_touch_num_contacts", SIDES),
	FIELDS_END,
};

static int vkb_check(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err)
{
	const struct dev_vkb *v = container_of(dev, struct dev_vkb, dev);

	if (!v->multi_touch && (v->mt_width != 0 || v->mt_height != 0 || v->mt_contacts != 0))
		return err_set(err, EINVAL, "multi-touch-*: needs feature-multi-touch=1");
	return 0;
}

static const char *vkb_kind(const struct vmm_device *dev, bool is_backend)
{
	const struct dev_vkb *v = container_of(dev, struct dev_vkb, dev);

	return is_backend && v->backend_type == VKB_LINUX ? "vinput" : "vkbd";
}

const struct vmm_devclass devclass_vkb = {
	.name = "vkb", .key = "vkb", .json = "vkbs", .frontend = "vkbd", .backend = "vkbd",
	.size = sizeof(struct dev_vkb), .fields = fields, .flags = DEVCLASS_NUMBERED | DEVCLASS_NO_WAIT,
	.check = vkb_check, .kind = vkb_kind,
};
