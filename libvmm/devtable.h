/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DEVTABLE_H
#define LIBVMM_DEVTABLE_H

#include "base/mem.h"
#include "libvmm/devclass.h"

/* The rows of the table in devices.c, one a file dev_NAME.c. */
#define DEVICE(id, summary, since) extern const struct vmm_devclass devclass_##id;
#include "libvmm/devtable.def"
#undef DEVICE

/* What a usbdev specification names; -1: the first that is free. */
struct usb_place {
	int32_t ctrl, port;
	uint32_t hostbus, hostaddr;
};
struct usb_place usbdev_place(const struct vmm_device *dev);

#endif
