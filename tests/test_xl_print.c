// SPDX-License-Identifier: LGPL-2.1-or-later
/* Columns and JSON to the byte, and hostile text that must not leave its cell. */
#include <stdio.h>
#include "tests/test.h"
#include "xl/print.h"

static char *text;
static size_t text_size;

static FILE *open_text(void)
{
	return open_memstream(&text, &text_size);
}

static void is(FILE *f, const char *expected)
{
	fclose(f);
	ck_assert_str_eq(text, expected);
	free(text);
}

START_TEST(control_characters_stay_in_their_cell)
{
	FILE *f = open_text();

	print_text(f, "a\nb\x1b[2Jc\x7f\t", -12);
	putc('|', f);
	print_text(f, "right", 8);
	putc('|', f);
	print_text(f, "longer than its column", 4);
	is(f, "a?b?[2Jc??  |   right|longer than its column");
}
END_TEST

START_TEST(json_is_indented_by_four)
{
	FILE *f = open_text();
	struct jsonw j;

	jsonw_begin(&j, f);
	jsonw_array(&j, NULL);
	jsonw_object(&j, NULL);
	jsonw_uint(&j, "domid", 3);
	jsonw_str(&j, "name", "a\"\\\n\t\x01");
	jsonw_str(&j, "none", NULL);
	jsonw_bool(&j, "on", true);
	jsonw_int(&j, "minus", -1);
	jsonw_double(&j, "seconds", 1.25, 3);
	jsonw_array(&j, "empty");
	jsonw_close(&j);
	jsonw_raw(&j, "config", "{\n    \"c_info\": {\n        \"name\": \"x\"\n    }\n}\n");
	jsonw_close(&j);
	jsonw_close(&j);
	jsonw_end(&j);
	is(f, "[\n    {\n        \"domid\": 3,\n        \"name\": \"a\\\"\\\\\\n\\t\\u0001\",\n"
	      "        \"none\": null,\n        \"on\": true,\n        \"minus\": -1,\n        "
	      "\"seconds\": 1.250,\n"
	      "        \"empty\": [],\n        \"config\": {\n            \"c_info\": {\n"
	      "                \"name\": \"x\"\n            }\n        }\n    }\n]\n");
}
END_TEST

static const struct column columns[] = {
	{ "Name    ", NULL, -8, CELL_STR, "name" },
	{ "  ID", " ", 3, CELL_UINT, "domid" },
	{ "  Time", " ", 5, CELL_REAL, "time", 1 },
	{ " Pool", " ", 0, CELL_STR, "pool" },
	{ " On", " ", -3, CELL_BOOL, "on" },
	{ .kind = CELL_INT, .key = "more", .json_only = true },
};

static void fill(struct table *t)
{
	table_head(t);
	table_row(t, (struct cell[]){ { .s = "dom\n0" },
				      { .u = 7 },
				      { .r = 2.25 },
				      { .is_unset = true },
				      { .i = 1 },
				      { .i = -5 } });
	table_row(t, (struct cell[]){ { .s = NULL },
				      { .is_unset = true },
				      { .r = 0 },
				      { .s = "p" },
				      { .i = 0 },
				      { .i = 0 } });
	table_end(t);
}

START_TEST(a_table_as_columns)
{
	FILE *f = open_text();
	struct table t;

	table_begin(&t, f, false, columns, array_size(columns), 1u << 3);
	fill(&t);
	is(f, "Name      ID  Time On\ndom?0      7   2.2 yes\n(null)     -   0.0 no \n");
}
END_TEST

START_TEST(the_same_table_as_json)
{
	FILE *f = open_text();
	struct table t;

	table_begin(&t, f, true, columns, 4, 1u << 3);
	fill(&t);
	is(f, "[\n    {\n        \"name\": \"dom\\n0\",\n        \"domid\": 7,\n        \"time\": "
	      "2.250,\n"
	      "        \"pool\": null\n    },\n    {\n        \"name\": null,\n        \"domid\": "
	      "null,\n"
	      "        \"time\": 0.000,\n        \"pool\": \"p\"\n    }\n]\n");
}
END_TEST

TEST_MAIN("xl_print", control_characters_stay_in_their_cell, json_is_indented_by_four,
	  a_table_as_columns, the_same_table_as_json)
