/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DEVICES_H
#define LIBVMM_DEVICES_H

#include "base/err.h"
#include "libvmm/cfgfile.h"
#include "libvmm/devclass.h"

/* The table of device classes: a new one is one line there and one file. */

extern const struct vmm_devclass *const vmm_devclasses[];	/* ends in NULL */

/* NULL when no class has that key in guest.cfg. */
const struct vmm_devclass *devclass_by_key(const char *key);

/* A device from one entry of its list in guest.cfg: a specification, or a list of its parts. Yours (device_free). */
int device_parse_value(const struct vmm_devclass *class, const struct cfg_value *v, struct vmm_device **out,
		       struct err *err) must_check;

#endif
