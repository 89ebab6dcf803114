/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* base/bitmap: the set, its texts, its bytes. */
#include "base/bitmap.h"

#include <errno.h>
#include <string.h>
#include "base/str.h"
#include "tests/test.h"

static struct err err;

START_TEST(set_clear_walk)
{
	static const unsigned bits[] = { 0, 1, 63, 64, 127, 128, 1023 };
	struct bitmap b;
	size_t i = 0;

	bitmap_zero(&b);
	ck_assert(bitmap_is_empty(&b));
	ck_assert_int_eq(bitmap_first(&b), -1);
	for (size_t k = 0; k < array_size(bits); k++)
		bitmap_set(&b, bits[k]);
	bitmap_set(&b, BITMAP_BITS);
	bitmap_set(&b, ~0u);
	ck_assert_uint_eq(bitmap_count(&b), array_size(bits));
	for (int bit = bitmap_first(&b); bit >= 0; bit = bitmap_next(&b, bit))
		ck_assert_int_eq(bit, (int)bits[i++]);
	ck_assert_uint_eq(i, array_size(bits));
	ck_assert_int_eq(bitmap_next(&b, BITMAP_BITS), -1);
	bitmap_clear(&b, 64);
	bitmap_clear(&b, BITMAP_BITS + 64);
	ck_assert(!bitmap_has(&b, 64) && bitmap_has(&b, 63));
	ck_assert(!bitmap_has(&b, BITMAP_BITS));
}
END_TEST

START_TEST(fill_to_any_size)
{
	struct bitmap b;

	for (unsigned nr = 0; nr <= BITMAP_BITS + 70; nr++) {
		bitmap_fill(&b, nr);
		ck_assert_uint_eq(bitmap_count(&b), nr < BITMAP_BITS ? nr : BITMAP_BITS);
	}
}
END_TEST

START_TEST(algebra)
{
	struct bitmap a, b, c;

	bitmap_fill(&a, 100);
	bitmap_fill(&b, 70);
	c = a;
	bitmap_andnot(&c, &b);
	ck_assert_int_eq(bitmap_first(&c), 70);
	ck_assert_uint_eq(bitmap_count(&c), 30);
	bitmap_or(&c, &b);
	ck_assert(bitmap_equal(&c, &a));
	bitmap_and(&c, &b);
	ck_assert(bitmap_equal(&c, &b));
}
END_TEST

static const char *parsed(const char *s, unsigned nr)
{
	static char text[256];
	autofree char *str = NULL;
	struct bitmap b;

	if (bitmap_parse_cpus(&b, s, nr, NULL, NULL, "cpus", &err) < 0)
		return err.msg;
	str = bitmap_str(&b, nr);
	snprintf(text, sizeof(text), "%s", str);
	return text;
}

START_TEST(texts)
{
	ck_assert_str_eq(parsed("all", 8), "all");
	ck_assert_str_eq(parsed("none", 8), "none");
	ck_assert_str_eq(parsed("0-7", 8), "all");
	ck_assert_str_eq(parsed("3", 8), "3");
	ck_assert_str_eq(parsed("0,1", 8), "0-1");
	ck_assert_str_eq(parsed("5,0-2", 8), "0-2,5");
	ck_assert_str_eq(parsed("0-7,^2", 8), "0-1,3-7");
	ck_assert_str_eq(parsed("^2", 8), "0-1,3-7");
	ck_assert_str_eq(parsed(" 1 , 3 ", 8), "1,3");
	ck_assert_str_eq(parsed("0-3,^1-2,2", 8), "0,2-3");
	ck_assert_str_eq(parsed("all,^all", 8), "none");
	ck_assert_str_eq(parsed("1023", 1024), "1023");
}
END_TEST

START_TEST(bad_texts)
{
	char huge[500];

	ck_assert_ptr_nonnull(strstr(parsed("8", 8), "cpus: 8 is out of range (0 to 7)"));
	ck_assert_ptr_nonnull(strstr(parsed("0-8", 8), "out of range"));
	ck_assert_ptr_nonnull(strstr(parsed("3-1", 8), "ends before it begins"));
	ck_assert_ptr_nonnull(strstr(parsed("", 8), "is not a number"));
	ck_assert_ptr_nonnull(strstr(parsed("1,", 8), "is not a number"));
	ck_assert_ptr_nonnull(strstr(parsed("^", 8), "is not a number"));
	ck_assert_ptr_nonnull(strstr(parsed("node:0", 8), "'node:' means nothing here"));
	ck_assert_ptr_nonnull(strstr(parsed("1", 0), "out of range"));
	ck_assert_ptr_nonnull(strstr(parsed("1", 1025), "out of range"));
	memset(huge, '1', sizeof(huge) - 1);
	huge[sizeof(huge) - 1] = '\0';
	ck_assert_ptr_nonnull(strstr(parsed(huge, 8), "is not a pcpu"));
}
END_TEST

/* Two nodes: 0-3 and 4-7. */
static int two_nodes(unsigned node, struct bitmap *out, void *arg)
{
	(void)arg;
	if (node > 1)
		return -1;
	for (unsigned cpu = 4 * node; cpu < 4 * node + 4; cpu++)
		bitmap_set(out, cpu);
	return 0;
}

START_TEST(nodes)
{
	static const struct {
		const char *s, *str;
	} rows[] = {
		{ "node:0", "0-3" },
		{ "nodes:0-1", "all" },
		{ "nodes:all", "all" },
		{ "node:1,^5", "4,6-7" },
		{ "all,^node:0", "4-7" },
		{ "^node:1", "0-3" },
	};
	struct bitmap b;

	for (size_t i = 0; i < array_size(rows); i++) {
		autofree char *str = NULL;

		ck_ok(bitmap_parse_cpus(&b, rows[i].s, 8, two_nodes, NULL, "cpus", &err), &err);
		str = bitmap_str(&b, 8);
		ck_assert_str_eq(str, rows[i].str);
	}
	ck_fails(bitmap_parse_cpus(&b, "node:2", 8, two_nodes, NULL, "cpus", &err), &err, ERANGE,
		 "there is no node 2");
	ck_fails(bitmap_parse_cpus(&b, "nodes:99999", 8, two_nodes, NULL, "cpus", &err), &err,
		 ERANGE, "out of range");
}
END_TEST

START_TEST(bytes_both_ways)
{
	uint8_t bytes[200], expect[200] = { 0 };
	struct bitmap b, back;

	bitmap_zero(&b);
	for (unsigned bit = 0; bit < BITMAP_BITS; bit += 7) {
		bitmap_set(&b, bit);
		expect[bit / 8] |= (uint8_t)(1 << bit % 8);
	}
	memset(bytes, 0xaa, sizeof(bytes));
	bitmap_to_bytes(&b, bytes, sizeof(bytes));
	ck_assert_mem_eq(bytes, expect, sizeof(bytes));
	bitmap_from_bytes(&back, bytes, sizeof(bytes));
	ck_assert(bitmap_equal(&back, &b));
	bitmap_from_bytes(&back, bytes, 3);
	ck_assert_uint_eq(bitmap_count(&back), 4);
}
END_TEST

TEST_MAIN("bitmap", set_clear_walk, fill_to_any_size, algebra, texts, bad_texts, nodes,
	  bytes_both_ways)
