// SPDX-License-Identifier: LGPL-2.1-or-later
/* Command lines against tables of options: what is taken, what is refused and with which words. */
#include <stdio.h>
#include "tests/test.h"
#include "xl/opts.h"

struct opts {
	bool console, paused;
	unsigned wait;
	const char *file;
	struct xl_num num;
	struct xl_words vcpus;
};

static const struct xl_option options[] = {
	OPT_BOOL('c', "console", struct opts, console, "attach"),
	OPT_BOOL('p', NULL, struct opts, paused, "pause"),
	OPT_COUNT('w', "wait", struct opts, wait, "wait"),
	OPT_STR('f', "defconfig", struct opts, file, "FILE", "file"),
	OPT_NUM('n', "num", struct opts, num, 0, 255, "N", "number"),
	OPT_LIST('v', "vcpu", struct opts, vcpus, "V", "vcpus"),
	OPT_BOOL(0, "core", struct opts, console, "ambiguous with console"),
	OPT_END
};

static struct opts out;
static struct xl_common_opts common;
static struct err err;
static char *argv[64];
static int nr;

static int parse(const char *words, bool has_json)
{
	static char copy[512];
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *p = copy; *p;) {
		argv[argc++] = p;
		p += strcspn(p, " ");
		if (*p)
			*p++ = '\0';
	}
	memset(&out, 0, sizeof(out));
	memset(&common, 0, sizeof(common));
	err_clear(&err);
	return xl_opts_parse(options, has_json, argc, argv, &out, &common, &nr, &err);
}

START_TEST(options_and_operands_mix)
{
	ck_ok(parse("guest.cfg -p -ww --console memory=64 -f x.cfg -fy.cfg", false), &err);
	ck_assert_int_eq(nr, 2);
	ck_assert_str_eq(argv[0], "guest.cfg");
	ck_assert_str_eq(argv[1], "memory=64");
	ck_assert_ptr_null(argv[2]);
	ck_assert(out.paused && out.console);
	ck_assert_uint_eq(out.wait, 2);
	ck_assert_str_eq(out.file, "y.cfg");
}
END_TEST

START_TEST(letters_join_and_end_with_an_argument)
{
	ck_ok(parse("-cpwn7 x", false), &err);
	ck_assert(out.console && out.paused && out.wait == 1);
	ck_assert(out.num.is_set && out.num.v == 7);
	ck_assert_int_eq(nr, 1);
}
END_TEST

START_TEST(a_blank_dash_and_what_follows_two_are_operands)
{
	ck_ok(parse("- -p -- -c --wait", false), &err);
	ck_assert_int_eq(nr, 3);
	ck_assert_str_eq(argv[0], "-");
	ck_assert_str_eq(argv[1], "-c");
	ck_assert_str_eq(argv[2], "--wait");
	ck_assert(out.paused && !out.console);
}
END_TEST

START_TEST(long_names_may_be_cut_short)
{
	ck_ok(parse("--def=a --num 3 --wai --cons", false), &err);
	ck_assert_str_eq(out.file, "a");
	ck_assert(out.num.v == 3 && out.wait == 1 && out.console);
	ck_fails(parse("--co", false), &err, XL_EUSAGE, "ambiguous");
}
END_TEST

START_TEST(lists_keep_their_order)
{
	ck_ok(parse("-v 0 -v 3 --vcpu=all", false), &err);
	ck_assert_uint_eq(out.vcpus.n, 3);
	ck_assert_str_eq(out.vcpus.v[2], "all");
}
END_TEST

START_TEST(help_and_json_are_everybodys)
{
	ck_ok(parse("-h", false), &err);
	ck_assert(common.help);
	ck_ok(parse("--json --help", true), &err);
	ck_assert(common.help && common.json);
	ck_fails(parse("--json", false), &err, XL_EUSAGE, "unknown option '--json'");
}
END_TEST

START_TEST(wrong_lines_say_what_is_wrong)
{
	ck_fails(parse("-x", false), &err, XL_EUSAGE, "unknown option '-x'");
	ck_fails(parse("--nope", false), &err, XL_EUSAGE, "unknown option '--nope'");
	ck_fails(parse("-f", false), &err, XL_EUSAGE, "'-f' needs an argument: FILE");
	ck_fails(parse("--console=1", false), &err, XL_EUSAGE, "takes no argument");
	ck_fails(parse("-n 256", false), &err, XL_EUSAGE, "-n");
	ck_fails(parse("-n 1x", false), &err, XL_EUSAGE, "-n");
	ck_fails(parse("-n -1", false), &err, XL_EUSAGE, "-n");
}
END_TEST

START_TEST(a_list_has_an_end)
{
	char dash_v[] = "-v", one[] = "1";
	char *many[2 * XL_WORDS_MAX + 3];
	int n = 0;

	for (int i = 0; i <= XL_WORDS_MAX; i++) {
		many[n++] = dash_v;
		many[n++] = one;
	}
	memset(&out, 0, sizeof(out));
	ck_fails(xl_opts_parse(options, false, n, many, &out, &common, &nr, &err), &err, XL_EUSAGE,
		 "more than");
}
END_TEST

TEST_MAIN("xl_opts", options_and_operands_mix, letters_join_and_end_with_an_argument,
	  a_blank_dash_and_what_follows_two_are_operands, long_names_may_be_cut_short,
	  lists_keep_their_order, help_and_json_are_everybodys, wrong_lines_say_what_is_wrong,
	  a_list_has_an_end)
