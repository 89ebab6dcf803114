// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The administrator's defaults for what a configuration leaves open. Knows devices only by the rows of their fields.
 */
#include <string.h>
#include "base/str.h"
#include "libvmm/config.h"
#include "libvmm/devclass.h"
#include "libvmm/field.h"
#include "libvmm/libvmm.h"

static int set_unset(struct vmm_device *dev, const char *key, const char *value, struct err *err)
{
	if (!value)
		return 0;
	for (const struct field *f = dev->class->fields; f->key || f->json || f->node; f++)
		if (str_eq(f->key, key) && f->where & FIELD_SPEC && !field_is_set(f, dev))
			return field_parse(f, dev, key, value, err);
	return 0;
}

static int vif_defaults(struct vmm_device *dev, const struct vmm_defaults *d, struct err *err)
{
	if (set_unset(dev, "script", d->vif_script, err) < 0 || set_unset(dev, "bridge", d->vif_bridge, err) < 0 ||
	    set_unset(dev, "gatewaydev", d->vif_gatewaydev, err) < 0 ||
	    set_unset(dev, "backend", d->vif_backend, err) < 0)
		return err_wrap(err, "default of a vif");
	return 0;
}

static void set_number(int32_t *member, int32_t value)
{
	if (*member == CONFIG_UNSET && value >= 0)
		*member = value;
}

int vmm_config_apply_defaults(struct vmm_config *cfg, const struct vmm_defaults *defaults, struct err *err)
{
	struct vmm_device *dev;

	set_number(&cfg->max_grant_frames, defaults->max_grant_frames);
	set_number(&cfg->max_maptrack_frames, defaults->max_maptrack_frames);
	set_number(&cfg->max_grant_version, defaults->max_grant_version);
	list_for_each_entry(dev, &cfg->devices, link)
		if (strcmp(dev->class->name, "vif") == 0 && vif_defaults(dev, defaults, err) < 0)
			return -1;
	return 0;
}
