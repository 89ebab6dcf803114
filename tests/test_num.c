/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* base/num: what is a number, what is not, and what the message says of it. */
#include "base/num.h"

#include <errno.h>
#include <string.h>
#include "tests/test.h"

static struct err err;

START_TEST(u64_by_prefix)
{
	static const struct {
		const char *s;
		uint64_t v;
	} rows[] = {
		{ "0", 0 },
		{ "42", 42 },
		{ "0x1f", 31 },
		{ "0X1F", 31 },
		{ "010", 8 },
		{ "00", 0 },
		{ "18446744073709551615", UINT64_MAX },
		{ "0xffffffffffffffff", UINT64_MAX },
	};
	uint64_t v;

	for (size_t i = 0; i < array_size(rows); i++) {
		ck_ok(num_u64(rows[i].s, 0, UINT64_MAX, "n", &v, &err), &err);
		ck_assert_uint_eq(v, rows[i].v);
	}
}
END_TEST

START_TEST(u64_refuses_what_is_not_one)
{
	static const char *const bad[] = { "08", "-1", "+1", " 1", "1 ", "0x", "x1", "1x", "1.0",
					   "1e3", "0xg", "--1", "\xd9\xa1", "1\n" };
	uint64_t v = 77;

	for (size_t i = 0; i < array_size(bad); i++)
		ck_fails(num_u64(bad[i], 0, UINT64_MAX, "vcpus", &v, &err), &err, EINVAL,
			 "is not a number");
	ck_fails(num_u64("", 0, 9, "vcpus", &v, &err), &err, EINVAL, "vcpus: a number is missing");
	ck_fails(num_u64(NULL, 0, 9, "vcpus", &v, &err), &err, EINVAL, "missing");
	ck_assert_uint_eq(v, 77);
}
END_TEST

START_TEST(bounds_are_in_the_message)
{
	uint64_t v = 77;
	uint32_t u;

	ck_fails(num_u64("1000", 1, 128, "vcpus", &v, &err), &err, ERANGE,
		 "vcpus: 1000 is out of range (1 to 128)");
	ck_fails(num_u64("0", 1, 128, "vcpus", &v, &err), &err, ERANGE, "vcpus: 0 is out of range");
	ck_fails(num_u64("18446744073709551616", 0, UINT64_MAX, "n", &v, &err), &err, ERANGE,
		 "out of range");
	ck_fails(num_u64("99999999999999999999999x", 0, 1, "n", &v, &err), &err, EINVAL,
		 "not a number");
	ck_fails(num_u32("4294967296", 0, UINT32_MAX, "n", &u, &err), &err, ERANGE,
		 "(0 to 4294967295)");
	ck_ok(num_u32("4294967295", 0, UINT32_MAX, "n", &u, &err), &err);
	ck_assert_uint_eq(u, UINT32_MAX);
	ck_assert_uint_eq(v, 77);
}
END_TEST

START_TEST(a_long_word_is_shown_in_part)
{
	char word[4096];
	uint64_t v;

	memset(word, 'z', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	ck_fails(num_u64(word, 0, 1, "n", &v, &err), &err, EINVAL, "zz' is not a number");
	memset(word, '9', sizeof(word) - 1);
	ck_fails(num_u64(word, 0, 1, "n", &v, &err), &err, ERANGE, "99 is out of range (0 to 1)");
}
END_TEST

START_TEST(i64_to_both_ends)
{
	int64_t v;

	ck_ok(num_i64("-9223372036854775808", INT64_MIN, INT64_MAX, "n", &v, &err), &err);
	ck_assert_int_eq(v, INT64_MIN);
	ck_ok(num_i64("9223372036854775807", INT64_MIN, INT64_MAX, "n", &v, &err), &err);
	ck_assert_int_eq(v, INT64_MAX);
	ck_ok(num_i64("-0", INT64_MIN, INT64_MAX, "n", &v, &err), &err);
	ck_assert_int_eq(v, 0);
	ck_ok(num_i64("-0x10", INT64_MIN, INT64_MAX, "n", &v, &err), &err);
	ck_assert_int_eq(v, -16);
	ck_fails(num_i64("-9223372036854775809", INT64_MIN, INT64_MAX, "n", &v, &err), &err, ERANGE,
		 "out of range");
	ck_fails(num_i64("9223372036854775808", INT64_MIN, INT64_MAX, "n", &v, &err), &err, ERANGE,
		 "out of range");
	ck_fails(num_i64("-3", -2, 2, "n", &v, &err), &err, ERANGE,
		 "n: -3 is out of range (-2 to 2)");
	ck_fails(num_i64("--3", -9, 9, "n", &v, &err), &err, EINVAL, "not a number");
	ck_fails(num_i64("-", -9, 9, "n", &v, &err), &err, EINVAL, "not a number");
	ck_fails(num_i64("", -9, 9, "n", &v, &err), &err, EINVAL, "missing");
}
END_TEST

START_TEST(decimal_and_hexadecimal_only)
{
	uint64_t v;

	ck_ok(num_dec("010", 99, "n", &v, &err), &err);
	ck_assert_uint_eq(v, 10);
	ck_fails(num_dec("0x10", 99, "n", &v, &err), &err, EINVAL, "is not a decimal number");
	ck_ok(num_hex("ff", 0xff, "n", &v, &err), &err);
	ck_assert_uint_eq(v, 255);
	ck_ok(num_hex("0xFF", 0xff, "n", &v, &err), &err);
	ck_fails(num_hex("100", 0xff, "n", &v, &err), &err, ERANGE, "(0 to 0xff)");
	ck_fails(num_hex("0x", 0xff, "n", &v, &err), &err, EINVAL, "hexadecimal");
	ck_fails(num_hex("0x0x1", 0xff, "n", &v, &err), &err, EINVAL, "hexadecimal");
	ck_assert(num_is_dec("0123"));
	ck_assert(!num_is_dec(""));
	ck_assert(!num_is_dec("1a"));
	ck_assert(!num_is_dec("-1"));
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *s;
		char unit;
		uint64_t bytes;
	} rows[] = {
		{ "1", 'm', 1 << 20 },
		{ "1", 'k', 1024 },
		{ "7b", 'm', 7 },
		{ "7B", 'm', 7 },
		{ "2K", 'm', 2048 },
		{ "3g", 'b', 3ULL << 30 },
		{ "16777215t", 'b', 16777215ULL << 40 },
		{ "0", 'm', 0 },
	};
	static const char *const bad[] = { "m", "1x", "1mb", "-1m", " 1m", "1 m", "0x10", "1.5g" };
	uint64_t v;

	for (size_t i = 0; i < array_size(rows); i++) {
		ck_ok(num_size(rows[i].s, rows[i].unit, "memory", &v, &err), &err);
		ck_assert_uint_eq(v, rows[i].bytes);
	}
	for (size_t i = 0; i < array_size(bad); i++)
		ck_fails(num_size(bad[i], 'm', "memory", &v, &err), &err, EINVAL, "is not a size");
	ck_fails(num_size("", 'm', "memory", &v, &err), &err, EINVAL,
		 "memory: a number is missing");
	ck_fails(num_size("16777216t", 'm', "memory", &v, &err), &err, ERANGE, "too large");
	ck_fails(num_size("99999999999999999999", 'b', "memory", &v, &err), &err, ERANGE,
		 "too large");
}
END_TEST

START_TEST(ranges)
{
	static const char *const bad[] = { "",      "-",    "1-",  "-1", "1--2",
					   "1-2-3", "1-2x", "a-b", "1,2" };
	uint64_t first, last;

	ck_ok(num_range("3", 7, "cpu", &first, &last, &err), &err);
	ck_assert(first == 3 && last == 3);
	ck_ok(num_range("3-7", 7, "cpu", &first, &last, &err), &err);
	ck_assert(first == 3 && last == 7);
	ck_ok(num_range("0-18446744073709551615", UINT64_MAX, "n", &first, &last, &err), &err);
	ck_assert(last == UINT64_MAX);
	ck_fails(num_range("7-3", 7, "cpu", &first, &last, &err), &err, EINVAL,
		 "ends before it begins");
	ck_fails(num_range("3-8", 7, "cpu", &first, &last, &err), &err, ERANGE, "(0 to 7)");
	ck_fails(num_range("8", 7, "cpu", &first, &last, &err), &err, ERANGE, "(0 to 7)");
	for (size_t i = 0; i < array_size(bad); i++)
		ck_fails(num_range(bad[i], 7, "cpu", &first, &last, &err), &err, EINVAL,
			 "is not a number or a range");
}
END_TEST

START_TEST(arithmetic_says_when_it_does_not_fit)
{
	uint64_t v = 5;

	ck_assert(!num_add(UINT64_MAX, 1, &v));
	ck_assert(!num_mul(UINT64_C(1) << 32, UINT64_C(1) << 32, &v));
	ck_assert(num_add(UINT64_MAX - 1, 1, &v) && v == UINT64_MAX);
	ck_assert(num_mul(3, 4, &v) && v == 12);
	ck_assert_uint_eq(num_align_up(4097, 4096), 8192);
	ck_assert_uint_eq(num_align_up(8192, 4096), 8192);
	ck_assert_uint_eq(num_align_down(8191, 4096), 4096);
}
END_TEST

TEST_MAIN("num", u64_by_prefix, u64_refuses_what_is_not_one, bounds_are_in_the_message,
	  a_long_word_is_shown_in_part, i64_to_both_ends, decimal_and_hexadecimal_only, sizes,
	  ranges, arithmetic_says_when_it_does_not_fit)
