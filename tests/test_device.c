/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The device engine over the fake store, with a backend that connects, hangs, lies or dies as the
 * test wants it; that real backends agree is proved on real Xen (tests/testbed/suites/devices-*).
 */
#include "tests/test.h"

#include <errno.h>
#include <libfdt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "libvmm/config.h"
#include "libvmm/device.h"
#include "libvmm/dt_guest.h"
#include "libvmm/libvmm.h"
#include "tests/fake/clock.h"
#include "tests/fake/fake.h"
#include "tests/fake/xenstore.h"
#include "tests/files.h"

#define DOMID 7

static struct vmm *vmm;
static struct vmm_config *cfg;
static struct err err;
static char dir[] = "/tmp/test_device.XXXXXX";

/* What the backend does when its directory appears, and when it is told to close. */
static const char *on_init = "2", *on_close = "6";

static void backend(const char *path, const char *value)
{
	if (strstr(path, "/backend/") == NULL || !str_ends(path, "/state") || value == NULL)
		return;
	if (strcmp(value, "1") == 0 && on_init != NULL)
		fake_store_set(path, on_init);
	if (strcmp(value, "5") == 0 && on_close != NULL)
		fake_store_set(path, on_close);
}

static char *script(const char *name, const char *body)
{
	return script_make(dir, name, body);
}

/* %s in the text: the folder with the scripts. */
static void start(const char *devices)
{
	autofree char *text = NULL;
	struct vmm_config_source src = { .path = "t.cfg" };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	text = str_printf("name = 'x'\nkernel = '/k'\n%s\n", devices);
	for (char *at; (at = strstr(text, "@DIR@")) != NULL;) {
		char *more = str_printf("%.*s%s%s", (int)(at - text), text, dir, at + 5);

		free(text);
		text = more;
	}
	src.text = text;
	ck_ok(vmm_config_load(&src, &cfg, &err), &err);
	fake_store_start();
	fake_store_on_change(backend);
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(device_settle_all(vmm, cfg, &err), &err);
}

static void nothing_left(void)
{
	autofree char *left = fake_store_leftover();

	ck_assert_msg(left == NULL || strcmp(left, "/libxl") == 0 ||
			      str_starts(left, "/local/domain/0/backend") ||
			      str_starts(left, "/libxl/7") ||
			      strcmp(left, "/local/domain/7") == 0 ||
			      str_starts(left, "/local/domain/7/device"),
		      "%s is left", left);
}

static void no_nodes(const char *needle)
{
	autofree char *all = fake_store_dump("/");

	ck_assert_msg(strstr(all, needle) == NULL, "%s is left in:\n%s", needle, all);
}

static void finish(void)
{
	vmm_close(vmm);
	vmm_config_free(cfg);
	fake_store_stop();
	folder_remove(dir);
}

static void wants(const char *path, const char *value)
{
	autofree char *got = fake_store_get(path);

	ck_assert_msg(got != NULL && strcmp(got, value) == 0, "%s: '%s', wanted '%s'", path, got,
		      value);
}

#define SCRIPT_DISK "disk = ['/dev/x,raw,xvda,w,script=@DIR@/block']\n"

START_TEST(many_devices_in_one_go)
{
	autofree char *ok = NULL;
	autorecords struct device_records records = { NULL, 0 };

	start("vkb = ['backend-type=linux']\nvdispl = ['connectors=a:1x2']\npvcalls = "
	      "['']\nchannel = ['name=c,connection=pty']\n"
	      "vtpm = ['']\nvif = ['mac=00:16:3e:00:00:01,script=@DIR@/vif,mtu=9000', "
	      "'mac=00:16:3e:00:00:02,script=@DIR@/vif']\n"
	      "disk = ['/dev/a,raw,xvda,w,script=@DIR@/vif', "
	      "'/dev/b,raw,xvdb,r,script=@DIR@/vif']");
	ok = script("vif", "echo \"$1 $XENBUS_PATH $vif $type_if\" >> $(dirname $0)/log");
	ck_ok(device_attach_all(vmm, DOMID, cfg, &err), &err);
	wants("/local/domain/0/backend/vif/7/0/mac", "00:16:3e:00:00:01");
	wants("/local/domain/0/backend/vif/7/0/mtu", "9000");
	wants("/local/domain/7/device/vif/1/mac", "00:16:3e:00:00:02");
	wants("/local/domain/7/device/vif/1/mtu", "1500");
	wants("/local/domain/7/device/vbd/51712/virtual-device", "51712");
	wants("/local/domain/0/backend/vbd/7/51728/mode", "r");
	wants("/libxl/7/device/vbd/51728/params", "/dev/b");
	wants("/local/domain/0/backend/console/7/1/name", "c");
	wants("/local/domain/7/device/vdispl/0/0/resolution", "1x2");
	ck_ok(device_records_read(vmm, DOMID, NULL, &records, &err), &err);
	ck_assert_uint_eq(records.nr, 9);
	ck_ok(device_detach_all(vmm, DOMID, &err), &err);
	no_nodes("xvda");
	no_nodes("/backend/vif/7");
	nothing_left();
	finish();
}
END_TEST

START_TEST(two_numbers_names_or_addresses_alike)
{
	static const struct { const char *devices, *say; } pairs[] = {
		{ "disk = ['/a,raw,xvda,w', '/b,raw,51712,w']", "disk 51712: there is already a device with that name" },
		{ "vif = ['mac=00:16:3e:00:00:01', 'mac=00:16:3e:00:00:01']", "has the MAC address 00:16:3e:00:00:01 already" },
		{ "vif = ['devid=1', 'mac=00:16:3e:00:00:01']", "vif 1: there is already" },
	};

	ck_ok(vmm_open(&vmm, &err), &err);
	for (size_t i = 0; i < array_size(pairs); i++) {
		autofree char *text = str_printf("name='x'\nkernel='/k'\n%s", pairs[i].devices);
		struct vmm_config_source src = { .text = text };

		ck_ok(vmm_config_load(&src, &cfg, &err), &err);
		ck_fails(device_settle_all(vmm, cfg, &err), &err, EEXIST, pairs[i].say);
		vmm_config_free(cfg);
	}
	vmm_close(vmm);
}
END_TEST

START_TEST(script_that_fails_is_quoted_and_undone)
{
	autofree char *path = NULL;

	start(SCRIPT_DISK "vtpm = ['']");
	/* The script's own way of telling is a node in the store: here the fake's hand writes
	 * it. */
	path = script("block", "[ \"$1\" = remove ] && exit 0; exit 3");
	ck_fails(device_attach_all(vmm, DOMID, cfg, &err), &err, EIO, "disk xvda: hotplug script");
	ck_assert_ptr_nonnull(strstr(err.msg, "exit status 3"));
	no_nodes("vtpm/7/0");
	no_nodes("vbd/7/51712");
	nothing_left();
	finish();
}
END_TEST

START_TEST(script_that_is_not_there)
{
	start(SCRIPT_DISK);
	ck_fails(device_attach_all(vmm, DOMID, cfg, &err), &err, ENOENT, "disk xvda: script");
	no_nodes("vbd/7/51712");
	finish();
}
END_TEST

START_TEST(image_that_is_not_there)
{
	start("disk = ['/nonexistent.img,raw,xvda,w']");
	ck_fails(device_attach_all(vmm, DOMID, cfg, &err), &err, ENOENT,
		 "disk xvda: /nonexistent.img");
	no_nodes("vbd");
	finish();
}
END_TEST

START_TEST(backend_that_never_answers)
{
	on_init = NULL;
	start("vtpm = ['']");
	fake_clock_skip_waits();
	ck_fails(device_attach_all(vmm, DOMID, cfg, &err), &err, ETIMEDOUT,
		 "vtpm 0: no backend took it up");
	no_nodes("vtpm/7/0");
	finish();
}
END_TEST

START_TEST(backend_that_lies)
{
	on_init = "99999999999999999999";
	on_close = "garbage";
	start("vtpm = ['']");
	fake_clock_skip_waits();
	ck_fails(device_attach_all(vmm, DOMID, cfg, &err), &err, ETIMEDOUT, "vtpm 0");
	no_nodes("vtpm/7/0");
	finish();
}
END_TEST

START_TEST(guest_that_keeps_its_device)
{
	autorecords struct device_records records = { NULL, 0 };

	on_close = NULL;
	start("vtpm = ['']");
	fake_clock_skip_waits();
	ck_ok(device_attach_all(vmm, DOMID, cfg, &err), &err);
	ck_ok(device_records_read(vmm, DOMID, NULL, &records, &err), &err);
	ck_fails(device_detach(vmm, DOMID, &records, false, &err), &err, EBUSY,
		 "the guest does not let go");
	wants("/libxl/7/device/vtpm/0/online", "1");
	finish();
}
END_TEST

/* What a guest or a driver domain can write leads nowhere: only a record of this domain counts. */
START_TEST(records_that_point_elsewhere)
{
	autorecords struct device_records records = { NULL, 0 };

	start("");
	ck_assert_ptr_nonnull(vmm_store(vmm, &err));
	fake_store_set("/libxl/7/device/vbd/1/frontend", "/local/domain/8/device/vbd/1");
	fake_store_set("/libxl/7/device/vbd/1/backend", "/local/domain/0/backend/vbd/7/1");
	fake_store_set("/libxl/7/device/vbd/2/frontend", "/local/domain/7/device/vbd/2");
	fake_store_set("/libxl/7/device/vbd/2/backend", "/local/domain/0/backend/vbd/8/2");
	fake_store_set("/libxl/7/device/vbd/x/frontend", "/local/domain/7/device/vbd/2");
	fake_store_set("/libxl/7/device/vbd/x/backend", "/local/domain/0/backend/vbd/7/2");
	fake_store_set("/libxl/7/device/vbd/3/frontend", "/local/domain/7/device/vbd/3");
	fake_store_set("/libxl/7/device/vbd/3/backend", "/local/domain/0/backend/vbd/7/3/../../..");
	ck_ok(device_records_read(vmm, DOMID, NULL, &records, &err), &err);
	ck_assert_uint_eq(records.nr, 0);
	finish();
}
END_TEST

START_TEST(attached_twice)
{
	struct vmm_device *dev;

	start("vtpm = ['']");
	ck_ok(device_attach_all(vmm, DOMID, cfg, &err), &err);
	dev = list_first(&cfg->devices, struct vmm_device, link);
	ck_fails(device_attach(vmm, DOMID, dev, &err), &err, EEXIST,
		 "vtpm 0: the domain has one already");
	wants("/libxl/7/device/vtpm/0/online", "1");
	finish();
}
END_TEST

/* --- virtio: the same window and interrupt in the guest's tree and in the store --------------- */

static void has_cells(const void *blob, const char *path, const char *prop, const uint32_t *cells,
		      int nr)
{
	const fdt32_t *got;
	int len, node = fdt_path_offset(blob, path);

	ck_assert_msg(node >= 0, "no node %s", path);
	got = fdt_getprop(blob, node, prop, &len);
	if (nr < 0) {
		ck_assert_msg(got == NULL, "%s has %s", path, prop);
		return;
	}
	ck_assert_msg(got != NULL && len == nr * 4, "%s/%s: %d bytes", path, prop, len);
	for (int i = 0; i < nr; i++)
		ck_assert_msg(fdt32_to_cpu(got[i]) == cells[i], "%s/%s: cell %d is %#x, wanted %#x",
			      path, prop, i, fdt32_to_cpu(got[i]), cells[i]);
}

#define CELLS(...) (const uint32_t[]){ __VA_ARGS__ }, (int)array_size(((const uint32_t[]){ __VA_ARGS__ }))

START_TEST(virtio_in_tree_and_store)
{
	struct layout map = { .nr_banks = 1, .bank[0] = { LAYOUT_RAM0, 64 << 20 } };
	struct dt_guest g = { .layout = &map,
			      .gic_version = HV_GIC_V3,
			      .xen_major = 4,
			      .xen_minor = 17,
			      .is_64bit = true };
	autofree void *blob = NULL;
	size_t size;

	start("virtio = ['type=virtio,device22,grant_usage=1', 'type=virtio,device29', "
	      "'type=virtio,device']\n"
	      "disk = ['/img,raw,xvda,w,backendtype=standalone,specification=virtio']\n");
	g.cfg = cfg;
	ck_ok(dt_guest_build(&g, &blob, &size, &err), &err);
	/* Devices stand in the order of the classes: the disk has the first window. */
	has_cells(blob, "/virtio@2000000", "reg", CELLS(0, 0x2000000, 0, 0x200));
	has_cells(blob, "/virtio@2000000", "interrupts", CELLS(0, 1, 0xf01));
	has_cells(blob, "/virtio@2000000", "iommus", NULL, -1);
	has_cells(blob, "/virtio@2000200", "reg", CELLS(0, 0x2000200, 0, 0x200));
	has_cells(blob, "/virtio@2000200", "interrupts", CELLS(0, 2, 0xf01));
	has_cells(blob, "/virtio@2000200", "iommus", CELLS(LAYOUT_PHANDLE_IOMMU, 0));
	has_cells(blob, "/virtio@2000200", "dma-coherent", NULL, 0);
	has_cells(blob, "/xen_iommu", "phandle", CELLS(LAYOUT_PHANDLE_IOMMU));
	ck_assert_int_ge(fdt_path_offset(blob, "/virtio@2000200/i2c"), 0);
	ck_assert_int_ge(fdt_path_offset(blob, "/virtio@2000400/gpio"), 0);
	ck_assert_int_eq(fdt_first_subnode(blob, fdt_path_offset(blob, "/virtio@2000600")),
			 -FDT_ERR_NOTFOUND);
	ck_ok(device_attach_all(vmm, DOMID, cfg, &err), &err);
	wants("/local/domain/0/backend/virtio_disk/7/51712/base", "33554432");
	wants("/local/domain/0/backend/virtio_disk/7/51712/irq", "33");
	wants("/local/domain/0/backend/virtio/7/0/base", "0x2000200");
	wants("/local/domain/0/backend/virtio/7/0/irq", "34");
	wants("/local/domain/0/backend/virtio/7/0/grant_usage", "1");
	wants("/local/domain/0/backend/virtio/7/1/grant_usage", "0");
	finish();
}
END_TEST

START_TEST(more_virtio_than_interrupts)
{
	autostrbuf struct strbuf text = STRBUF_INIT;
	struct vmm_config_source src = { .path = "t.cfg" };

	strbuf_printf(&text, "name = 'x'\nkernel = '/k'\nvirtio = [");
	for (int i = 0; i < 12; i++)
		strbuf_printf(&text, "'type=virtio,device',");
	strbuf_printf(&text, "]\n");
	src.text = text.data;
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(vmm_config_load(&src, &cfg, &err), &err);
	ck_fails(device_settle_all(vmm, cfg, &err), &err, ENOSPC, "more than 11 virtio devices");
	vmm_config_free(cfg);
	vmm_close(vmm);
}
END_TEST

/* --- backends that are programs --------------------------------------------------------------- */

static void program_comes_up(const char *path, const char *value)
{
	if (strcmp(path, "/local/domain/0/libxl/xen-9pfs/pid") == 0 && value != NULL)
		fake_store_set("/local/domain/0/libxl/xen-9pfs/state", "running");
}

#define P9 "p9 = ['type=xen_9pfsd,security_model=none,path=/srv']"

static pid_t pid_of(const char *text)
{
	uint64_t pid;

	ck_ok(num_dec(text, INT32_MAX, "pid", &pid, &err), &err);
	return (pid_t)pid;
}

START_TEST(a_program_is_started_once)
{
	autofree char *path = NULL, *first = NULL;

	start(P9);
	fake_store_on_change(program_comes_up);
	path = script("xen-9pfsd", "exec sleep 60");
	setenv("LIBVMM_LIBEXEC", dir, 1);
	ck_ok(device_attach_all(vmm, DOMID, cfg, &err), &err);
	first = fake_store_get("/local/domain/0/libxl/xen-9pfs/pid");
	wants("/local/domain/0/backend/xen_9pfs/7/0/path", "/srv");
	ck_ok(device_program_ensure(vmm, "xen-9pfsd", &err), &err);
	wants("/local/domain/0/libxl/xen-9pfs/pid", first);
	ck_assert_int_eq(kill(pid_of(first), SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid_of(first), NULL, 0), pid_of(first));
	/* It died: another one. */
	ck_ok(device_program_ensure(vmm, "xen-9pfsd", &err), &err);
	{
		autofree char *second = fake_store_get("/local/domain/0/libxl/xen-9pfs/pid");

		ck_assert_str_ne(first, second);
		ck_assert_int_eq(kill(pid_of(second), SIGKILL), 0);
	}
	finish();
}
END_TEST

START_TEST(a_program_that_ends_at_once)
{
	autofree char *path = NULL;

	start(P9);
	path = script("xen-9pfsd", "exit 1");
	setenv("LIBVMM_LIBEXEC", dir, 1);
	ck_fails(device_attach_all(vmm, DOMID, cfg, &err), &err, EIO, "xen-9pfsd ended at once");
	no_nodes("xen_9pfs/7");
	finish();
}
END_TEST

START_TEST(a_program_that_is_not_there)
{
	start(P9);
	setenv("LIBVMM_LIBEXEC", "/nonexistent", 1);
	ck_fails(device_attach_all(vmm, DOMID, cfg, &err), &err, ENOENT,
		 "p9 0: /nonexistent/xen-9pfsd");
	no_nodes("xen_9pfs/7");
	finish();
}
END_TEST

/* --- USB -------------------------------------------------------------------------------------- */

static void sysfs_device(const char *busid, const char *bus, const char *addr)
{
	autofree char *path = str_printf("%s/sys/bus/usb/devices/%s", dir, busid);
	autofree char *busnum = str_printf("%s/busnum", path),
		      *devnum = str_printf("%s/devnum", path);

	ck_ok(file_mkdirs(path, 0755, &err), &err);
	ck_ok(file_write_atomic(busnum, bus, strlen(bus), 0644, &err), &err);
	ck_ok(file_write_atomic(devnum, addr, strlen(addr), 0644, &err), &err);
}

START_TEST(usb_devices_on_their_ports)
{
	autofree char *sys = NULL;

	start("usbctrl = ['type=qusb,ports=2', 'type=pv,ports=1']");
	while (fake_domain_make(1) < DOMID)
		;
	sys = str_printf("%s/sys", dir);
	setenv("LIBVMM_SYSFS", sys, 1);
	sysfs_device("usb1", "1\n", "1\n");
	sysfs_device("1-2", "1\n", "5\n");
	sysfs_device("1-2:1.0", "1\n", "5\n");
	sysfs_device("2-1", "2\n", "3\n");
	ck_ok(device_attach_all(vmm, DOMID, cfg, &err), &err);
	ck_ok(vmm_usbdev_attach(vmm, DOMID, "hostbus=1,hostaddr=5", &err), &err);
	wants("/local/domain/0/backend/qusb/7/0/port/1", "1-2");
	wants("/libxl/7/device/vusb/0/port/1", "1-2");
	ck_fails(vmm_usbdev_attach(vmm, DOMID, "hostbus=1,hostaddr=5", &err), &err, EBUSY,
		 "given to domain 7 already");
	ck_fails(vmm_usbdev_attach(vmm, DOMID, "hostbus=2,hostaddr=3,controller=0,port=1", &err),
		 &err, EBUSY, "port 1 of controller 0");
	ck_fails(vmm_usbdev_attach(vmm, DOMID, "hostbus=2,hostaddr=3,controller=5", &err), &err,
		 ENOENT, "no such free port");
	ck_fails(vmm_usbdev_attach(vmm, DOMID, "hostbus=2,hostaddr=3,controller=1", &err), &err,
		 ENOTSUP, "usbback");
	ck_fails(vmm_usbdev_attach(vmm, DOMID, "hostbus=1,hostaddr=1", &err), &err, EINVAL, "hub");
	ck_fails(vmm_usbdev_attach(vmm, DOMID, "hostbus=9,hostaddr=9", &err), &err, ENOENT,
		 "no USB device 9 on bus 9");
	ck_ok(vmm_usbdev_attach(vmm, DOMID, "hostbus=2,hostaddr=3", &err), &err);
	wants("/local/domain/0/backend/qusb/7/0/port/2", "2-1");
	ck_ok(vmm_usbdev_detach(vmm, DOMID, 0, 1, &err), &err);
	wants("/local/domain/0/backend/qusb/7/0/port/1", "");
	ck_fails(vmm_usbdev_detach(vmm, DOMID, 0, 1, &err), &err, ENOENT, "has no device");
	finish();
}
END_TEST

TEST_MAIN("device engine", a_program_is_started_once, a_program_that_ends_at_once,
	  a_program_that_is_not_there, virtio_in_tree_and_store, more_virtio_than_interrupts,
	  usb_devices_on_their_ports, many_devices_in_one_go, two_numbers_names_or_addresses_alike,
	  script_that_fails_is_quoted_and_undone, script_that_is_not_there, image_that_is_not_there,
	  backend_that_never_answers, backend_that_lies, guest_that_keeps_its_device,
	  records_that_point_elsewhere, attached_twice)
