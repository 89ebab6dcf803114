// SPDX-License-Identifier: LGPL-2.1-or-later
/* The order of autostart: waves, conditions, circles. */
#include <errno.h>
#include <stdio.h>
#include "tests/test.h"
#include "xl/start_plan.h"

static struct start_plan plan;
static struct err err;

static void add(const char *name, const char *after)
{
	ck_ok(start_plan_add(&plan, name, &err), &err);
	if (after)
		ck_ok(start_plan_after(&plan, after, &err), &err);
}

START_TEST(guests_without_conditions_start_together)
{
	add("a", NULL);
	add("b", NULL);
	ck_ok(start_plan_finish(&plan, &err), &err);
	ck_assert_uint_eq(plan.guests[0].wave, 0);
	ck_assert_uint_eq(plan.guests[1].wave, 0);
	start_plan_free(&plan);
}
END_TEST

START_TEST(a_guest_comes_behind_the_latest_it_waits_for)
{
	add("app", "db");
	ck_ok(start_plan_after(&plan, "net:store=data/ready", &err), &err);
	add("db", "net:console=link up: 1000 Mb/s");
	add("net", NULL);
	ck_ok(start_plan_finish(&plan, &err), &err);
	ck_assert_uint_eq(plan.guests[0].wave, 2);
	ck_assert_uint_eq(plan.guests[1].wave, 1);
	ck_assert_uint_eq(plan.guests[2].wave, 0);
	ck_assert_uint_eq(plan.guests[0].deps[1].on, 2);
	ck_assert_int_eq(plan.guests[0].deps[1].condition, START_STORE);
	ck_assert_str_eq(plan.guests[0].deps[1].arg, "data/ready");
	/* The text of a console line may hold colons of its own. */
	ck_assert_str_eq(plan.guests[1].deps[0].arg, "link up: 1000 Mb/s");
	start_plan_free(&plan);
}
END_TEST

START_TEST(a_guest_of_somewhere_else_holds_up_no_wave)
{
	add("app", "elsewhere");
	ck_ok(start_plan_finish(&plan, &err), &err);
	ck_assert_uint_eq(plan.guests[0].wave, 0);
	ck_assert(plan.guests[0].deps[0].on == START_OUTSIDE);
	start_plan_free(&plan);
}
END_TEST

START_TEST(a_circle_is_named)
{
	add("x", "b");	/* leads into the circle without being on it */
	add("a", "c");
	add("b", "a");
	add("c", "b");
	ck_fails(start_plan_finish(&plan, &err), &err, ELOOP, "after");
	ck_assert_ptr_null(strstr(err.msg, "'x'"));
	ck_assert_ptr_nonnull(strstr(err.msg, "'a' after 'c'"));
	ck_assert_ptr_nonnull(strstr(err.msg, "'b' after 'a'"));
	ck_assert_ptr_nonnull(strstr(err.msg, "'c' after 'b'"));
	start_plan_free(&plan);
	add("self", "self");
	ck_fails(start_plan_finish(&plan, &err), &err, ELOOP, "'self' after 'self'");
	start_plan_free(&plan);
}
END_TEST

START_TEST(bad_conditions_are_refused)
{
	static const char *const bad[] = { "",           ":store=x", "a:", "a:store=",
					   "a:console=", "a:stor=x", "a:b" };

	add("g", NULL);
	for (size_t i = 0; i < array_size(bad); i++)
		ck_fails(start_plan_after(&plan, bad[i], &err), &err, EINVAL, "start_after");
	start_plan_free(&plan);
}
END_TEST

START_TEST(two_guests_of_one_name_are_refused)
{
	add("g", NULL);
	ck_fails(start_plan_add(&plan, "g", &err), &err, EEXIST, "'g'");
	start_plan_free(&plan);
}
END_TEST

START_TEST(a_long_chain_is_no_trouble)
{
	char name[16], after[16];

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "g%d", i);
		snprintf(after, sizeof(after), "g%d", i + 1);
		add(name, i < 199 ? after : NULL);
	}
	ck_ok(start_plan_finish(&plan, &err), &err);
	ck_assert_uint_eq(plan.guests[0].wave, 199);
	ck_assert_uint_eq(plan.guests[199].wave, 0);
	start_plan_free(&plan);
}
END_TEST

TEST_MAIN("start plan", guests_without_conditions_start_together,
	  a_guest_comes_behind_the_latest_it_waits_for, a_guest_of_somewhere_else_holds_up_no_wave,
	  a_circle_is_named, bad_conditions_are_refused, two_guests_of_one_name_are_refused,
	  a_long_chain_is_no_trouble)
