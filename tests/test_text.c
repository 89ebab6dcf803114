// SPDX-License-Identifier: LGPL-2.1-or-later
/* How values print and are typed: stock's form, which scripts parse. */
#include "tests/test.h"
#include "xenstore/text.h"

static void quotes_as(const char *value, size_t len, const char *want)
{
	autostrbuf struct strbuf b = STRBUF_INIT;

	text_quote(&b, value, len);
	ck_assert_str_eq(b.data ? b.data : "", want);
}

static void means(const char *text, const char *want, size_t len)
{
	autostrbuf struct strbuf b = STRBUF_INIT;

	text_unquote(&b, text);
	ck_assert_uint_eq(b.len, len);
	if (len)
		ck_assert_int_eq(memcmp(b.data, want, len), 0);
}

START_TEST(bytes_print_on_one_line)
{
	quotes_as("", 0, "");
	quotes_as("plain ~text", 11, "plain ~text");
	quotes_as("a\tb\nc\rd\\e", 9, "a\\tb\\nc\\rd\\\\e");
	quotes_as("\0\1\7\x08\x1f\x7f\x80\xff", 8, "\\000\\001\\007\\x08\\x1f\\x7f\\x80\\xff");
	quotes_as("\0" "9", 2, "\\0009");
}
END_TEST

START_TEST(what_is_typed_becomes_bytes)
{
	means("", "", 0);
	means("plain", "plain", 5);
	means("\\t\\n\\r\\\\", "\t\n\r\\", 4);
	means("\\x41\\x4a\\xfF", "AJ\xff", 3);
	means("\\x414", "A4", 2);
	means("\\101\\0\\7z\\1012", "A\0\7zA2", 6);
	means("\\q\\\"", "q\"", 2);
	means("\\x", "x", 1);
	means("end\\", "end\0", 4);
}
END_TEST

START_TEST(the_way_there_and_back)
{
	char all[256];
	autostrbuf struct strbuf text = STRBUF_INIT;

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	text_quote(&text, all, sizeof(all));
	means(text.data, all, sizeof(all));
}
END_TEST

TEST_MAIN("text", bytes_print_on_one_line, what_is_typed_becomes_bytes, the_way_there_and_back)
