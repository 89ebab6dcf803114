/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DEVTABLE_H
#define LIBVMM_DEVTABLE_H

#include "base/mem.h"
#include "libvmm/devclass.h"

/* The rows of the table in devices.c, one a file dev_NAME.c. */
extern const struct vmm_devclass devclass_channel;
extern const struct vmm_devclass devclass_disk;
extern const struct vmm_devclass devclass_p9;
extern const struct vmm_devclass devclass_pvcalls;
extern const struct vmm_devclass devclass_usbctrl;
extern const struct vmm_devclass devclass_usbdev;
extern const struct vmm_devclass devclass_vdispl;
extern const struct vmm_devclass devclass_vfb;
extern const struct vmm_devclass devclass_vif;
extern const struct vmm_devclass devclass_virtio;
extern const struct vmm_devclass devclass_vkb;
extern const struct vmm_devclass devclass_vsnd;
extern const struct vmm_devclass devclass_vtpm;

/* What a usbdev specification names; -1: the first that is free. */
struct usb_place {
	int32_t ctrl, port;
	uint32_t hostbus, hostaddr;
};
struct usb_place usbdev_place(const struct vmm_device *dev);

#endif
