// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Runs scenarios with faults and looks at what is left. Knows the fakes; what a scenario does is
 * its own.
 */
#include "tests/fake/loop.h"

#include <check.h>
#include <dirent.h>
#include <string.h>
#include "base/mem.h"
#include "tests/fake/fake.h"
#include "tests/fake/point.h"
#include "tests/fake/xenstore.h"

unsigned open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	fake_store_catch_up();
	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void check_error(int r, const struct err *err, unsigned nth)
{
	ck_assert_msg(r == 0 || (err->code && err->msg[0] && !strstr(err->msg, "Success")),
		      "point %u (%s): code %d, message '%s'", nth, point_name(), err->code,
		      err->msg);
}

/* The folders of backends, one a kind of device, stay when the first of them is gone; empty, they
 * are nobody's. */
static void forget_empty_backends(void)
{
	static const char dir[] = "/local/domain/0/backend";
	autofree char *text = fake_store_dump(dir);

	for (char *line, *rest = text; (line = strsep(&rest, "\n"));) {
		const char *kind = strlen(line) > sizeof(dir) ? line + sizeof(dir) : "";

		if (strchr(kind, '/'))
			return;
	}
	fake_store_set(dir, NULL);
}

static void check_pristine(const struct fault_scenario *s, unsigned nth, unsigned fds,
			   const struct err *err)
{
	forget_empty_backends();
	autofree char *node = fake_store_leftover();
	const char *other = s->leftover ? s->leftover() : NULL;

	ck_assert_msg(!fake_leftover(), "point %u (%s): %s is left, after '%s'", nth, point_name(),
		      fake_leftover(), err->msg);
	ck_assert_msg(!node, "point %u (%s): %s is left in the store, after '%s'", nth,
		      point_name(), node, err->msg);
	ck_assert_msg(!other, "point %u (%s): %s is left, after '%s'", nth, point_name(), other,
		      err->msg);
	ck_assert_msg(!fake_violation(), "point %u (%s): %s", nth, point_name(), fake_violation());
	ck_assert_msg(open_descriptors() <= fds, "point %u (%s): a descriptor is left, after '%s'",
		      nth, point_name(), err->msg);
}

/* A run without faults, which also opens what is opened once for all. */
static unsigned run_clean(const struct fault_scenario *s)
{
	struct err err = ERR_INIT;
	unsigned n;

	point_arm(0, FAULT_TRANSIENT, 0);
	ck_assert_msg(s->run(&err) == 0, "without faults: %s", err.msg);
	n = point_count();
	point_disarm();
	ck_assert_uint_gt(n, 0);
	return n;
}

static struct fault_tally loop(const struct fault_scenario *s, enum fault_kind kind, unsigned turn)
{
	struct fault_tally tally = { .nr_points = run_clean(s) };
	unsigned fds = open_descriptors();

	for (unsigned nth = 1;; nth++) {
		struct err err = ERR_INIT, again = ERR_INIT;

		point_arm(nth, kind, turn);
		int r = s->run(&err);
		bool has_failed = point_disarm();

		check_error(r, &err, nth);
		if (r < 0 && kind == FAULT_STICKY && s->repair)
			ck_assert_msg(s->repair(&again) == 0, "point %u (%s): repair: %s", nth,
				      point_name(), again.msg);
		check_pristine(s, nth, fds, &err);
		if (!has_failed) {
			ck_assert_msg(r == 0, "no fault, and yet: %s", err.msg);
			return tally;
		}
		tally.nr_absorbed += r == 0;
	}
}

struct fault_tally fault_loop(const struct fault_scenario *s, unsigned turn)
{
	return loop(s, FAULT_TRANSIENT, turn);
}

struct fault_tally fault_loop_sticky(const struct fault_scenario *s, unsigned turn)
{
	return loop(s, FAULT_STICKY, turn);
}

struct fault_tally fault_loop_call(const struct fault_scenario *s, void (*fn)(void))
{
	struct fault_tally tally = { .nr_points = run_clean(s) };
	unsigned fds = open_descriptors();

	for (unsigned nth = 1; nth <= tally.nr_points; nth++) {
		struct err err = ERR_INIT;

		point_call_at(nth, fn);
		int r = s->run(&err);

		point_disarm();
		check_error(r, &err, nth);
		check_pristine(s, nth, fds, &err);
		tally.nr_absorbed += r == 0;
	}
	return tally;
}
