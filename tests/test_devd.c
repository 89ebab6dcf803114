/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Driver domains over the fake store: both halves, the one that waits (device_attach.c,
 * device_detach.c) and the one that serves (devd.c), each with the other's hand played here. That
 * they agree is proved on real Xen (tests/testbed/suites/devices-driver.sh).
 */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/config.h"
#include "libvmm/device.h"
#include "libvmm/libvmm.h"
#include "tests/fake/clock.h"
#include "tests/fake/fake.h"
#include "tests/fake/xenstore.h"
#include "tests/files.h"

#define DOMID 7
#define DRIVER 5
#define DISK "/local/domain/0/backend/vbd/7/51712"
#define NOTE "/local/domain/0/libxl/devd/vbd/7/51712"

static struct vmm *vmm;
static struct err err;
static char dir[] = "/tmp/test_devd.XXXXXX";
static int stop[2];
static char *logged;

/* --- the half that serves --------------------------------------------------------------------- */

/* What happens when devd says so: a text in its message, then nodes that are set (value NULL:
 * removed); "stop" ends it. */
static struct reaction { const char *text, *path, *value; } const *reactions;

static void heard(void *arg, bool is_error, const char *message)
{
	char *all =
		str_printf("%s%s%s\n", logged != NULL ? logged : "", is_error ? "! " : "", message);

	(void)arg;
	free(logged);
	logged = all;
	for (const struct reaction *r = reactions; r != NULL && r->text != NULL; r++) {
		if (strstr(message, r->text) == NULL)
			continue;
		if (strcmp(r->path, "stop") == 0)
			ck_assert_int_eq(write(stop[1], "", 1), 1);
		else
			fake_store_set(r->path, r->value);
	}
}

static void ready(void *arg)
{
	heard(arg, false, "ready");
}

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(pipe(stop), 0);
	fake_store_start();
	fake_store_set("domid", "0");	/* its paths are as they are written */
	ck_ok(vmm_open(&vmm, &err), &err);
}

static void end(void)
{
	vmm_close(vmm);
	fake_store_stop();
	folder_remove(dir);
	free(logged);
}

static void serve(const struct reaction *what)
{
	static const struct vmm_devd_ops ops = { ready, heard };

	reactions = what;
	ck_ok(vmm_devd_run(vmm, stop[0], &ops, NULL, &err), &err);
}

static void wants_log(const char *text)
{
	ck_assert_msg(logged != NULL && strstr(logged, text) != NULL, "no '%s' in:\n%s", text,
		      logged);
}

static void wants(const char *path, const char *value)
{
	autofree char *got = fake_store_get(path);

	ck_assert_msg((got == NULL) == (value == NULL) && (got == NULL || strcmp(got, value) == 0),
		      "%s: '%s', wanted '%s'", path, got, value);
}

static char *script(const char *name, const char *body)
{
	return script_make(dir, name, body);
}

static void disk(const char *script_path, const char *state)
{
	fake_store_set(DISK "/script", script_path);
	fake_store_set(DISK "/params", "/dev/null");
	fake_store_set(DISK "/mode", "w");
	fake_store_set(DISK "/type", "phy");
	fake_store_set(DISK "/online", "1");
	fake_store_set(DISK "/state", state);
}

START_TEST(connects_and_takes_down_by_script)
{
	static const struct reaction what[] = {
		{ "connected by its script", DISK "/online", "0" }, { "connected by its script", DISK "/state", "6" },
		{ "removed", "stop", NULL }, { NULL, NULL, NULL },
	};
	autofree char *path = NULL, *log = NULL, *log_path = NULL, *expected = NULL;
	size_t len;

	begin();
	path = script("block", "echo $1 $XENBUS_PATH $XENBUS_TYPE >>$(dirname $0)/log");
	disk(path, "2");
	serve(what);
	log_path = str_printf("%s/log", dir);
	ck_ok(file_read(log_path, 4096, &log, &len, &err), &err);
	expected = str_printf("add backend/vbd/7/51712 vbd\nremove backend/vbd/7/51712 vbd\n");
	ck_assert_str_eq(log, expected);
	wants(DISK, NULL);
	wants(NOTE, NULL);
	ck_assert_msg(strstr(strstr(logged, "removed") + 1, "removed") == NULL,
		      "removed twice:\n%s", logged);
	end();
}
END_TEST

/* The device appears while devd waits, as it does in life. */
START_TEST(sees_what_comes)
{
	static struct reaction what[] = {
		{ "ready", DISK "/script", NULL }, { "ready", DISK "/params", "/x" }, { "ready", DISK "/online", "1" },
		{ "ready", DISK "/state", "1" }, { "ready", DISK "/state", "2" },
		{ "connected by its script", DISK, NULL },	/* dom0 took it by force */
		{ "removed", "stop", NULL }, { NULL, NULL, NULL },
	};

	begin();
	what[0].value = script("block", "exit 0");
	serve(what);
	wants(NOTE, NULL);
	free((char *)(uintptr_t)what[0].value);
	end();
}
END_TEST

START_TEST(tells_why_a_script_failed)
{
	static const struct reaction what[] = { { "exit status 3", "stop", NULL },
						{ NULL, NULL, NULL } };
	autofree char *path = NULL;

	begin();
	path = script("block", "exit 3");
	disk(path, "2");
	serve(what);
	wants(DISK "/hotplug-status", "error");
	wants(DISK "/hotplug-error", "the script failed with exit status 3");
	end();
}
END_TEST

START_TEST(tells_what_the_library_could_not_do)
{
	static const struct reaction what[] = { { "nosuch", "stop", NULL }, { NULL, NULL, NULL } };

	begin();
	disk("/etc/xen/scripts/block", "2");
	fake_store_set(DISK "/hotplug", "builtin");
	fake_store_set(DISK "/params", "/nosuch.img");
	serve(what);
	wants(DISK "/hotplug-status", "error");
	wants(DISK "/hotplug-error", "/nosuch.img: No such file or directory");
	wants(DISK "/physical-device", NULL);
	end();
}
END_TEST

/* Killed and started again: one device is there still, one went meanwhile. */
START_TEST(finds_what_was_connected)
{
	static const struct reaction what[] = { { "ready", "stop", NULL }, { NULL, NULL, NULL } };
	autofree char *path = NULL, *log_path = NULL, *log = NULL;
	size_t len;

	begin();
	path = script("block", "echo $1 $XENBUS_PATH >>$(dirname $0)/log");
	disk(path, "4");
	fake_store_set(DISK "/hotplug-status", "connected");
	fake_store_set(NOTE "/script", path);
	fake_store_set("/local/domain/0/libxl/devd/vbd/7/51728/script", path);
	serve(what);
	wants_log("vbd/7/51712: found connected");
	wants_log("vbd/7/51728: removed");
	wants(NOTE "/script", path);
	wants("/local/domain/0/libxl/devd/vbd/7/51728", NULL);
	log_path = str_printf("%s/log", dir);
	ck_ok(file_read(log_path, 4096, &log, &len, &err), &err);
	ck_assert_str_eq(log, "remove backend/vbd/7/51728\n");
	end();
}
END_TEST

START_TEST(passes_by_what_is_not_its_own)
{
	static const struct reaction what[] = { { "ready", "stop", NULL }, { NULL, NULL, NULL } };

	begin();
	fake_store_set("/local/domain/0/backend/vtpm/7/0/state", "2");
	fake_store_set("/local/domain/0/backend/vbd/7/-1/state", "2");
	fake_store_set("/local/domain/0/backend/vbd/7/x/state", "2");
	fake_store_set("/local/domain/0/backend/vbd/99999999999999999999/1x/state", "2");
	disk("relative", "22");
	fake_store_set("/local/domain/0/backend/vif/7/0/script", "relative");
	fake_store_set("/local/domain/0/backend/vif/7/0/state", "2");
	serve(what);
	wants(DISK "/hotplug-status", NULL);
	wants("/local/domain/0/backend/vif/7/0/hotplug-error",
	      "script 'relative': expected an absolute path");
	wants("/local/domain/0/backend/vtpm/7/0/hotplug-status", NULL);
	end();
}
END_TEST

/* --- the half that waits ---------------------------------------------------------------------- */

static struct vmm_config *cfg;
static const char *verdict = "connected", *on_close = "gone";

/* The kernel and devd of domain 5. */
static void driver_domain(const char *path, const char *value)
{
	autofree char *node = xstrdup(path);
	char *state = strrchr(node, '/');

	if (!str_starts(path, "/local/domain/5/backend/") || value == NULL ||
	    strcmp(state, "/state") != 0)
		return;
	if (strcmp(value, "1") == 0) {
		fake_store_set(path, "2");
		*state = '\0';
		if (verdict != NULL) {
			autofree char *status = str_printf("%s/hotplug-status", node),
				      *error = str_printf("%s/hotplug-error", node);

			fake_store_set(error, "the bridge burned");
			fake_store_set(status, verdict);
		} else {
			fake_store_set(node, NULL);
		}
	} else if (strcmp(value, "5") == 0) {
		fake_store_set(path, "6");
		*state = '\0';
		if (strcmp(on_close, "gone") == 0)
			fake_store_set(node, NULL);
	}
}

static void start(const char *devices)
{
	autofree char *text = str_printf("name = 'x'\nkernel = '/k'\n%s\n", devices);
	struct vmm_config_source src = { .path = "t.cfg", .text = text };
	struct vmm_device *dev;

	begin();
	while (fake_domain_make(1) < DOMID)
		;
	fake_store_on_change(driver_domain);
	ck_ok(vmm_config_load(&src, &cfg, &err), &err);
	ck_ok(device_settle_all(vmm, cfg, &err), &err);
	list_for_each_entry (dev, &cfg->devices, link)
		dev->backend_domid = DRIVER;
}

static void finish(void)
{
	vmm_config_free(cfg);
	end();
}

static void count_orphan(void *arg, uint32_t domid, const char *kind, int32_t devid)
{
	ck_assert(domid == DOMID && strcmp(kind, "vif") == 0 && devid == 0);
	++*(unsigned *)arg;
}

#define BOTH "disk = ['/img,raw,xvda,w']\nvif = ['bridge=br0', 'script=/etc/own']\n"

START_TEST(waits_for_the_other_half)
{
	autorecords struct device_records records = { NULL, 0 };

	start(BOTH);
	ck_ok(device_attach_all(vmm, DOMID, cfg, &err), &err);
	wants("/local/domain/5/backend/vbd/7/51712/hotplug", "builtin");
	wants("/local/domain/5/backend/vbd/7/51712/script", XEN_CONF_DIR "/scripts/block");
	wants("/local/domain/5/backend/vbd/7/51712/physical-device", NULL);
	wants("/local/domain/5/backend/vif/7/1/hotplug", NULL);
	wants("/local/domain/5/backend/vif/7/1/script", "/etc/own");
	wants("/local/domain/7/device/vif/0/backend-id", "5");
	ck_ok(device_records_read(vmm, DOMID, NULL, &records, &err), &err);
	ck_assert_uint_eq(records.nr, 3);
	ck_ok(device_detach(vmm, DOMID, &records, false, &err), &err);
	wants("/libxl/7/device/vbd", NULL);
	wants("/local/domain/7/device/vbd/51712", NULL);
	finish();
}
END_TEST

START_TEST(says_that_nobody_takes_it_down)
{
	autorecords struct device_records records = { NULL, 0 };

	on_close = "closed only";
	start("vif = ['bridge=br0']\n");
	fake_clock_skip_waits();
	ck_ok(device_attach_all(vmm, DOMID, cfg, &err), &err);
	ck_ok(device_records_read(vmm, DOMID, NULL, &records, &err), &err);
	ck_fails(device_detach(vmm, DOMID, &records, true, &err), &err, ETIMEDOUT,
		 "is `xl devd` running in there?");
	wants("/local/domain/5/backend/vif/7/0", NULL);
	wants("/libxl/7/device/vif/0", NULL);
	finish();
}
END_TEST

/* A driver domain that crashed: nothing to wait for, and told so in the list. */
START_TEST(lets_go_of_a_backend_that_is_gone)
{
	static const char *const nodes[] = { "frontend/state", NULL };
	autorecords struct device_records records = { NULL, 0 };
	struct vmm_deviceinfo *list;
	unsigned told = 0;
	size_t nr;

	on_close = "never";
	start("vif = ['bridge=br0']\n");
	ck_ok(device_attach_all(vmm, DOMID, cfg, &err), &err);
	ck_ok(vmm_device_list(vmm, DOMID, "vif", nodes, &list, &nr, &err), &err);
	ck_assert(nr == 1 && !list[0].is_backend_gone);
	vmm_device_list_free(list, nr);
	fake_guest_shutdown(DRIVER, VMM_SHUTDOWN_CRASH);
	ck_ok(vmm_device_list(vmm, DOMID, "vif", nodes, &list, &nr, &err), &err);
	ck_assert(nr == 1 && list[0].is_backend_gone);
	vmm_device_list_free(list, nr);
	ck_ok(vmm_device_orphans(vmm, DRIVER, count_orphan, &told, &err), &err);
	ck_assert_uint_eq(told, 1);
	ck_ok(device_records_read(vmm, DOMID, NULL, &records, &err), &err);
	ck_ok(device_detach(vmm, DOMID, &records, false, &err), &err);
	wants("/libxl/7/device/vif/0", NULL);
	finish();
}
END_TEST

START_TEST(hears_its_no)
{
	verdict = "error";
	start(BOTH);
	ck_fails(device_attach_all(vmm, DOMID, cfg, &err), &err, EIO,
		 "in its backend domain 5 failed: the bridge burned");
	wants("/libxl/7/device/vbd/51712", NULL);
	wants("/local/domain/5/backend/vif/7/1", NULL);
	finish();
}
END_TEST

START_TEST(notices_that_it_went)
{
	verdict = NULL;
	start("vif = ['']");
	ck_fails(device_attach_all(vmm, DOMID, cfg, &err), &err, ENODEV, "domain 5 is gone");
	wants("/libxl/7/device/vif/0", NULL);
	finish();
}
END_TEST

TEST_MAIN("driver domains", connects_and_takes_down_by_script, sees_what_comes,
	  tells_why_a_script_failed, tells_what_the_library_could_not_do, finds_what_was_connected,
	  passes_by_what_is_not_its_own, waits_for_the_other_half, says_that_nobody_takes_it_down,
	  lets_go_of_a_backend_that_is_gone, hears_its_no, notices_that_it_went)
