/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The language of guest.cfg: what is taken, what is refused, and where a failure is said to be. */
#include "tests/test.h"

#include <errno.h>

#include "base/str.h"
#include "libvmm/cfgfile.h"

static struct cfgfile file;
static struct cfg_place at;
static struct err err;

static int parse(const char *text)
{
	return cfgfile_parse(&file, "t.cfg", text, strlen(text), false, &at, &err);
}

static const struct cfg_value *value(const char *key)
{
	const struct cfg_setting *s = cfgfile_find(&file, key);

	ck_assert_ptr_nonnull(s);
	return &s->value;
}

static void reset(void)
{
	cfgfile_free(&file);
	err_clear(&err);
}

START_TEST(test_scalars)
{
	ck_assert_int_eq(parse("a = 1\nb='two' ; c = \"th\\\"ree\" # four\r\n\n;;d=0x10\ne = -5"),
			 0);
	ck_assert_str_eq(value("a")->text, "1");
	ck_assert_int_eq(value("a")->type, CFG_NUMBER);
	ck_assert_str_eq(value("b")->text, "two");
	ck_assert_str_eq(value("c")->text, "th\"ree");
	ck_assert_str_eq(value("d")->text, "0x10");
	ck_assert_str_eq(value("e")->text, "-5");
	ck_assert_uint_eq(file.nr, 5);
	reset();
}
END_TEST

START_TEST(test_escapes)
{
	ck_assert_int_eq(parse("a = 'x\\n\\t\\\\\\x41\\101\\'#;'"), 0);
	ck_assert_str_eq(value("a")->text, "x\n\t\\AA'#;");
	reset();
}
END_TEST

START_TEST(test_lists)
{
	ck_assert_int_eq(parse("a = [ 'x',\n # comment\n 2, ['y', []],\n]\nb = []"), 0);
	ck_assert_int_eq(value("a")->type, CFG_LIST);
	ck_assert_uint_eq(value("a")->nr, 3);
	ck_assert_str_eq(value("a")->items[0].text, "x");
	ck_assert_uint_eq(value("a")->items[2].nr, 2);
	ck_assert_uint_eq(value("a")->items[2].items[1].nr, 0);
	ck_assert_uint_eq(value("b")->nr, 0);
	reset();
}
END_TEST

START_TEST(test_append_and_replace)
{
	ck_assert_int_eq(
		parse("a='x'\na += 'y'\nb=['1']\nb += ['2','3']\nc = 1\nc = 2\nd += 'new'"), 0);
	ck_assert_str_eq(value("a")->text, "xy");
	ck_assert_uint_eq(value("b")->nr, 3);
	ck_assert_str_eq(value("b")->items[2].text, "3");
	ck_assert_str_eq(value("c")->text, "2");
	ck_assert(cfgfile_find(&file, "c")->is_replaced);
	ck_assert(!cfgfile_find(&file, "a")->is_replaced);
	ck_assert_str_eq(value("d")->text, "new");
	reset();
}
END_TEST

START_TEST(test_override)
{
	ck_assert_int_eq(parse("a = 1"), 0);
	ck_assert_int_eq(cfgfile_parse(&file, "command line", "a=2;b=3", 7, true, &at, &err), 0);
	ck_assert_str_eq(value("a")->text, "2");
	ck_assert(cfgfile_find(&file, "a")->is_override);
	ck_assert(!cfgfile_find(&file, "a")->is_replaced);
	ck_assert_str_eq(value("b")->text, "3");
	reset();
}
END_TEST

static const struct {
	const char *text, *where, *what;
} bad[] = {
	{ "a = ", "t.cfg:1:5: ", "expected a value" },
	{ "a = 1 2", "t.cfg:1:7: ", "expected the end of the line or ';'" },
	{ "\n\n  a 1", "t.cfg:3:5: ", "expected '=' after 'a', found '1'" },
	{ "a = 'x", "t.cfg:1:5: ", "no closing '" },
	{ "a = 'x\n'", "t.cfg:1:5: ", "no closing '" },
	{ "a = [ 1 2 ]", "t.cfg:1:9: ", "expected ',' or ']'" },
	{ "a = [ 1,\n2", "t.cfg:1:5: ", "no closing ]" },
	{ "a = [,]", "t.cfg:1:6: ", "expected a value" },
	{ "a = foo", "t.cfg:1:5: ", "quotes" },
	{ "a = /dev/x", "t.cfg:1:5: ", "quotes" },
	{ "= 1", "t.cfg:1:1: ", "expected the name of a setting, found '='" },
	{ "1a = 1", "t.cfg:1:1: ", "expected the name of a setting" },
	{ "a = 'x'\na += [1]", "t.cfg:2:6: ", "cannot add a list to a string" },
	{ "a = [1]\na += 'x'", "t.cfg:2:6: ", "cannot add a string to a list" },
	{ "a = '\\q'", "t.cfg:1:6: ", "unknown escape" },
	{ "a = '\\x'", "t.cfg:1:6: ", "hexadecimal" },
	{ "a = '\\0'", "t.cfg:1:6: ", "no byte a string can hold" },
	{ "\x7f", "t.cfg:1:1: ", "found byte 0x7f" },
	{ "a = [[[[[[[[[1]]]]]]]]]", "t.cfg:1:13: ", "nested more than 8 deep" },
	{ "a + 1", "t.cfg:1:4: ", "expected '='" },
	{ "a", "t.cfg:1:2: ", "found the end of the file" },
};

START_TEST(test_bad)
{
	autofree char *where = NULL;

	ck_assert_int_eq(parse(bad[_i].text), -1);
	ck_assert_msg(str_starts(err.msg, bad[_i].where), "%s", err.msg);
	ck_assert_msg(strstr(err.msg, bad[_i].what) != NULL, "%s", err.msg);
	where = cfg_place_str(&at);
	ck_assert_msg(str_starts(err.msg, where), "%s is not %s", err.msg, where);
	reset();
}
END_TEST

START_TEST(test_binary)
{
	char elf[64] = "\x7f" "ELF\2\1\1";

	ck_assert_int_eq(cfgfile_parse(&file, "t.cfg", elf, sizeof(elf), false, &at, &err), -1);
	ck_assert_msg(strstr(err.msg, "not a text file") != NULL, "%s", err.msg);
	reset();
}
END_TEST

START_TEST(test_excerpt)
{
	autofree char *text = NULL;

	ck_assert_int_eq(parse("x = 1\n\tmemory = 12 MB\n"), -1);
	text = cfg_place_excerpt(&at);
	ck_assert_str_eq(text, "\tmemory = 12 MB\n\t            ^\n");
	reset();
}
END_TEST

START_TEST(test_excerpt_of_a_long_line)
{
	autostrbuf struct strbuf b = STRBUF_INIT;
	autofree char *text = NULL;
	const char *caret;

	strbuf_add(&b, "a = [ ");
	for (int i = 0; i < 500; i++)
		strbuf_add(&b, "1, ");
	strbuf_add(&b, "! ]");
	ck_assert_int_eq(parse(b.data), -1);
	text = cfg_place_excerpt(&at);
	ck_assert_uint_lt(strlen(text), 250);
	caret = strchr(text, '\n') + 1;
	ck_assert_int_eq(text[strchr(caret, '^') - caret], '!');
	reset();
}
END_TEST

START_TEST(test_ten_thousand_lines)
{
	autostrbuf struct strbuf b = STRBUF_INIT;

	for (int i = 0; i < 10000; i++)
		strbuf_printf(&b, "key%d = [ 'a', %d ]\n", i, i);
	ck_assert_int_eq(parse(b.data), 0);
	ck_assert_uint_eq(file.nr, 10000);
	ck_assert_str_eq(value("key9999")->items[1].text, "9999");
	reset();
}
END_TEST

START_TEST(test_too_large)
{
	size_t len = CFGFILE_MAX_BYTES + 1;
	autofree char *text = xmalloc(len);

	memset(text, '\n', len);
	ck_assert_int_eq(cfgfile_parse(&file, "t.cfg", text, len, false, &at, &err), -1);
	ck_assert_int_eq(err.code, EFBIG);
	reset();
}
END_TEST

TEST_MAIN_ROWS("cfgfile", { test_scalars, 0 }, { test_escapes, 0 }, { test_lists, 0 },
	       { test_append_and_replace, 0 }, { test_override, 0 },
	       { test_bad, array_size(bad) }, { test_binary, 0 }, { test_excerpt, 0 },
	       { test_excerpt_of_a_long_line, 0 }, { test_ten_thousand_lines, 0 },
	       { test_too_large, 0 })
