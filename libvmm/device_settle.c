/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What guest.cfg left open about devices, chosen before anything is written: backends, numbers,
 * addresses. It writes nothing. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "libvmm/device.h"
#include "libvmm/layout.h"

/* --- backends --------------------------------------------------------------------------------- */

/* A domain that is not up yet may come: each introduction to the store is a chance. */
static int await_domain(struct vmm *vmm, const char *name, uint64_t deadline, uint32_t *domid,
			struct err *err)
{
	int ret;

	if (device_watch(vmm, "@introduceDomain", err) < 0)
		return -1;
	for (;;) {
		ret = vmm_domain_find(vmm, name, domid, err);
		if (ret == 0 || err->code != ESRCH)
			break;
		err_clear(err);
		ret = device_sleep(vmm, NULL, 0, deadline, NULL, err);
		if (ret == 0)
			ret = err_set(err, ETIMEDOUT,
				      "domain '%s' did not come up within backend_wait", name);
		if (ret < 0)
			break;
	}
	device_unwatch(vmm, "@introduceDomain");
	return ret;
}

static int find_backend(struct vmm *vmm, struct vmm_device *dev, uint64_t deadline, struct err *err)
{
	const char *name = dev->backend_domname;

	if (name == NULL)
		return 0;
	if (strcmp(name, "0") == 0) {
		dev->backend_domid = 0;
		return 0;
	}
	if (vmm_domain_find(vmm, name, &dev->backend_domid, err) == 0)
		return 0;
	if (err->code != ESRCH || deadline == 0)
		return err_wrap(err, "backend=");
	err_clear(err);
	if (await_domain(vmm, name, deadline, &dev->backend_domid, err) < 0)
		return err_wrap(err, "backend=");
	return 0;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static bool shares_numbers(const struct vmm_device *a, const struct vmm_device *b)
{
	return a->class->frontend != NULL && b->class->frontend != NULL &&
	       strcmp(device_frontend_kind(a), device_frontend_kind(b)) == 0;
}

static int32_t next_devid(const struct vmm_config *cfg, const struct vmm_device *dev)
{
	const struct vmm_device *other;
	int32_t next = 0;

	list_for_each_entry (other, &cfg->devices, link)
		if (other != dev && shares_numbers(other, dev) && other->devid >= next)
			next = other->devid + 1;
	return next;
}

static const struct field *find_mac(const struct vmm_devclass *class)
{
	for (const struct field *f = class->fields;
	     f->key != NULL || f->json != NULL || f->node != NULL; f++)
		if (f->type == FIELD_T_MAC)
			return f;
	return NULL;
}

static int check_distinct(const struct vmm_config *cfg, const struct vmm_device *dev,
			  struct err *err)
{
	const struct field *mac = find_mac(dev->class);
	const struct vmm_device *other;

	list_for_each_entry (other, &cfg->devices, link) {
		autofree char *label = device_label(dev);

		if (other == dev)
			return 0;	/* each pair is looked at once */
		if (shares_numbers(other, dev) && other->devid == dev->devid)
			return err_set(err, EEXIST, "%s: there is already a device with that %s",
				       label, dev->class->label != NULL ? "name" : "number");
		if (mac != NULL && other->class == dev->class) {
			autofree char *a = field_str(mac, dev), *b = field_str(mac, other);

			if (str_eq(a, b))
				return err_set(err, EEXIST,
					       "%s: another has the MAC address %s already", label,
					       a);
		}
	}
	return 0;
}

/* --- windows of virtio-mmio ------------------------------------------------------------------- */

static int reserve_mmio(const struct vmm_config *cfg, struct err *err)
{
	uint32_t nr = 0, room = LAYOUT_VIRTIO_LAST_SPI - LAYOUT_VIRTIO_FIRST_SPI + 1;
	struct vmm_device *dev;
	struct device_mmio mmio;

	list_for_each_entry (dev, &cfg->devices, link) {
		if (dev->class->mmio == NULL || !dev->class->mmio(dev, &mmio))
			continue;
		if (nr == room)
			return err_set(
				err, ENOSPC,
				"more than %u virtio devices: Xen has no more interrupts for them",
				room);
		dev->class->set_mmio(dev, LAYOUT_VIRTIO_BASE + (uint64_t)nr * LAYOUT_VIRTIO_STRIDE,
				     LAYOUT_VIRTIO_FIRST_SPI + nr);
		nr++;
	}
	return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

int device_settle(struct vmm *vmm, const struct vmm_config *cfg, struct vmm_device *dev,
		  uint64_t deadline, struct err *err)
{
	if (find_backend(vmm, dev, deadline, err) < 0 ||
	    (dev->class->settle != NULL && dev->class->settle(dev, err) < 0)) {
		autofree char *label = device_label(dev);

		return err_wrap(err, "%s", label);
	}
	if (dev->class->frontend != NULL && dev->devid < 0)
		dev->devid = next_devid(cfg, dev);
	return check_distinct(cfg, dev, err);
}

int device_settle_all(struct vmm *vmm, const struct vmm_config *cfg, struct err *err)
{
	uint64_t deadline =
		cfg->backend_wait_s != 0 ? time_ms() + cfg->backend_wait_s * 1000ull : 0;
	struct vmm_device *dev;

	if (reserve_mmio(cfg, err) < 0)
		return -1;
	list_for_each_entry (dev, &cfg->devices, link)
		if (device_settle(vmm, cfg, dev, deadline, err) < 0)
			return -1;
	return 0;
}
