// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Columns and JSON. Knows how text is laid out and escaped, not what it means; the tables of
 * columns stand beside the commands that fill them.
 */
#include <inttypes.h>
#include <string.h>
#include "xl/print.h"

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

void print_text(FILE *f, const char *s, int width)
{
	size_t len = strlen(s);
	size_t want = (size_t)(width < 0 ? -width : width);
	size_t pad = want > len ? want - len : 0;

	if (width > 0)
		fprintf(f, "%*s", (int)pad, "");
	for (size_t i = 0; i < len; i++)
		putc(is_control((unsigned char)s[i]) ? '?' : s[i], f);
	if (width < 0)
		fprintf(f, "%*s", (int)pad, "");
}

/* --- JSON ------------------------------------------------------------------------------------- */

void jsonw_begin(struct jsonw *j, FILE *f)
{
	*j = (struct jsonw){ .f = f };
}

static void indent(struct jsonw *j)
{
	fprintf(j->f, "\n%*s", (int)(4 * j->depth), "");
}

static void quoted(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", f);
		else if (c == '\t')
			fputs("\\t", f);
		else if (is_control(c))
			fprintf(f, "\\u%04x", c);
		else
			putc(c, f);
	}
	putc('"', f);
}

static void before_value(struct jsonw *j, const char *key)
{
	if (j->depth) {
		if (j->nr[j->depth]++)
			putc(',', j->f);
		indent(j);
	}
	if (key) {
		quoted(j->f, key);
		fputs(": ", j->f);
	}
}

static void open_bracket(struct jsonw *j, const char *key, char opening, char closing)
{
	before_value(j, key);
	putc(opening, j->f);
	if (j->depth + 1 < JSON_MAX_DEPTH)
		j->depth++;
	j->nr[j->depth] = 0;
	j->closing[j->depth] = closing;
}

void jsonw_object(struct jsonw *j, const char *key)
{
	open_bracket(j, key, '{', '}');
}

void jsonw_array(struct jsonw *j, const char *key)
{
	open_bracket(j, key, '[', ']');
}

void jsonw_close(struct jsonw *j)
{
	bool is_empty = j->nr[j->depth] == 0;
	char closing = j->closing[j->depth];

	j->depth--;
	if (!is_empty)
		indent(j);
	putc(closing, j->f);
}

void jsonw_str(struct jsonw *j, const char *key, const char *value)
{
	before_value(j, key);
	if (value)
		quoted(j->f, value);
	else
		fputs("null", j->f);
}

void jsonw_int(struct jsonw *j, const char *key, int64_t value)
{
	before_value(j, key);
	fprintf(j->f, "%" PRId64, value);
}

void jsonw_uint(struct jsonw *j, const char *key, uint64_t value)
{
	before_value(j, key);
	fprintf(j->f, "%" PRIu64, value);
}

void jsonw_double(struct jsonw *j, const char *key, double value, int decimals)
{
	before_value(j, key);
	fprintf(j->f, "%.*f", decimals, value);
}

void jsonw_bool(struct jsonw *j, const char *key, bool value)
{
	before_value(j, key);
	fputs(value ? "true" : "false", j->f);
}

void jsonw_raw(struct jsonw *j, const char *key, const char *text)
{
	size_t len = strlen(text);

	while (len && text[len - 1] == '\n')
		len--;
	before_value(j, key);
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\n')
			putc(text[i], j->f);
		else if (text[i + 1] == '\n')	/* what upstream prints in an empty object */
			putc('\n', j->f);
		else
			indent(j);
	}
}

void jsonw_end(struct jsonw *j)
{
	putc('\n', j->f);
}

/* --- columns ---------------------------------------------------------------------------------- */

void table_begin(struct table *t, FILE *f, bool as_json, const struct column *columns, size_t nr,
		 uint64_t hidden)
{
	*t = (struct table){ columns, nr, hidden, as_json, f, { 0 } };
	if (as_json) {
		jsonw_begin(&t->json, f);
		jsonw_array(&t->json, NULL);
	}
}

static bool is_shown(const struct table *t, size_t i)
{
	return !t->columns[i].json_only && !(t->hidden >> i & 1);
}

void table_head(struct table *t)
{
	if (t->as_json)
		return;
	for (size_t i = 0; i < t->nr; i++)
		if (is_shown(t, i) && t->columns[i].head)
			fputs(t->columns[i].head, t->f);
	putc('\n', t->f);
}

static void text_cell(FILE *f, const struct column *col, const struct cell *cell)
{
	if (cell->is_unset) {
		print_text(f, "-", col->width);
		return;
	}
	switch (col->kind) {
	case CELL_STR:
		print_text(f, cell->s ? cell->s : "(null)", col->width);
		break;
	case CELL_INT:
		fprintf(f, "%*" PRId64, col->width, cell->i);
		break;
	case CELL_UINT:
		fprintf(f, "%*" PRIu64, col->width, cell->u);
		break;
	case CELL_REAL:
		fprintf(f, "%*.*f", col->width, col->decimals, cell->r);
		break;
	case CELL_BOOL:
		print_text(f, cell->i ? "yes" : "no", col->width);
		break;
	}
}

static void json_cell(struct jsonw *j, const struct column *col, const struct cell *cell)
{
	if (cell->is_unset) {
		jsonw_str(j, col->key, NULL);
		return;
	}
	switch (col->kind) {
	case CELL_STR:
		jsonw_str(j, col->key, cell->s);
		break;
	case CELL_INT:
		jsonw_int(j, col->key, cell->i);
		break;
	case CELL_UINT:
		jsonw_uint(j, col->key, cell->u);
		break;
	case CELL_REAL:
		jsonw_double(j, col->key, cell->r, 3);
		break;
	case CELL_BOOL:
		jsonw_bool(j, col->key, cell->i);
		break;
	}
}

void table_row(struct table *t, const struct cell *cells)
{
	if (t->as_json) {
		jsonw_object(&t->json, NULL);
		for (size_t i = 0; i < t->nr; i++)
			if (t->columns[i].key)
				json_cell(&t->json, &t->columns[i], &cells[i]);
		jsonw_close(&t->json);
		return;
	}
	for (size_t i = 0; i < t->nr; i++) {
		if (!is_shown(t, i))
			continue;
		if (t->columns[i].sep)
			fputs(t->columns[i].sep, t->f);
		text_cell(t->f, &t->columns[i], &cells[i]);
	}
	putc('\n', t->f);
}

void table_end(struct table *t)
{
	if (!t->as_json)
		return;
	jsonw_close(&t->json);
	jsonw_end(&t->json);
}
