/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of device classes, the look-ups in it, and the way from a specification to a device. It
 * knows no class but by its row, and that xl.conf has defaults for interfaces. */
#include "libvmm/devices.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "libvmm/config.h"
#include "libvmm/devtable.h"

const struct vmm_devclass *const vmm_devclasses[] = {
#define DEVICE(id, summary, since) &devclass_##id,
#include "libvmm/devtable.def"
#undef DEVICE
	NULL,
};

const struct vmm_devclass *devclass_by_key(const char *key)
{
	for (const struct vmm_devclass *const *c = vmm_devclasses; *c != NULL; c++)
		if (strcmp((*c)->key, key) == 0)
			return *c;
	return NULL;
}

const struct vmm_devclass *devclass_by_backend(const char *kind)
{
	for (const struct vmm_devclass *const *c = vmm_devclasses; *c != NULL; c++)
		if ((*c)->backend != NULL && strcmp((*c)->backend, kind) == 0)
			return *c;
	return NULL;
}

int device_parse(const struct vmm_devclass *class, const char *spec, struct vmm_device **out,
		 struct err *err)
{
	autodevice struct vmm_device *dev = device_new(class);
	int ret = class->parse != NULL ? class->parse(dev, spec, err)
				       : fields_parse(class->fields, dev, spec, err);

	if (ret < 0)
		return -1;
	*out = steal(dev);
	return 0;
}

int device_parse_value(const struct vmm_devclass *class, const struct cfg_value *v,
		       struct vmm_device **out, struct err *err)
{
	autostrbuf struct strbuf joined = STRBUF_INIT;

	if (v->type != CFG_LIST)
		return device_parse(class, v->text, out, err);
	for (size_t i = 0; i < v->nr; i++) {
		if (v->items[i].type == CFG_LIST)
			return err_set(err, EINVAL, "expected a specification, found a list");
		strbuf_printf(&joined, "%s%s", i > 0 ? "," : "", v->items[i].text);
	}
	return device_parse(class, joined.data != NULL ? joined.data : "", out, err);
}

static int set_unset(struct vmm_device *dev, const char *key, const char *value, struct err *err)
{
	if (value == NULL)
		return 0;
	for (const struct field *f = dev->class->fields;
	     f->key != NULL || f->json != NULL || f->node != NULL; f++)
		if (str_eq(f->key, key) && (f->where & FIELD_SPEC) != 0 && !field_is_set(f, dev))
			return field_parse(f, dev, key, value, err);
	return 0;
}

int device_apply_defaults(struct vmm_device *dev, const struct vmm_defaults *d, struct err *err)
{
	if (dev->class != &devclass_vif)
		return 0;
	if (set_unset(dev, "script", d->vif_script, err) < 0 ||
	    set_unset(dev, "bridge", d->vif_bridge, err) < 0 ||
	    set_unset(dev, "gatewaydev", d->vif_gatewaydev, err) < 0 ||
	    set_unset(dev, "backend", d->vif_backend, err) < 0)
		return err_wrap(err, "default of a vif");
	return 0;
}

void device_add(struct vmm_config *cfg, struct vmm_device *take_dev)
{
	struct vmm_device *other;
	int32_t next = 0;

	list_for_each_entry (other, &cfg->devices, link)
		next += other->class == take_dev->class;
	if ((take_dev->class->flags & DEVCLASS_NUMBERED) != 0 && take_dev->devid < 0)
		take_dev->devid = next;
	list_add_tail(&cfg->devices, &take_dev->link);
	cfg->nr_devices++;
}

void device_to_json(const struct vmm_device *dev, const char *key, struct json_writer *w)
{
	json_open_object(w, key);
	fields_to_json(dev->class->fields, dev, w);
	if (dev->class->to_json != NULL)
		dev->class->to_json(dev, w);
	json_close_object(w);
}

int device_from_json(const struct vmm_devclass *class, const struct json *j,
		     struct vmm_device **out, struct err *err)
{
	autodevice struct vmm_device *dev = device_new(class);

	if (fields_from_json(class->fields, dev, j, err) < 0)
		return -1;
	if (class->from_json != NULL && class->from_json(dev, j, err) < 0)
		return -1;
	*out = steal(dev);
	return 0;
}
