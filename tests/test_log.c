/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* base/log: one line a message, levels, files that are rotated. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "tests/test.h"

static struct err err;
static char path[] = "/tmp/test_log.XXXXXX";

static void to_own_file(void)
{
	close(mkstemp(path));
	ck_ok(log_to_file("prog", path, &err), &err);
}

static char *logged(void)
{
	char *text = NULL;

	ck_ok(file_read(path, 1 << 20, &text, NULL, &err), &err);
	return text;
}

START_TEST(a_line_has_time_program_level_text)
{
	autofree char *text = NULL;
	int n = 0;

	to_own_file();
	errno = EXDEV;
	log_warn("domain %d is %s", 3, "odd");
	ck_assert_int_eq(errno, EXDEV);
	text = logged();
	ck_assert_int_eq(
		sscanf(text, "%*4d-%*2d-%*2dT%*2d:%*2d:%*2dZ prog: warning: domain 3 is odd%n", &n),
		0);
	ck_assert_int_eq(text[n], '\n');
	ck_assert_int_eq(text[n + 1], '\0');
	remove(path);
}
END_TEST

START_TEST(levels)
{
	autofree char *text = NULL;

	to_own_file();
	log_debug("one");
	log_info("two");
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert(!log_enabled(LOG_LEVEL_WARN));
	log_warn("three");
	log_error("four");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("five");
	text = logged();
	ck_assert_ptr_null(strstr(text, "one"));
	ck_assert_ptr_nonnull(strstr(text, "info: two\n"));
	ck_assert_ptr_null(strstr(text, "three"));
	ck_assert_ptr_nonnull(strstr(text, "error: four\n"));
	ck_assert_ptr_nonnull(strstr(text, "debug: five\n"));
	remove(path);
}
END_TEST

START_TEST(long_and_hostile_text_is_one_line)
{
	autofree char *text = NULL;
	char huge[5000];

	to_own_file();
	memset(huge, 'x', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	huge[10] = '\n';
	huge[11] = '\x1b';
	log_info("%s", huge);
	text = logged();
	ck_assert_uint_lt(strlen(text), 1200);
	ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
	ck_assert_ptr_null(strchr(text, '\x1b'));
	remove(path);
}
END_TEST

START_TEST(reopen_after_rotation)
{
	autofree char *text = NULL;
	char old[sizeof(path) + 4];

	to_own_file();
	log_info("before");
	snprintf(old, sizeof(old), "%s.old", path);
	ck_assert_int_eq(rename(path, old), 0);
	log_info("still the old one");
	log_reopen();
	log_info("after");
	text = logged();
	ck_assert_ptr_null(strstr(text, "before"));
	ck_assert_ptr_nonnull(strstr(text, "info: after\n"));
	remove(path);
	remove(old);
}
END_TEST

START_TEST(standard_error)
{
	char text[100];
	int fds[2];
	ssize_t n;

	ck_assert_int_eq(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	log_to_stderr("prog");
	log_reopen();
	log_error("it is %s", "so");
	n = read(fds[0], text, sizeof(text));
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(strncmp(text, "prog: error: it is so\n", (size_t)n), 0);
}
END_TEST

START_TEST(a_log_that_cannot_be_opened)
{
	ck_fails(log_to_file("prog", "/nowhere/log", &err), &err, ENOENT,
		 "/nowhere/log: cannot open the log");
}
END_TEST

TEST_MAIN("log", a_line_has_time_program_level_text, levels, long_and_hostile_text_is_one_line,
	  reopen_after_rotation, standard_error, a_log_that_cannot_be_opened)
