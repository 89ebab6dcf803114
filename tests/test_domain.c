// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Domains after their creation, over the fake hypervisor and the fake store: finding, asking,
 * renaming, and above all their end, which must leave nothing behind whatever fails on the way.
 */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/str.h"
#include "libvmm/domain.h"
#include "libvmm/internal.h"
#include "libvmm/userdata.h"
#include "tests/fake/fake.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"

static struct vmm *vmm;
static struct err err;
static char state_dir[] = "/tmp/test_domain.XXXXXX";

static void start(void)
{
	ck_assert_ptr_nonnull(mkdtemp(state_dir));
	setenv("LIBVMM_STATE_DIR", state_dir, 1);
	fake_store_start();
	ck_ok(vmm_open(&vmm, &err), &err);
}

static void finish(void)
{
	static const char *const history[] = { "domid-history", "domid-history.lock" };
	autofree char *left = fake_store_leftover();

	ck_assert_msg(!left, "%s is left in the store", left);
	ck_assert_msg(!fake_leftover(), "%s is left", fake_leftover());
	vmm_close(vmm);
	fake_store_stop();
	/* The numbers that rest stay; nothing else does. */
	for (size_t i = 0; i < array_size(history); i++) {
		autofree char *path = str_printf("%s/%s", state_dir, history[i]);

		(void)!unlink(path);
	}
	ck_assert_int_eq(rmdir(state_dir), 0);
}

static void node(const char *value, const char *fmt, ...) printf_like(2, 3);

static void node(const char *value, const char *fmt, ...)
{
	autofree char *path = NULL;
	va_list ap;

	va_start(ap, fmt);
	path = str_vprintf(fmt, ap);
	va_end(ap);
	fake_store_set(path, value);
}

static char *child_of(uint32_t domid, const char *name)
{
	autofree char *path = str_printf("/local/domain/%u/%s", domid, name);

	return fake_store_get(path);
}

static void device(uint32_t domid, const char *kind, int id, const char *state)
{
	node("", "/libxl/%u/device/%s/%d", domid, kind, id);
	node("", "/local/domain/0/backend/%s/%u/%d", kind, domid, id);
	autofree char *front = str_printf("/local/domain/%u/device/%s/%d", domid, kind, id);
	autofree char *back = str_printf("/local/domain/0/backend/%s/%u/%d", kind, domid, id);

	node(front, "/libxl/%u/device/%s/%d/frontend", domid, kind, id);
	node(back, "/libxl/%u/device/%s/%d/backend", domid, kind, id);
	node("4", "%s/state", front);
	if (state)
		node(state, "%s/state", back);
}

/* A guest as creation leaves it. */
static uint32_t guest(const char *name)
{
	uint32_t domid = fake_domain_make(16);
	uint8_t bytes[16] = { 0xaa, (uint8_t)(domid >> 8), (uint8_t)domid };
	struct vmm_dominfo info;
	char uuid[37];

	ck_ok(hv_domain_set_uuid(vmm_hv(vmm, &err), domid, bytes, &err), &err);
	ck_ok(vmm_domain_info(vmm, domid, &info, &err), &err);
	vmm_uuid_text(info.uuid, uuid);
	if (name)
		node(name, "/local/domain/%u/name", domid);
	autofree char *vm = str_printf("/vm/%s", uuid);

	node(vm, "/local/domain/%u/vm", domid);
	node(uuid, "/vm/%s/uuid", uuid);
	node("1000.00", "/vm/%s/start_time", uuid);
	node("pvh", "/libxl/%u/type", domid);
	node("", "/local/domain/%u/control/shutdown", domid);
	ck_ok(userdata_write(domid, info.uuid, "libxl-json", "{}", 2, &err), &err);
	ck_ok(userdata_write(domid, info.uuid, "xl", "name", 4, &err), &err);
	ck_ok(store_introduce(vmm_store(vmm, &err), domid, 0x39001, 1, &err), &err);
	return domid;
}

/* --- finding ---------------------------------------------------------------------------------- */

START_TEST(by_number_and_by_name)
{
	uint32_t a, b, found;

	start();
	a = guest("alpha");
	b = guest("17");
	ck_ok(vmm_domain_find(vmm, "alpha", &found, &err), &err);
	ck_assert_uint_eq(found, a);
	ck_ok(vmm_domain_find(vmm, "0", &found, &err), &err);
	ck_assert_uint_eq(found, 0);
	ck_ok(vmm_domain_find(vmm, "Domain-0", &found, &err), &err);
	ck_assert_uint_eq(found, 0);
	/* All digits is a number, also where a domain is called so. */
	ck_fails(vmm_domain_find(vmm, "17", &found, &err), &err, ESRCH, "no domain 17");
	ck_fails(vmm_domain_find(vmm, "alph", &found, &err), &err, ESRCH, "no domain 'alph'");
	ck_fails(vmm_domain_find(vmm, "", &found, &err), &err, ESRCH, "no domain ''");
	ck_fails(vmm_domain_find(vmm, "99999999999999999999999", &found, &err), &err, ESRCH, "");
	ck_fails(vmm_domain_find(vmm, "32752", &found, &err), &err, ESRCH, "");
	ck_fails(vmm_domain_find(vmm, "-1", &found, &err), &err, ESRCH, "no domain '-1'");
	ck_ok(vmm_domain_destroy(vmm, a, &err), &err);
	ck_ok(vmm_domain_destroy(vmm, b, &err), &err);
	finish();
}
END_TEST

START_TEST(names_of_many_in_one_go)
{
	struct vmm_dominfo *list;
	char *names[41] = { NULL }, name[16];
	uint64_t calls, before, after;
	size_t nr;

	start();
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "guest%d", i);
		guest(i == 7 ? NULL : name);
	}
	vmm_counts(vmm, &calls, &before);
	ck_ok(vmm_domain_list(vmm, &list, &nr, &err), &err);
	ck_assert_uint_eq(nr, 41);
	ck_ok(vmm_domain_names(vmm, list, nr, names, &err), &err);
	vmm_counts(vmm, &calls, &after);
	ck_assert_uint_eq(after - before, 41);
	ck_assert_str_eq(names[0], "Domain-0");
	ck_assert_str_eq(names[1], "guest0");
	ck_assert_ptr_null(names[8]);
	ck_assert_str_eq(names[40], "guest39");
	for (size_t i = 0; i < nr; i++) {
		free(names[i]);
		if (list[i].domid)
			ck_ok(vmm_domain_destroy(vmm, list[i].domid, &err), &err);
	}
	free(list);
	finish();
}
END_TEST

/* --- renaming --------------------------------------------------------------------------------- */

START_TEST(a_new_name_is_everywhere)
{
	uint32_t a, b, found;
	autofree char *name = NULL;

	start();
	a = guest("alpha");
	b = guest("beta");
	ck_ok(vmm_domain_rename(vmm, a, "gamma", &err), &err);
	ck_ok(vmm_domain_rename(vmm, a, "gamma", &err), &err);
	ck_ok(vmm_domain_find(vmm, "gamma", &found, &err), &err);
	ck_assert_uint_eq(found, a);
	ck_fails(vmm_domain_rename(vmm, a, "beta", &err), &err, EEXIST, "already called 'beta'");
	ck_fails(vmm_domain_rename(vmm, a, "x/y", &err), &err, EINVAL, "'/'");
	ck_fails(vmm_domain_rename(vmm, a, "", &err), &err, EINVAL, "");
	ck_fails(vmm_domain_rename(vmm, a, "x\ny", &err), &err, EINVAL, "");
	ck_fails(vmm_domain_rename(vmm, 77, "delta", &err), &err, ESRCH, "77");
	name = child_of(a, "name");
	ck_assert_str_eq(name, "gamma");
	ck_ok(vmm_domain_destroy(vmm, a, &err), &err);
	ck_ok(vmm_domain_destroy(vmm, b, &err), &err);
	finish();
}
END_TEST

/* --- asking ----------------------------------------------------------------------------------- */

static void guest_answers(const char *path, const char *value)
{
	if (str_ends(path, "/control/shutdown") && value && *value)
		fake_store_set(path, "");
}

START_TEST(a_guest_that_answers)
{
	uint32_t domid;

	start();
	domid = guest("alpha");
	fake_store_on_change(guest_answers);
	ck_ok(vmm_domain_ask_shutdown(vmm, domid, false, 60000, &err), &err);
	ck_ok(vmm_domain_ask_shutdown(vmm, domid, true, 60000, &err), &err);
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	finish();
}
END_TEST

/* Xen starts guests with static memory without one. */
START_TEST(a_guest_without_a_store_ring)
{
	uint32_t domid;

	start();
	domid = guest("alpha");
	ck_ok(store_release(vmm_store(vmm, &err), domid, &err), &err);
	ck_fails(vmm_domain_ask_shutdown(vmm, domid, false, 60000, &err), &err, ENOTSUP,
		 "no store ring");
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	finish();
}
END_TEST

START_TEST(a_guest_that_does_not)
{
	autofree char *left = NULL;
	struct vmm_dominfo info;
	uint32_t domid;

	start();
	domid = guest("alpha");
	ck_ok(vmm_domain_pause(vmm, domid, &err), &err);
	ck_fails(vmm_domain_ask_shutdown(vmm, domid, false, 60000, &err), &err, EINVAL, "paused");
	ck_ok(vmm_domain_unpause(vmm, domid, &err), &err);
	ck_fails(vmm_domain_ask_shutdown(vmm, domid, false, 0, &err), &err, ETIMEDOUT,
		 "did not answer");
	left = child_of(domid, "control/shutdown");
	ck_assert_str_eq(left, "");	/* taken back */
	ck_fails(vmm_domain_wait(vmm, domid, false, 0, &info, &err), &err, ETIMEDOUT,
		 "still running");
	fake_guest_shutdown(domid, VMM_SHUTDOWN_CRASH);
	ck_ok(vmm_domain_wait(vmm, domid, false, 0, &info, &err), &err);
	ck_assert(info.is_shutdown && info.shutdown_reason == VMM_SHUTDOWN_CRASH);
	ck_fails(vmm_domain_ask_shutdown(vmm, domid, false, 0, &err), &err, EINVAL,
		 "already shut down");
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	err_clear(&err);
	ck_ok(vmm_domain_wait(vmm, domid, true, 0, &info, &err), &err);
	ck_fails(vmm_domain_wait(vmm, domid, false, 0, &info, &err), &err, ESRCH, "");
	finish();
}
END_TEST

/* The one that answers does so after the other was asked as well. */
static uint32_t deaf, hearing;

static void one_answers(const char *path, const char *value)
{
	autofree char *its = str_printf("/local/domain/%u/control/shutdown", deaf);

	if (str_eq(path, its) && value && *value) {
		autofree char *other = str_printf("/local/domain/%u/control/shutdown", hearing);

		fake_store_set(other, "");
	}
}

START_TEST(many_are_asked_side_by_side)
{
	struct err errs[3];
	uint32_t domids[3];

	start();
	domids[0] = hearing = guest("alpha");
	domids[1] = 4000;
	domids[2] = deaf = guest("beta");
	fake_store_on_change(one_answers);
	ck_ok(vmm_domain_ask_shutdown_all(vmm, domids, 3, false, 50, errs, &err), &err);
	ck_assert_int_eq(errs[0].code, 0);
	ck_assert_int_eq(errs[1].code, ESRCH);
	ck_assert_int_eq(errs[2].code, ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(errs[2].msg, "did not answer"));
	ck_ok(vmm_domain_destroy(vmm, hearing, &err), &err);
	ck_ok(vmm_domain_destroy(vmm, deaf, &err), &err);
	finish();
}
END_TEST

/* --- the end ---------------------------------------------------------------------------------- */

static void backend_closes(const char *path, const char *value)
{
	if (str_starts(path, "/local/domain/0/backend/") && str_ends(path, "/state") &&
	    str_eq(value, "5"))
		fake_store_set(path, "6");
}

static uint32_t guest_with_devices(void)
{
	uint32_t domid = guest("alpha");

	device(domid, "console", 0, "1");
	device(domid, "vif", 0, "4");
	device(domid, "vif", 1, "4");
	device(domid, "vbd", 51712, NULL);	/* a backend that is gone already */
	return domid;
}

START_TEST(devices_go_first_and_nothing_stays)
{
	uint32_t domid;

	start();
	domid = guest_with_devices();
	fake_store_on_change(backend_closes);
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	ck_assert(!fake_domain_exists(domid));
	ck_fails(vmm_domain_destroy(vmm, domid, &err), &err, ESRCH, "there is no domain");
	/* The folders of kinds are the host's. */
	fake_store_set("/local/domain/0/backend", NULL);
	finish();
}
END_TEST

/* Its number stays taken, which is all that is left of it. */
START_TEST(one_that_xen_keeps_is_gone_without_its_memory)
{
	struct vmm_dominfo info;
	uint32_t domid;

	start();
	domid = guest("alpha");
	fake_domain_keep(domid);
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	ck_ok(vmm_domain_info(vmm, domid, &info, &err), &err);
	ck_assert(info.is_dying);
	ck_fails(vmm_domain_find(vmm, "alpha", &domid, &err), &err, ESRCH, "alpha");
	fake_domain_forget(info.domid);
	finish();
}
END_TEST

START_TEST(what_a_record_points_at_elsewhere_stays)
{
	autofree char *name = NULL;
	uint32_t domid;

	start();
	domid = guest("alpha");
	node("/local/domain/0/name", "/libxl/%u/device/vif/0/backend", domid);
	node("/local/domain/0", "/libxl/%u/device/vif/0/frontend", domid);
	node("/local/domain/0/backend/vif/0/0", "/libxl/%u/device/vif/1/backend", domid);
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	name = fake_store_get("/local/domain/0/name");
	ck_assert_str_eq(name, "Domain-0");
	finish();
}
END_TEST

START_TEST(what_xen_forgot_is_still_cleaned_up)
{
	uint32_t domid;

	start();
	domid = guest_with_devices();
	fake_store_on_change(backend_closes);
	fake_domain_kill(domid);
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	fake_store_set("/local/domain/0/backend", NULL);
	finish();
}
END_TEST

/* The name in the store is that of a guest that runs: what it shares with the dead one stays. */
START_TEST(what_is_left_of_the_dead_is_swept)
{
	autofree char *vm = NULL, *own = NULL;
	uint32_t dead, alive;
	struct vmm_dominfo info;
	char uuid[37];

	start();
	alive = guest("beta");
	dead = guest_with_devices();
	own = child_of(dead, "vm");
	fake_store_set(own, NULL);
	ck_ok(vmm_domain_info(vmm, dead, &info, &err), &err);
	ck_ok(userdata_remove(dead, info.uuid, &err), &err);
	ck_ok(vmm_domain_info(vmm, alive, &info, &err), &err);
	vmm_uuid_text(info.uuid, uuid);
	vm = str_printf("/vm/%s", uuid);
	node(vm, "/local/domain/%u/vm", dead);
	ck_ok(userdata_write(dead, info.uuid, "libxl-json", "{}", 2, &err), &err);
	fake_store_on_change(backend_closes);
	fake_domain_kill(dead);
	ck_ok(vmm_domains_sweep(vmm, &err), &err);
	ck_assert_ptr_null(child_of(dead, "name"));
	free(vm);
	vm = child_of(alive, "name");
	ck_assert_str_eq(vm, "beta");
	free(vm);
	ck_ok(store_read_opt(vmm_store(vmm, &err), &vm, &err, "/vm/%s/uuid", uuid), &err);
	ck_assert_str_eq(vm, uuid);
	ck_ok(vmm_domains_sweep(vmm, &err), &err);
	ck_ok(vmm_domain_destroy(vmm, alive, &err), &err);
	fake_store_set("/local/domain/0/backend", NULL);
	finish();
}
END_TEST

/* Whatever fails: an error with a message, and doing it again finishes the work. */
static void destroy_with_faults(enum fault_kind kind)
{
	start();
	fake_store_on_change(backend_closes);
	for (unsigned nth = 1;; nth++) {
		uint32_t domid = guest_with_devices();
		int ret;

		err_clear(&err);
		point_arm(nth, kind, nth / 7);
		ret = vmm_domain_destroy(vmm, domid, &err);
		bool failed = point_disarm();

		if (ret < 0)
			ck_assert_msg(failed && err.code && *err.msg && !strstr(err.msg, "Success"),
				      "point %u, %s: %d '%s'", nth, point_name(), err.code,
				      err.msg);
		/* A failed watch or read may have left the connection's events behind, as a killed
		 * command would. */
		err_clear(&err);
		if (vmm_domain_destroy(vmm, domid, &err) < 0)
			ck_assert_msg(err.code == ESRCH, "point %u, %s: again: %s", nth,
				      point_name(), err.msg);
		ck_assert_msg(!fake_leftover(), "point %u, %s: %s is left", nth, point_name(),
			      fake_leftover());
		fake_store_set("/local/domain/0/backend", NULL);
		autofree char *left = fake_store_leftover();

		ck_assert_msg(!left, "point %u, %s: %s is left", nth, point_name(), left);
		if (!failed)
			break;
	}
	finish();
}

START_TEST(one_fault_on_the_way)
{
	destroy_with_faults(FAULT_TRANSIENT);
}
END_TEST

START_TEST(faults_from_there_on)
{
	destroy_with_faults(FAULT_STICKY);
}
END_TEST

/* --- consoles --------------------------------------------------------------------------------- */

START_TEST(only_a_terminal_is_a_console)
{
	autofree char *tty = NULL;
	uint32_t domid;
	char *none;

	start();
	domid = guest("alpha");
	ck_fails(vmm_console_tty(vmm, domid, VMM_CONSOLE_PV, 0, 0, &none, &err), &err, ETIMEDOUT,
		 "xenconsoled");
	node("/dev/pts/3", "/local/domain/%u/console/tty", domid);
	ck_ok(vmm_console_tty(vmm, domid, VMM_CONSOLE_PV, 0, 0, &tty, &err), &err);
	ck_assert_str_eq(tty, "/dev/pts/3");
	node("/etc/shadow", "/local/domain/%u/device/console/1/tty", domid);
	ck_fails(vmm_console_tty(vmm, domid, VMM_CONSOLE_PV, 1, 0, &none, &err), &err, EPERM,
		 "no terminal");
	node("/dev/../etc/shadow", "/local/domain/%u/vuart/0/tty", domid);
	ck_fails(vmm_console_tty(vmm, domid, VMM_CONSOLE_VUART, 0, 0, &none, &err), &err, EPERM,
		 "no terminal");
	ck_fails(vmm_console_tty(vmm, 99, VMM_CONSOLE_PV, 0, 0, &none, &err), &err, ESRCH, "");
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	finish();
}
END_TEST

TEST_MAIN("domain", by_number_and_by_name, names_of_many_in_one_go, a_new_name_is_everywhere,
	  a_guest_that_answers, a_guest_that_does_not, a_guest_without_a_store_ring,
	  many_are_asked_side_by_side,
	  devices_go_first_and_nothing_stays,
	  one_that_xen_keeps_is_gone_without_its_memory, what_a_record_points_at_elsewhere_stays,
	  what_xen_forgot_is_still_cleaned_up, what_is_left_of_the_dead_is_swept,
	  one_fault_on_the_way, faults_from_there_on,
	  only_a_terminal_is_a_console)
