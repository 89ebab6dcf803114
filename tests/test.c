// SPDX-License-Identifier: LGPL-2.1-or-later
/* The main() of every suite. */
#include "tests/test.h"

int tests_run(const char *title, const struct test_row *rows, size_t nr)
{
	Suite *suite = suite_create(title);
	SRunner *runner = srunner_create(suite);
	int failed;

	for (size_t i = 0; i < nr; i++) {
		TCase *tcase = tcase_create(rows[i].test->name);

		tcase_set_timeout(tcase, TEST_TIMEOUT_S);
		tcase_add_loop_test(tcase, rows[i].test, 0, rows[i].times ? rows[i].times : 1);
		suite_add_tcase(suite, tcase);
	}
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
