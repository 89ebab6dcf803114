// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Guests that Xen started, over the fakes: what they find, what stays as it was, and that whatever
 * fails, the next attempt takes them in.
 */
#include "tests/test.h"

#include <stdio.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "libvmm/arm_abi.h"
#include "libvmm/libvmm.h"
#include "tests/fake/fake.h"
#include "tests/fake/loop.h"
#include "tests/fake/model.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"

#define STORE_GFN 0x39001u
#define CONSOLE_GFN 0x39000u
#define CONNECTION 2068u

static struct err err;
static char dir[] = "/tmp/test_boot_guests.XXXXXX";
static unsigned nr_reported;

static void start(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("LIBVMM_STATE_DIR", dir, 1);
	fake_store_start();
}

static void finish(void)
{
	static const char *const history[] = { "domid-history", "domid-history.lock" };

	fake_store_stop();
	/* The numbers that rest stay; nothing else does. */
	for (size_t i = 0; i < array_size(history); i++) {
		autofree char *path = str_printf("%s/%s", dir, history[i]);

		(void)unlink(path);
	}
	ck_assert_int_eq(rmdir(dir), 0);
}

/* As Xen leaves one: it runs, has a port for its store ring and waits for the ring. */
static uint32_t boot_guest(bool is_enhanced)
{
	uint32_t domid = fake_domain_make(256);
	struct fake_domain *d = fake_domain(domid);

	if (is_enhanced) {
		d->params[HVM_PARAM_STORE_EVTCHN] = fake_port_make(domid);
		d->params[HVM_PARAM_STORE_PFN] = UINT64_MAX;
	}
	return domid;
}

static int count(void *arg, uint32_t domid, const char *name, unsigned state, struct err *e)
{
	(void)arg;
	(void)e;
	ck_assert_uint_gt(domid, 0);
	ck_assert_ptr_nonnull(strstr(name, "dom0less-"));
	ck_assert(!(state & VMM_BOOT_CAN_REBUILD));
	nr_reported++;
	return 0;
}

static int take_in(struct err *e)
{
	struct vmm *vmm = NULL;
	int r;

	if (vmm_open(&vmm, e) < 0)
		return -1;
	r = vmm_init_boot_guests(vmm, count, NULL, e);
	vmm_close(vmm);
	return r;
}

static void destroy(uint32_t domid)
{
	struct vmm *vmm = NULL;

	ck_ok(vmm_open(&vmm, &err), &err);
	ck_ok(vmm_domain_destroy(vmm, domid, &err), &err);
	vmm_close(vmm);
}

static void check_node(const char *root, uint32_t domid, const char *node, const char *value)
{
	autofree char *path = str_printf("%s/%u/%s", root, domid, node),
		      *got = fake_store_get(path);

	ck_assert_msg(got && strcmp(got, value) == 0, "%s is %s", path, got ? got : "not there");
}

static void check_taken_in(uint32_t domid)
{
	static const uint8_t zero[CONNECTION];
	uint8_t page[4096];
	uint32_t connection;
	autofree char *name = str_printf("dom0less-%u", domid);

	ck_assert_uint_eq(fake_guest_param(domid, HVM_PARAM_STORE_PFN), STORE_GFN);
	ck_assert_uint_eq(fake_guest_param(domid, HVM_PARAM_CONSOLE_PFN), CONSOLE_GFN);
	fake_guest_read(domid, (uint64_t)STORE_GFN << 12, page, sizeof(page));
	memcpy(&connection, page + CONNECTION, sizeof(connection));
	ck_assert_uint_eq(connection, 1);
	ck_assert_mem_eq(page, zero, sizeof(zero));
	fake_guest_read(domid, (uint64_t)CONSOLE_GFN << 12, page, sizeof(page));
	ck_assert_mem_eq(page, zero, sizeof(zero));
	check_node("/local/domain", domid, "name", name);
	check_node("/libxl", domid, "type", "pvh");
	check_node("/libxl", domid, "late-console", "9");
	check_node("/local/domain", domid, "device/console/9/state", "1");
}

START_TEST(a_guest_finds_clean_rings_and_its_console)
{
	uint32_t domid;

	start();
	domid = boot_guest(true);
	ck_ok(take_in(&err), &err);
	check_taken_in(domid);
	ck_assert_uint_eq(nr_reported, 1);
	/* A second time there is nothing to do. */
	ck_ok(take_in(&err), &err);
	ck_assert_uint_eq(nr_reported, 1);
	destroy(domid);
	ck_assert_ptr_null(fake_violation());
	finish();
}
END_TEST

START_TEST(a_ring_that_is_there_is_left_as_it_is)
{
	uint32_t domid;
	uint8_t *page;

	start();
	domid = boot_guest(true);
	{
		struct fake_domain *d = fake_domain(domid);

		d->params[HVM_PARAM_STORE_PFN] = 0x40010;
		d->params[HVM_PARAM_CONSOLE_PFN] = 0x40011;
		page = fake_guest_page(domid, 0x40010);
		memset(page, 0x5a, 4096);
	}
	ck_ok(take_in(&err), &err);
	for (size_t i = 0; i < 4096; i++)
		ck_assert_uint_eq(page[i], 0x5a);
	ck_assert_uint_eq(fake_guest_param(domid, HVM_PARAM_STORE_PFN), 0x40010);
	check_node("/local/domain", domid, "store/ring-ref", "262160");
	destroy(domid);
	finish();
}
END_TEST

START_TEST(one_without_interfaces_has_a_name)
{
	uint32_t domid;

	start();
	domid = boot_guest(false);
	ck_ok(take_in(&err), &err);
	ck_ok(take_in(&err), &err);
	ck_assert_uint_eq(nr_reported, 1);
	check_node("/libxl", domid, "type", "pvh");
	ck_assert_uint_eq(fake_guest_param(domid, HVM_PARAM_STORE_PFN), 0);
	destroy(domid);
	finish();
}
END_TEST

/* It runs on whatever fails; and once nothing fails any more it is taken in as if nothing had
 * been. */
static int fail_and_try_again(struct err *e)
{
	uint32_t domid = boot_guest(true);
	int r = take_in(e);

	point_disarm();
	ck_assert(fake_domain_exists(domid) && !fake_domain_is_paused(domid));
	if (r < 0)
		ck_ok(take_in(&err), &err);
	check_taken_in(domid);
	destroy(domid);
	return r;
}

START_TEST(one_fault_and_the_next_attempt_takes_it_in)
{
	static const struct fault_scenario scenario = { fail_and_try_again, NULL, NULL };

	start();
	for (unsigned turn = 0; turn < 7; turn += 2) {
		struct fault_tally tally = fault_loop(&scenario, turn);

		ck_assert_uint_gt(tally.nr_points, 30);
	}
	for (unsigned turn = 0; turn < 7; turn += 2)
		fault_loop_sticky(&scenario, turn);
	finish();
}
END_TEST

TEST_MAIN("boot_guests", a_guest_finds_clean_rings_and_its_console,
	  a_ring_that_is_there_is_left_as_it_is, one_without_interfaces_has_a_name,
	  one_fault_and_the_next_attempt_takes_it_in)
