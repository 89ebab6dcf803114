// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Room for a new domain over the fakes: who is asked for memory, who is not and why, and that a
 * creation that fails leaves dom0's target as it was.
 */
#include "tests/test.h"

#include <errno.h>
#include <stdio.h>
#include "base/str.h"
#include "libvmm/balloon.h"
#include "tests/fake/fake.h"
#include "tests/fake/model.h"
#include "tests/fake/xenstore.h"

#define TARGET "/local/domain/0/memory/target"
#define MIB 1024ull	/* KiB */

static struct vmm *vmm;
static struct err err;
static uint64_t dom0_kb;

static void start(const char *commandline, bool is_dom0_movable)
{
	fake_host.commandline = commandline;
	fake_host.is_dom0_movable = is_dom0_movable;
	fake_store_start();
	ck_ok(vmm_open(&vmm, &err), &err);
	ck_assert_ptr_nonnull(vmm_hv(vmm, &err));
	fake_store_set(TARGET, "1048576");
	fake()->free_pages = 100 * MIB / 4;
}

static void finish(void)
{
	vmm_close(vmm);
	fake_store_stop();
}

static void target_is(const char *expected)
{
	autofree char *target = fake_store_get(TARGET);

	ck_assert_str_eq(target, expected);
}

/* dom0's balloon driver: what it is below 1 GiB is free. */
static void give(const char *path, const char *value)
{
	if (value && strcmp(path, TARGET) == 0)
		fake()->free_pages = (100 * MIB + 1048576 - strtoull(value, NULL, 10)) / 4;
}

START_TEST(enough_is_enough)
{
	start(NULL, false);
	ck_ok(balloon_make_room(vmm, VMM_BALLOON_ON, 100 * MIB, &dom0_kb, &err), &err);
	ck_assert_uint_eq(dom0_kb, 0);
	target_is("1048576");
	finish();
}
END_TEST

START_TEST(dom0_gives_what_is_missing)
{
	start("console=dtuart", true);
	fake_store_on_change(give);
	ck_ok(balloon_make_room(vmm, VMM_BALLOON_AUTO, 300 * MIB, &dom0_kb, &err), &err);
	ck_assert_uint_eq(dom0_kb, 1048576);
	target_is("843776");	/* 1024 - 200 MiB */
	balloon_undo(vmm, dom0_kb);
	target_is("1048576");
	finish();
}
END_TEST

START_TEST(who_is_not_asked)
{
	static const struct {
		const char *commandline;
		bool is_movable;
		enum vmm_balloon mode;
		uint64_t need;
		const char *why;
	} cases[] = {
		{ NULL, true, VMM_BALLOON_OFF, 300, "autoballoon is off" },
		{ "sync_console dom0_mem=1024M", true, VMM_BALLOON_AUTO, 300,
		  "since dom0_mem= is on Xen's command line" },
		{ "dom0_mem=1024M", true, VMM_BALLOON_AUTO, 300,
		  "since dom0_mem= is on Xen's command line" },
		{ "xdom0_mem=1", false, VMM_BALLOON_AUTO, 300, "Xen maps it 1:1" },
		{ NULL, false, VMM_BALLOON_ON, 300, "Xen maps it 1:1" },
		{ NULL, true, VMM_BALLOON_ON, 100 + 1024 - 127, "less than 128 MiB" },
	};

	start(NULL, false);
	for (size_t i = 0; i < array_size(cases); i++) {
		fake_host.commandline = cases[i].commandline;
		fake_host.is_dom0_movable = cases[i].is_movable;
		ck_fails(balloon_make_room(vmm, cases[i].mode, cases[i].need * MIB, &dom0_kb, &err),
			 &err, ENOMEM, cases[i].why);
		ck_assert_msg(strstr(err.msg, "the host has 100 MiB free"), "%s", err.msg);
		target_is("1048576");
	}
	finish();
}
END_TEST

static int stop;

/* dom0 does not move, and somebody presses ^C. */
static void interrupt(const char *path, const char *value)
{
	if (value && strcmp(path, TARGET) == 0)
		stop = 1;
}

START_TEST(interrupted_means_as_before)
{
	start(NULL, true);
	vmm_set_interrupt(vmm, &stop);
	fake_store_on_change(interrupt);
	ck_fails(balloon_make_room(vmm, VMM_BALLOON_ON, 300 * MIB, &dom0_kb, &err), &err, EINTR,
		 "interrupted");
	ck_assert_uint_eq(dom0_kb, 0);
	target_is("1048576");
	finish();
}
END_TEST

START_TEST(every_fault_leaves_dom0_alone)
{
	start(NULL, true);
	fake_store_on_change(give);
	for (unsigned nth = 1;; nth++) {
		bool failed;
		int ret;

		point_arm(nth, FAULT_TRANSIENT, nth);
		ret = balloon_make_room(vmm, VMM_BALLOON_AUTO, 300 * MIB, &dom0_kb, &err);
		failed = point_disarm();
		if (!failed) {
			ck_ok(ret, &err);
			break;
		}
		if (ret == 0)		/* tried again inside and came through */
			balloon_undo(vmm, dom0_kb);
		else
			ck_assert_msg(err.code && *err.msg, "point %u, %s", nth, point_name());
		err_clear(&err);
		target_is("1048576");
	}
	finish();
}
END_TEST

TEST_MAIN("balloon", enough_is_enough, dom0_gives_what_is_missing, who_is_not_asked,
	  interrupted_means_as_before, every_fault_leaves_dom0_alone)
