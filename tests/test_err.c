/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* base/err: one line, in any order of arguments, of any length. */
#include "base/err.h"

#include <errno.h>
#include <string.h>
#include "tests/test.h"

START_TEST(set_records_code_and_text)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(err_set(&err, ENOENT, "%s: step %d", "thing", 7), -1);
	ck_assert_int_eq(err.code, ENOENT);
	ck_assert_str_eq(err.msg, "thing: step 7");
	err_clear(&err);
	ck_assert_int_eq(err.code, 0);
	ck_assert_str_eq(err.msg, "");
}
END_TEST

START_TEST(a_code_of_zero_is_never_a_success)
{
	struct err err = ERR_INIT;

	err_set(&err, 0, "lost");
	ck_assert_int_eq(err.code, EIO);
}
END_TEST

START_TEST(wrap_and_append_keep_the_code)
{
	struct err err = ERR_INIT;

	err_set(&err, EBUSY, "cause");
	ck_assert_int_eq(err_wrap(&err, "creating '%s'", "d1"), -1);
	ck_assert_int_eq(err_append(&err, "try %d", 2), -1);
	ck_assert_int_eq(err.code, EBUSY);
	ck_assert_str_eq(err.msg, "creating 'd1': cause; try 2");
}
END_TEST

START_TEST(arguments_may_be_the_message_itself)
{
	struct err err = ERR_INIT;

	err_set(&err, EIO, "ab");
	err_set(&err, EIO, "%s+%s", err.msg, err.msg);
	ck_assert_str_eq(err.msg, "ab+ab");
	err_wrap(&err, "x %s", err.msg);
	ck_assert_str_eq(err.msg, "x ab+ab: ab+ab");
	err_append(&err, "%s", err.msg);
	ck_assert_str_eq(err.msg, "x ab+ab: ab+ab; x ab+ab: ab+ab");
}
END_TEST

START_TEST(a_name_cannot_forge_a_line)
{
	struct err err = ERR_INIT;

	err_set(&err, EINVAL, "name '%s'", "a\nxl: fine\t\x1b[2J\x7f\xc3\xa4");
	ck_assert_str_eq(err.msg, "name 'a?xl: fine??[2J?\xc3\xa4'");
	err_wrap(&err, "%s", "\r");
	ck_assert_int_eq(err.msg[0], '?');
}
END_TEST

/* Whatever the lengths: terminated, within bounds, and the cause survives a long context. */
START_TEST(long_texts_are_cut_and_keep_the_cause)
{
	char text[2 * sizeof(((struct err *)0)->msg)];

	for (size_t len = 0; len < sizeof(text); len++) {
		struct err err = ERR_INIT;

		memset(text, 'c', len);
		text[len] = '\0';
		err_set(&err, EIO, "%s", "CAUSE");
		err_wrap(&err, "%s", text);
		ck_assert_uint_lt(strlen(err.msg), sizeof(err.msg));
		ck_assert_ptr_nonnull(strstr(err.msg, ": CAUSE"));
		err_append(&err, "%s", text);
		ck_assert_uint_lt(strlen(err.msg), sizeof(err.msg));
		err_set(&err, EIO, "%s", text);
		ck_assert_uint_eq(strlen(err.msg),
				  len < sizeof(err.msg) ? len : sizeof(err.msg) - 1);
		err_wrap(&err, "%s", "CONTEXT");
		ck_assert_int_eq(strncmp(err.msg, "CONTEXT: ", 9), 0);
		err_wrap(&err, "%s", text);
		ck_assert_uint_lt(strlen(err.msg), sizeof(err.msg));
	}
}
END_TEST

TEST_MAIN("err", set_records_code_and_text, a_code_of_zero_is_never_a_success,
	  wrap_and_append_keep_the_code, arguments_may_be_the_message_itself,
	  a_name_cannot_forge_a_line, long_texts_are_cut_and_keep_the_cause)
