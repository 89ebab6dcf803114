/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DEVICES_H
#define LIBVMM_DEVICES_H

#include "base/err.h"
#include "libvmm/cfgfile.h"
#include "libvmm/devclass.h"
#include "libvmm/libvmm.h"

/* The table of device classes: a new one is one line in devtable.def and one file. */

extern const struct vmm_devclass *const vmm_devclasses[];	/* ends in NULL */

/* NULL when no class has that key in guest.cfg. */
const struct vmm_devclass *devclass_by_key(const char *key);
const struct vmm_devclass *devclass_by_backend(const char *kind); /* of its backends; NULL: none */

/* A device from a specification. Yours (device_free). Not checked yet. */
int device_parse(const struct vmm_devclass *class, const char *spec, struct vmm_device **out,
		 struct err *err) must_check;
/* From one entry of its list in guest.cfg: a specification, or a list of its parts. */
int device_parse_value(const struct vmm_devclass *class, const struct cfg_value *v,
		       struct vmm_device **out, struct err *err) must_check;
/* Put it at the end of a configuration, numbered by its place where its class is. */
void device_add(struct vmm_config *cfg, struct vmm_device *take_dev);

/* What the host's administrator wants where the specification leaves it open. */
int device_apply_defaults(struct vmm_device *dev, const struct vmm_defaults *defaults,
			  struct err *err) must_check;

/* In upstream's shape; key NULL in an array. */
void device_to_json(const struct vmm_device *dev, const char *key, struct json_writer *w);
int device_from_json(const struct vmm_devclass *class, const struct json *j,
		     struct vmm_device **out, struct err *err) must_check;

#endif
