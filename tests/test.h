/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "base/mem.h"

/*
 * What every suite begins with. A suite is tests/test_NAME.c, a line in tests/tests.am and
 *
 *	START_TEST(what_it_promises)
 *	{
 *		...
 *	}
 *	END_TEST
 *
 *	TEST_MAIN("name", what_it_promises, ...)
 *
 * Each test runs in a process of its own (CK_FORK=no in the environment for a debugger,
 * CK_RUN_CASE=what_it_promises for one alone).
 */

/* For a test that hangs; far above what any of them takes on a busy machine. */
#define TEST_TIMEOUT_S 600

/* A test, and how often it runs, with _i from 0 on: once for each row of a table. 0 times: once. */
struct test_row { const TTest *test; int times; };

/* What main returns. */
int tests_run(const char *title, const struct test_row *rows, size_t nr);

#define TEST_MAIN(title, ...)                                                           \
	int main(void)                                                                  \
	{                                                                               \
		const TTest *const tests[] = { __VA_ARGS__ };                           \
		struct test_row rows_[array_size(tests)] = { { NULL, 0 } };             \
											\
		for (size_t i = 0; i < array_size(tests); i++)                          \
			rows_[i].test = tests[i];                                       \
		return tests_run(title, rows_, array_size(rows_));                      \
	}

/* The same with rows: TEST_MAIN_ROWS("name", { one, 0 }, { for_each_row, array_size(table) }). */
#define TEST_MAIN_ROWS(title, ...)                                                      \
	int main(void)                                                                  \
	{                                                                               \
		const struct test_row rows_[] = { __VA_ARGS__ };                        \
											\
		return tests_run(title, rows_, array_size(rows_));                      \
	}

/* For loops of many rounds: Check writes down each of its assertions that holds, this costs nothing
 * unless it fails. */
#define ck_cheap(cond, ...)                                                             \
	do {                                                                            \
		if (!(cond))                                                            \
			ck_abort_msg(__VA_ARGS__);                                      \
	} while (0)

/* An int-returning call that must succeed; its error message is shown when it does not. */
#define ck_ok(call, err) ck_assert_msg((call) == 0, "%s: %s", #call, (err)->msg)

/* One that must fail with this code, and a message that holds `part`. */
#define ck_fails(call, err, expected_code, part)                                        \
	do {                                                                            \
		err_clear(err);                                                         \
		ck_assert_msg((call) < 0, "%s succeeded", #call);                       \
		ck_assert_msg((err)->code == (expected_code) && strstr((err)->msg, part), \
			      "%s: got %d '%s', wanted %d '%s'", #call, (err)->code,    \
			      (err)->msg, expected_code, part);                         \
	} while (0)

#endif
