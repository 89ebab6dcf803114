// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A guest's restart, with every call of it failing, once and for good: whatever happened, the
 * supervisor's next try leaves exactly one guest, which runs, is looked after, and is not the old
 * one.
 */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "tests/fake/fake.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"
#include "tests/files.h"
#include "xl/monitor_act.h"

static char dir[] = "/tmp/test_monitor.XXXXXX";
static struct err err;

static void start(void)
{
	static const uint8_t image[4096] = { 1 };
	autofree char *kernel = NULL;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("LIBVMM_STATE_DIR", dir, 1);
	kernel = str_printf("%s/kernel", dir);
	ck_ok(file_write_atomic(kernel, image, sizeof(image), 0600, &err), &err);
	log_set_level(LOG_LEVEL_ERROR + 1);
	fake_store_start();
}

static void finish(void)
{
	fake_store_stop();
	folder_remove(dir);
}

/* As xenconsoled does when it has taken up the console. */
static void listen_to(uint32_t domid)
{
	autofree char *path = str_printf("/local/domain/%u/console/tty", domid);

	fake_store_set(path, "/dev/pts/1");
}

/* A guest that ended for `reason`. */
static struct death end_a_guest(const char *settings, uint32_t reason)
{
	const struct vmm_create_options options = { .paused = false };
	autofree char *text = str_printf(
		"name = 'ada'\nkernel = '%s/kernel'\nimage_format = 'raw'\nmemory = 8\n%s", dir,
		settings);
	const struct vmm_config_source source = { .path = "ada.cfg", .text = text };
	struct death death = { .reason = reason };
	struct vmm_config *cfg = NULL;
	struct vmm_dominfo info;
	struct vmm *vmm;

	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(vmm_config_load(&source, &cfg, &err), &err);
	ck_ok(vmm_domain_create(vmm, cfg, &options, &death.domid, &err), &err);
	ck_ok(monitor_adopt(vmm, death.domid, &err), &err);
	ck_ok(vmm_domain_info(vmm, death.domid, &info, &err), &err);
	memcpy(death.uuid, info.uuid, sizeof(death.uuid));
	listen_to(death.domid);
	fake_guest_shutdown(death.domid, reason);
	vmm_config_free(cfg);
	vmm_close(vmm);
	return death;
}

/* As the supervisor's child does it, with a context of its own. */
static int act(const struct death *death, struct err *e)
{
	struct xl xl = { .out = stdout, .note = stderr };
	uint32_t new_domid;
	int r;

	if (vmm_open(&xl.vmm, e) < 0)
		return -1;
	r = monitor_act(&xl, death, &new_domid, e);
	vmm_close(xl.vmm);
	return r;
}

/* Who is there now; all of them end. `nr_old`: how many dead ones are to be among them. */
static void check_and_destroy(const struct death *death, unsigned nr_old, unsigned nth)
{
	autofree struct vmm_dominfo *list = NULL;
	autostrlist struct strlist records = STRLIST_INIT;
	unsigned nr_running = 0, nr_dead = 0;
	struct vmm *vmm;
	size_t nr;

	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(vmm_domain_list(vmm, &list, &nr, &err), &err);
	for (size_t i = 0; i < nr; i++) {
		autofree char *name = NULL;

		if (list[i].domid == 0)
			continue;
		ck_ok(vmm_domain_name(vmm, list[i].domid, &name, &err), &err);
		if (list[i].is_shutdown) {
			nr_dead++;
			ck_assert_msg(strncmp(name, "ada-", 4) == 0, "point %u: %s", nth, name);
		} else {
			nr_running++;
			ck_assert_msg(strcmp(name, "ada") == 0 && !list[i].is_paused,
				      "point %u: %s", nth, name);
			ck_assert_uint_ne(list[i].domid, death->domid);
			ck_assert_int_eq(memcmp(list[i].uuid, death->uuid, sizeof(death->uuid)), 0);
			ck_assert(monitor_is_adopted(vmm, list[i].domid, &err));
		}
		ck_ok(vmm_domain_destroy(vmm, list[i].domid, &err), &err);
	}
	ck_assert_msg(nr_running == 1 && nr_dead == nr_old, "point %u: %u run, %u are dead", nth,
		      nr_running, nr_dead);
	ck_ok(restart_record_list(&records, &err), &err);
	ck_assert_uint_eq(records.n, 0);
	ck_assert_msg(!fake_leftover(), "point %u: %s", nth, fake_leftover());
	vmm_close(vmm);
}

static unsigned every_fault(const char *settings, enum fault_kind kind, unsigned nr_old)
{
	bool has_failed = true;
	unsigned nth;

	for (nth = 1; has_failed; nth++) {
		struct death death = end_a_guest(settings, VMM_SHUTDOWN_REBOOT);
		struct err e = ERR_INIT, again = ERR_INIT;
		int r;

		point_arm(nth, kind, 0);
		r = act(&death, &e);
		has_failed = point_disarm();
		ck_assert_msg(r == 0 || (e.code && e.msg[0] && !strstr(e.msg, "Success")),
			      "point %u: '%s'", nth, e.msg);
		ck_assert_msg(act(&death, &again) == 0, "point %u (%s): again: %s, after %s", nth,
			      point_name(), again.msg, e.msg);
		check_and_destroy(&death, nr_old, nth);
	}
	return nth;
}

START_TEST(one_fault_in_a_restart)
{
	start();
	ck_assert_uint_gt(every_fault("", FAULT_TRANSIENT, 0), 60);
	finish();
}
END_TEST

START_TEST(faults_from_there_on_in_a_restart)
{
	start();
	ck_assert_uint_gt(every_fault("", FAULT_STICKY, 0), 60);
	finish();
}
END_TEST

START_TEST(faults_when_the_old_one_is_kept)
{
	start();
	every_fault("on_reboot = 'rename-restart'", FAULT_TRANSIENT, 1);
	every_fault("on_reboot = 'rename-restart'", FAULT_STICKY, 1);
	finish();
}
END_TEST

/* Killed between the lines: the record alone is left, or the record and a domain that was never
 * finished. */
START_TEST(what_was_begun_is_finished)
{
	struct death death;
	struct restart_record r = RESTART_RECORD_INIT;
	char uuid[37];
	struct vmm *vmm;

	start();
	death = end_a_guest("", VMM_SHUTDOWN_REBOOT);
	vmm_uuid_text(death.uuid, uuid);
	ck_ok(vmm_open(&vmm, &err), &err);
	r.domid = death.domid;
	r.retire_as = strdup("");
	r.history = strdup("1 2");
	ck_ok(vmm_domain_config_json(vmm, death.domid, &r.config, &err), &err);
	ck_ok(restart_record_write(uuid, &r, &err), &err);
	ck_ok(vmm_domain_destroy(vmm, death.domid, &err), &err);
	ck_ok(act(&death, &err), &err);
	check_and_destroy(&death, 0, 0);
	/* And one that nobody can make sense of is no reason to do nothing. */
	free(r.config);
	r.config = strdup("{");
	ck_ok(restart_record_write(uuid, &r, &err), &err);
	ck_assert_int_lt(act(&death, &err), 0);
	err_clear(&err);
	monitor_give_up(&death);
	ck_ok(act(&death, &err), &err);
	restart_record_free(&r);
	vmm_close(vmm);
	finish();
}
END_TEST

TEST_MAIN("monitor", one_fault_in_a_restart, faults_from_there_on_in_a_restart,
	  faults_when_the_old_one_is_kept, what_was_begun_is_finished)
