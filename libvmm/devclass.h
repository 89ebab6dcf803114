/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DEVCLASS_H
#define LIBVMM_DEVCLASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/list.h"

/*
 * What a PV device is: a value (struct vmm_device, the first member of each class's own struct) and a class (one row, in a
 * file dev_NAME.c of its own). The engine (device.c), the parser of guest.cfg and the JSON code know no class by name.
 */

struct vmm_config;
struct vmm_devclass;

struct vmm_device {
	struct list link;		/* on vmm_config.devices */
	const struct vmm_devclass *class;
	int32_t devid;			/* -1: the next free one */
	char *backend_domname;		/* backend=, name or number as written; NULL: backend_domid */
	uint32_t backend_domid;		/* settled when the device is attached */
};

struct vmm_devclass {
	const char *name;	/* in messages: "vif" */
	const char *key;	/* of guest.cfg */
	size_t size;		/* of the class's struct */
	/* May be NULL: what one field cannot say alone. Does not touch the host. */
	int (*check)(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err);
	/* May be NULL: frees what is not a field. */
	void (*clear)(struct vmm_device *dev);
};

/* A device with nothing set. */
struct vmm_device *device_new(const struct vmm_devclass *class);
void device_free(struct vmm_device *dev);	/* NULL is fine; it must be on no list */
/* The class's check, with its name in front of the message. */
int device_check(const struct vmm_device *dev, const struct vmm_config *cfg, struct err *err) must_check;

#endif
