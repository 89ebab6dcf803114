/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DEVICE_H
#define LIBVMM_DEVICE_H

#include "libvmm/config.h"
#include "libvmm/devclass.h"
#include "libvmm/hotplug.h"
#include "libvmm/internal.h"

/*
 * The device engine: all devices of a domain together. What was left open is settled, hotplug steps
 * that need no backend are done, one store transaction writes every directory, and then one wait,
 * over the store's events and the scripts, lets each device walk on by itself until it is connected
 * or a deadline of the monotonic clock passes. Whatever fails, all of it is undone.
 *
 *	settle ──> plug what comes first ──> one transaction ──> ┌ backend waits (state 2) ──>
 * hotplug step ──> connected ┐ └ ... each device for itself, one poll for all ...       ┘
 *
 * Decisions about a device that exists are taken from the toolstack's record,
 * /libxl/DOMID/device/KIND/DEVID, and never from nodes that a guest or a driver domain can write
 * (XSA-175, XSA-178): those can only say "not yet" or "no".
 */

#define DEVICE_BACKEND_TIMEOUT_MS 10000		/* of silence from backends that are to wait or to close */
#define DEVICE_BACKEND_LONGEST_MS 60000		/* however much they stir */
#define DEVICE_SCRIPT_TIMEOUT_MS 40000		/* for a hotplug script */

/* Before the domain is built, when its device tree needs to know: backends found by name (waiting
 * for them when the configuration says so), numbers, addresses, windows and interrupts of virtio
 * devices. Refused: two devices with one number, name or MAC address. The devices are completed in
 * place. */
int device_settle_all(struct vmm *vmm, const struct vmm_config *cfg, struct err *err) must_check;

/* One device for a domain whose others are in cfg. */
int device_settle(struct vmm *vmm, const struct vmm_config *cfg, struct vmm_device *dev,
		  uint64_t deadline, struct err *err) must_check;

/* Attach all devices of the configuration, settled before. On failure none is left. */
int device_attach_all(struct vmm *vmm, uint32_t domid, const struct vmm_config *cfg,
		      struct err *err) must_check;
int device_attach(struct vmm *vmm, uint32_t domid, struct vmm_device *dev, struct err *err)
	must_check;

/* Who a device is, by the toolstack's record. */
struct device_record {
	char *kind;			/* of the frontend, as in the record's path */
	int32_t devid;
	char *record, *front, *back;	/* directories */
	char *back_kind;
	uint32_t backend_domid;
	struct device_nodes nodes;	/* of the record: NODE_RECORD */
};
struct device_records {
	struct device_record *v;
	size_t nr;
};
/* Those of the domain whose record holds water: a frontend of its own, a backend's folder for it.
 * kind NULL: all. */
int device_records_read(struct vmm *vmm, uint32_t domid, const char *kind,
			struct device_records *out, struct err *err) must_check;
void device_records_free(struct device_records *r);
#define autorecords __attribute__((cleanup(device_records_free)))

/* Its backend is in another domain, which was destroyed or has crashed. */
bool device_backend_is_gone(struct vmm *vmm, const struct device_record *r);

/* Detach them: ask the backends to close, wait, undo the hotplug steps, remove the nodes. `force`:
 * the frontends go first, so that a guest cannot object; and the nodes go even when a backend did
 * not close, which is then reported all the same. */
int device_detach(struct vmm *vmm, uint32_t domid, const struct device_records *records, bool force,
		  struct err *err) must_check;
/* All there are, by force: the domain ends. */
int device_detach_all(struct vmm *vmm, uint32_t domid, struct err *err) must_check;

/* The host's USB devices, onto the ports of controllers that are attached already; back to the host
 * when a controller goes. */
int device_usb_attach_all(struct vmm *vmm, uint32_t domid, const struct vmm_config *cfg,
			  struct err *err) must_check;
int device_usb_release(struct vmm *vmm, const struct device_record *r, struct err *err) must_check;

/* --- shared by the files of the engine -------------------------------------------------------- */

/* Sleep until the store has an event, a script (fds, may be NULL) ended, or `deadline` passed: 1, 1
 * or 0. The paths of events are added to `paths` (may be NULL). EINTR when interrupted. */
int device_sleep(struct vmm *vmm, const int *fds, size_t nr, uint64_t deadline,
		 struct strlist *paths, struct err *err) must_check;
/* Was DIR, its state or its hotplug-status among them, or a folder above it? So that one look at
 * the store serves one device, not all that are waited for. */
bool device_has_event(const struct strlist *paths, const char *dir);
int device_watch(struct vmm *vmm, const char *path, struct err *err) must_check;
void device_unwatch(struct vmm *vmm, const char *path);
/* Environment of a hotplug script, from the record's nodes. */
void device_script_env(const struct vmm_devclass *class, uint32_t domid, int32_t devid,
		       const char *back_kind, const char *script, const struct device_nodes *record,
		       struct strlist *env);
/* See to it that a backend's program runs here: upstream's way of telling, libxl/NAME/state and pid
 * below this domain, NAME being the program's without a last "d". */
int device_program_ensure(struct vmm *vmm, const char *program, struct err *err) must_check;
/* Begin to undo a device's hotplug step, as its record has it: done when `running` holds no
 * process. */
int device_unplug_start(const struct vmm_devclass *class, uint32_t domid, int32_t devid,
			const char *back_kind, const struct device_nodes *record,
			struct hotplug_script *running, struct err *err) must_check;
/* What a record holds of a hotplug step (NULL at the end). */
extern const char *const device_step_keys[];

#endif
