/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's USB devices on the ports of guests' controllers: found in sysfs, taken from their
 * drivers for the kernel's backend (usbback) or left to QEMU's (qusb), and written to the
 * controller's nodes. It knows nothing of what a device does.
 *
 * Which device is on which port stands in the toolstack's record of the controller, as everything
 * decided here does.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/device.h"
#include "libvmm/devices.h"
#include "libvmm/devtable.h"

#define NOTES "/libxl/usbback"	/* BUSID/INTERFACE/driver_path, as upstream keeps what a device's interfaces were bound to */
#define MAX_PORTS 31u

/* $LIBVMM_SYSFS replaces /sys (tests). */
static const char *sysfs(void)
{
	const char *dir = getenv("LIBVMM_SYSFS");

	return dir != NULL && dir[0] != '\0' ? dir : "/sys";
}

/* --- the host --------------------------------------------------------------------------------- */

static bool read_number(const char *busid, const char *name, uint32_t *out)
{
	autofree char *path = str_printf("%s/bus/usb/devices/%s/%s", sysfs(), busid, name),
		      *text = NULL;
	struct err ignored = ERR_INIT;
	uint64_t n;

	if (file_read(path, 64, &text, NULL, &ignored) < 0 ||
	    num_dec(str_trim(text), 4096, name, &n, &ignored) < 0)
		return false;
	*out = (uint32_t)n;
	return true;
}

/* "1-2.3": what the kernel calls the device with this number on this bus; no hubs' own interfaces
 * ("1-0:1.0", "usb1"). */
static int find_busid(uint32_t bus, uint32_t addr, char **busid, struct err *err)
{
	autofree char *path = str_printf("%s/bus/usb/devices", sysfs());
	DIR *dir = opendir(path);
	struct dirent *e;

	*busid = NULL;
	if (dir == NULL)
		return err_set(err, errno, "%s: %s (does this machine have USB?)", path,
			       strerror(errno));
	while (*busid == NULL && (e = readdir(dir)) != NULL) {
		uint32_t b, a;

		if (e->d_name[0] == '.' || strchr(e->d_name, ':') != NULL)
			continue;
		if (read_number(e->d_name, "busnum", &b) && read_number(e->d_name, "devnum", &a) &&
		    b == bus && a == addr)
			*busid = xstrdup(e->d_name);
	}
	closedir(dir);
	if (*busid == NULL)
		return err_set(err, ENOENT,
			       "there is no USB device %u on bus %u (lsusb shows them)", addr, bus);
	if (str_starts(*busid, "usb")) {
		free(steal(*busid));
		return err_set(err, EINVAL, "USB device %u on bus %u is the bus's own hub", addr,
			       bus);
	}
	return 0;
}

bool vmm_usb_address(const char *busid, uint32_t *bus, uint32_t *addr)
{
	return strchr(busid, '/') == NULL && read_number(busid, "busnum", bus) &&
	       read_number(busid, "devnum", addr);
}

static int write_to(const char *path, const char *text, struct err *err)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* "1-2:1.0", ...: what drivers bind to. */
static void list_interfaces(const char *busid, struct strlist *out)
{
	autofree char *path = str_printf("%s/bus/usb/devices", sysfs()),
		      *head = str_printf("%s:", busid);
	DIR *dir = opendir(path);
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (str_starts(e->d_name, head))
			strlist_add(out, e->d_name);
	if (dir != NULL)
		closedir(dir);
}

/* The driver of an interface, as a folder; NULL: none. */
static char *driver_of(const char *interface)
{
	autofree char *link = str_printf("%s/bus/usb/devices/%s/driver", sysfs(), interface);

	return realpath(link, NULL);
}

static char *usbback_dir(void)
{
	return str_printf("%s/bus/usb/drivers/usbback", sysfs());
}

/* From its drivers to usbback; what they were is noted. */
static int seize(struct vmm *vmm, const char *busid, struct err *err)
{
	autofree char *usbback = usbback_dir(), *bind = str_printf("%s/bind", usbback);
	autostrlist struct strlist interfaces = STRLIST_INIT;

	if (access(usbback, F_OK) < 0)
		return err_set(err, ENOTSUP,
			       "the kernel of this domain has no driver usbback, which serves a "
			       "controller of type pv; one of "
			       "type qusb is served by QEMU");
	list_interfaces(busid, &interfaces);
	for (size_t i = 0; i < interfaces.n; i++) {
		autofree char *driver = driver_of(interfaces.v[i]), *note = NULL, *unbind = NULL;

		if (driver != NULL && strcmp(driver, usbback) == 0)
			continue;
		if (driver != NULL) {
			note = str_printf(NOTES "/%s/%s/driver_path", busid, interfaces.v[i]);
			unbind = str_printf("%s/unbind", driver);
			if (store_write(vmm->store, note, driver, err) < 0 ||
			    write_to(unbind, interfaces.v[i], err) < 0)
				return -1;
		}
		if (write_to(bind, interfaces.v[i], err) < 0)
			return -1;
	}
	return 0;
}

/* Back to its drivers. What cannot be given back stays without one, and that is said. */
static int give_back(struct vmm *vmm, const char *busid, struct err *err)
{
	autofree char *usbback = usbback_dir(), *unbind = str_printf("%s/unbind", usbback),
		      *notes = str_printf(NOTES "/%s", busid);
	autostrlist struct strlist interfaces = STRLIST_INIT;
	int ret = 0;

	list_interfaces(busid, &interfaces);
	for (size_t i = 0; i < interfaces.n; i++) {
		autofree char *now = driver_of(interfaces.v[i]), *was = NULL, *bind = NULL;
		struct err one = ERR_INIT;

		if (now == NULL || strcmp(now, usbback) != 0)
			continue;
		if (store_read_opt(vmm->store, &was, &one, NOTES "/%s/%s/driver_path", busid,
				   interfaces.v[i]) < 0 ||
		    write_to(unbind, interfaces.v[i], &one) < 0)
			ret = err_set(err, one.code, "%s", one.msg);
		bind = was != NULL ? str_printf("%s/bind", was) : NULL;
		if (bind != NULL && write_to(bind, interfaces.v[i], &one) < 0)
			ret = err_set(err, one.code, "%s", one.msg);
	}
	if (store_rm(vmm->store, notes, err) < 0)
		return -1;
	return ret;
}

/* --- controllers ------------------------------------------------------------------------------ */

struct controller {
	const struct device_record *r;
	uint32_t nr_ports;
	char *port[MAX_PORTS + 1];	/* from 1; "" : free */
};

static void controllers_free(struct controller *c, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		for (uint32_t p = 1; p <= c[i].nr_ports; p++)
			free(c[i].port[p]);
	free(c);
}

static int read_ports(struct vmm *vmm, struct controller *c, struct err *err)
{
	autostrlist struct strlist paths = STRLIST_INIT;
	uint64_t nr;

	if (store_read_u64(vmm->store, &nr, err, "%s/num-ports", c->r->record) < 0)
		return -1;
	if (nr > MAX_PORTS)
		return err_set(err, EINVAL, "%s/num-ports: %llu is out of range", c->r->record,
			       (unsigned long long)nr);
	for (uint32_t p = 1; p <= nr; p++)
		strlist_take(&paths, str_printf("%s/port/%u", c->r->record, p));
	c->nr_ports = (uint32_t)nr;
	return store_read_many(vmm->store, (const char *const *)paths.v, paths.n, c->port + 1, err);
}

static int read_controllers(struct vmm *vmm, uint32_t domid, struct device_records *records,
			    struct controller **out, struct err *err)
{
	struct controller *c;

	if (device_records_read(vmm, domid, devclass_usbctrl.frontend, records, err) < 0)
		return -1;
	c = xcalloc(records->nr + 1, sizeof(*c));
	for (size_t i = 0; i < records->nr; i++) {
		c[i].r = &records->v[i];
		if (read_ports(vmm, &c[i], err) < 0) {
			controllers_free(c, i);
			return -1;
		}
	}
	*out = c;
	return 0;
}

static int check_unassigned(struct vmm *vmm, const char *busid, struct err *err)
{
	autofree struct vmm_dominfo *domains = NULL;
	size_t nr;

	if (vmm_domain_list(vmm, &domains, &nr, err) < 0)
		return -1;
	for (size_t d = 0; d < nr; d++) {
		autorecords struct device_records records = { NULL, 0 };
		struct controller *c;
		bool has = false;

		if (read_controllers(vmm, domains[d].domid, &records, &c, err) < 0)
			return -1;
		for (size_t i = 0; i < records.nr; i++)
			for (uint32_t p = 1; p <= c[i].nr_ports; p++)
				has |= c[i].port[p] != NULL && strcmp(c[i].port[p], busid) == 0;
		controllers_free(c, records.nr);
		if (has)
			return err_set(err, EBUSY, "USB device %s is given to domain %u already",
				       busid, domains[d].domid);
	}
	return 0;
}

/* The place that was asked for, or the first free one. */
static int choose_place(const struct controller *c, size_t nr, const struct usb_place *want,
			size_t *ctrl, uint32_t *port, struct err *err)
{
	for (size_t i = 0; i < nr; i++) {
		if (want->ctrl >= 0 && c[i].r->devid != want->ctrl)
			continue;
		for (uint32_t p = 1; p <= c[i].nr_ports; p++) {
			if (want->port >= 0 && p != (uint32_t)want->port)
				continue;
			if (c[i].port[p] != NULL && c[i].port[p][0] != '\0') {
				if (want->port >= 0 && want->ctrl >= 0)
					return err_set(
						err, EBUSY,
						"port %u of controller %d has a device already", p,
						want->ctrl);
				continue;
			}
			*ctrl = i;
			*port = p;
			return 0;
		}
	}
	return err_set(
		err, ENOENT,
		"the domain has no such free port: give it a controller (xl usbctrl-attach)");
}

static int set_port(struct vmm *vmm, const struct device_record *r, uint32_t port,
		    const char *busid, struct err *err)
{
	autotxn struct store_txn t = STORE_TXN(vmm->store);

	store_txn_write(&t, busid, "%s/port/%u", r->record, port);
	store_txn_write(&t, busid, "%s/port/%u", r->back, port);
	return store_txn_commit(&t, err);
}

static bool is_for_kernel(const struct device_record *r)
{
	return strcmp(r->back_kind, devclass_usbctrl.backend) == 0;
}

/* --- attach and detach ------------------------------------------------------------------------ */

static int put(struct vmm *vmm, uint32_t domid, const struct usb_place *want, struct err *err)
{
	autorecords struct device_records records = { NULL, 0 };
	autofree char *busid = NULL;
	struct err undo = ERR_INIT;
	struct controller *c;
	uint32_t port = 0;
	size_t at = 0;
	int ret;

	if (find_busid(want->hostbus, want->hostaddr, &busid, err) < 0 ||
	    check_unassigned(vmm, busid, err) < 0 ||
	    read_controllers(vmm, domid, &records, &c, err) < 0)
		return -1;
	ret = choose_place(c, records.nr, want, &at, &port, err);
	controllers_free(c, records.nr);
	if (ret < 0)
		return -1;
	if (is_for_kernel(&records.v[at]))
		ret = seize(vmm, busid, err);
	if (ret == 0)
		ret = set_port(vmm, &records.v[at], port, busid, err);
	if (ret < 0 && is_for_kernel(&records.v[at]) && give_back(vmm, busid, &undo) < 0)
		err_append(err, "giving it back: %s", undo.msg);
	return ret < 0 ? err_wrap(err, "USB device %s", busid) : 0;
}

int vmm_usbdev_attach(struct vmm *vmm, uint32_t domid, const char *spec, struct err *err)
{
	autodevice struct vmm_device *dev = NULL;
	struct usb_place want;

	if (vmm_store(vmm, err) == NULL || device_parse(&devclass_usbdev, spec, &dev, err) < 0)
		return err_wrap(err, "usbdev");
	want = usbdev_place(dev);
	return put(vmm, domid, &want, err);
}

int vmm_usbdev_detach(struct vmm *vmm, uint32_t domid, int32_t ctrl, uint32_t port, struct err *err)
{
	autorecords struct device_records records = { NULL, 0 };

	if (vmm_store(vmm, err) == NULL ||
	    device_records_read(vmm, domid, devclass_usbctrl.frontend, &records, err) < 0)
		return -1;
	for (size_t i = 0; i < records.nr; i++) {
		const struct device_record *r = &records.v[i];
		autofree char *busid = NULL;

		if (r->devid != ctrl)
			continue;
		if (store_read_opt(vmm->store, &busid, err, "%s/port/%u", r->record, port) < 0)
			return -1;
		if (busid == NULL || busid[0] == '\0')
			return err_set(err, ENOENT, "port %u of USB controller %d has no device",
				       port, ctrl);
		if (set_port(vmm, r, port, "", err) < 0)
			return -1;
		return is_for_kernel(r) ? give_back(vmm, busid, err) : 0;
	}
	return err_set(err, ENOENT, "domain %u has no USB controller %d", domid, ctrl);
}

int device_usb_attach_all(struct vmm *vmm, uint32_t domid, const struct vmm_config *cfg,
			  struct err *err)
{
	struct vmm_device *dev;

	list_for_each_entry (dev, &cfg->devices, link) {
		struct usb_place want;

		if (dev->class != &devclass_usbdev)
			continue;
		want = usbdev_place(dev);
		if (put(vmm, domid, &want, err) < 0)
			return -1;
	}
	return 0;
}

int device_usb_release(struct vmm *vmm, const struct device_record *r, struct err *err)
{
	struct controller c = { .r = r };
	int ret = 0;

	if (!is_for_kernel(r) || r->backend_domid != 0)
		return 0;
	if (read_ports(vmm, &c, err) < 0)
		return -1;
	for (uint32_t p = 1; p <= c.nr_ports; p++) {
		if (c.port[p] != NULL && c.port[p][0] != '\0' && give_back(vmm, c.port[p], err) < 0)
			ret = -1;
		free(c.port[p]);
	}
	return ret;
}
