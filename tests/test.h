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

#define TEST_MAIN(title, ...)                                                           \
	int main(void)                                                                  \
	{                                                                               \
		const TTest *const tests[] = { __VA_ARGS__ };                           \
		Suite *suite = suite_create(title);                                      \
		SRunner *runner = srunner_create(suite);                                \
		int failed;                                                             \
											\
		for (size_t i = 0; i < array_size(tests); i++) {                        \
			TCase *tcase = tcase_create(tests[i]->name);                    \
											\
			tcase_set_timeout(tcase, TEST_TIMEOUT_S);                       \
			tcase_add_test(tcase, tests[i]);                                \
			suite_add_tcase(suite, tcase);                                  \
		}                                                                       \
		srunner_run_all(runner, CK_ENV);                                        \
		failed = srunner_ntests_failed(runner);                                 \
		srunner_free(runner);                                                   \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                            \
	}

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
