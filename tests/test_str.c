/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* base/str: buffers, lists, and the nearest word. */
#include "base/str.h"

#include <stdint.h>
#include <string.h>
#include "tests/test.h"

START_TEST(printf_of_any_length)
{
	autofree char *empty = str_printf("%s", "");
	autofree char *s = str_printf("%s-%d", "a", 7);
	autofree char *wide = str_printf("%5000d", 1);

	ck_assert_str_eq(empty, "");
	ck_assert_str_eq(s, "a-7");
	ck_assert_uint_eq(strlen(wide), 5000);
}
END_TEST

START_TEST(comparisons)
{
	ck_assert(str_eq(NULL, NULL));
	ck_assert(!str_eq(NULL, ""));
	ck_assert(!str_eq("", NULL));
	ck_assert(str_eq("a", "a"));
	ck_assert(str_starts("vif0", "vif"));
	ck_assert(str_starts("vif0", ""));
	ck_assert(!str_starts("vi", "vif"));
	ck_assert(str_ends("a.cfg", ".cfg"));
	ck_assert(str_ends("a", ""));
	ck_assert(!str_ends("cfg", ".cfg"));
}
END_TEST

START_TEST(trim_takes_blanks_from_both_ends)
{
	char all[] = " \t\n ", inner[] = "\t a b\r\n", none[] = "ab", empty[] = "";

	ck_assert_str_eq(str_trim(all), "");
	ck_assert_str_eq(str_trim(inner), "a b");
	ck_assert_str_eq(str_trim(none), "ab");
	ck_assert_str_eq(str_trim(empty), "");
}
END_TEST

START_TEST(strbuf_grows_and_stays_terminated)
{
	autostrbuf struct strbuf b = STRBUF_INIT;
	struct strbuf nothing = STRBUF_INIT;
	autofree char *taken = NULL;
	size_t want = 0;

	for (unsigned i = 0; i < 2000; i++) {
		strbuf_printf(&b, "%u,", i);
		strbuf_addc(&b, 'x');
		strbuf_add(&b, "");
		want += (i > 999) + (i > 99) + (i > 9) + 3;
		ck_assert_uint_eq(b.len, want);
		ck_assert_uint_eq(strlen(b.data), want);
	}
	strbuf_addn(&b, "a\0b", 3);
	ck_assert_uint_eq(b.len, want + 3);
	ck_assert_int_eq(b.data[b.len], '\0');
	taken = strbuf_steal(&b);
	ck_assert_ptr_null(b.data);
	ck_assert_uint_eq(b.len, 0);
	free(strbuf_steal(&nothing));
	strbuf_addn(&b, NULL, 0);
	ck_assert_str_eq(b.data, "");
}
END_TEST

START_TEST(strlist_owns_its_strings)
{
	autostrlist struct strlist l = STRLIST_INIT;

	ck_assert(!strlist_has(&l, "a"));
	for (unsigned i = 0; i < 300; i++) {
		strlist_take(&l, str_printf("%u", i));
		ck_assert_uint_eq(l.n, i + 1);
		ck_assert_ptr_null(l.v[l.n]);
	}
	ck_assert(strlist_has(&l, "299"));
	ck_assert(!strlist_has(&l, "300"));
	strlist_free(&l);
	strlist_split(&l, ",a,,b", ",");
	ck_assert_uint_eq(l.n, 4);
	ck_assert_str_eq(l.v[0], "");
	ck_assert_str_eq(l.v[1], "a");
	ck_assert_str_eq(l.v[2], "");
	ck_assert_str_eq(l.v[3], "b");
	strlist_free(&l);
	strlist_split(&l, "", ",");
	ck_assert_uint_eq(l.n, 1);
	strlist_free(&l);
	strlist_split(&l, "a b;c", " ;");
	ck_assert_uint_eq(l.n, 3);
}
END_TEST

static const char *next_key(size_t *cursor, void *arg)
{
	static const char *const keys[] = { "memory", "maxmem",   "vcpus", "vif",
					    "disk",   "on_crash", "a" };

	(void)arg;
	return *cursor < array_size(keys) ? keys[(*cursor)++] : NULL;
}

START_TEST(nearest_word)
{
	static const struct {
		const char *word, *nearest;
	} rows[] = {
		{ "memroy", "memory" },	/* neighbours swapped */
		{ "memor", "memory" },
		{ "maxmemm", "maxmem" },
		{ "vcpu", "vcpus" },
		{ "vfi", "vif" },
		{ "oncrash", "on_crash" },
		{ "disc", "disk" },
		{ "xyzzy", NULL },
		{ "", NULL },
		{ "b", NULL },		/* another letter is another word */
		{ "cpuset", NULL },
	};
	char huge[1000];

	for (size_t i = 0; i < array_size(rows); i++) {
		const char *got = str_nearest(rows[i].word, next_key, NULL);

		ck_assert_msg(str_eq(got, rows[i].nearest), "%s: got %s", rows[i].word, got);
	}
	memset(huge, 'a', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	ck_assert_ptr_null(str_nearest(huge, next_key, NULL));
}
END_TEST

/* RFC 4648, section 10. */
START_TEST(base64)
{
	static const struct {
		const char *in, *out;
	} rows[] = { { "", "" },	     { "f", "Zg==" },	      { "fo", "Zm8=" },
		     { "foo", "Zm9v" },	     { "foob", "Zm9vYg==" },  { "fooba", "Zm9vYmE=" },
		     { "foobar", "Zm9vYmFy" }, { "\xff\xff\xff", "////" } };

	for (size_t i = 0; i < array_size(rows); i++) {
		autofree char *got = str_base64(rows[i].in, strlen(rows[i].in));

		ck_assert_str_eq(got, rows[i].out);
	}
}
END_TEST

TEST_MAIN("str", printf_of_any_length, comparisons, trim_takes_blanks_from_both_ends,
	  strbuf_grows_and_stays_terminated, strlist_owns_its_strings, nearest_word, base64)
