/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_PRINT_H
#define XL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * How a command shows what it found: columns for people and for scripts that know upstream's, or
 * JSON. Text from guests (names, labels, paths) goes through print_text, so that control characters
 * cannot garble a terminal or forge a row.
 */

/* Prints `s` in at least |width| columns, left-aligned when width < 0; control characters become
 * '?'. */
void print_text(FILE *f, const char *s, int width);

/* --- JSON, indented by four blanks as upstream's ---------------------------------------------- */

#define JSON_MAX_DEPTH 16
struct jsonw {
	FILE *f;
	unsigned depth;
	unsigned nr[JSON_MAX_DEPTH];	/* values so far at each depth */
	char closing[JSON_MAX_DEPTH];
};

void jsonw_begin(struct jsonw *j, FILE *f);
/* key is NULL for an element of an array and for the outermost value. */
void jsonw_object(struct jsonw *j, const char *key);
void jsonw_array(struct jsonw *j, const char *key);
void jsonw_close(struct jsonw *j);	/* the innermost object or array */
void jsonw_str(struct jsonw *j, const char *key, const char *value);	/* NULL: null */
void jsonw_int(struct jsonw *j, const char *key, int64_t value);
void jsonw_uint(struct jsonw *j, const char *key, uint64_t value);
void jsonw_double(struct jsonw *j, const char *key, double value, int decimals);
void jsonw_bool(struct jsonw *j, const char *key, bool value);
/* JSON text made elsewhere, indented to fit. */
void jsonw_raw(struct jsonw *j, const char *key, const char *text);
void jsonw_end(struct jsonw *j);	/* the newline behind the outermost value */

/* --- columns ---------------------------------------------------------------------------------- */

enum cell_kind { CELL_STR, CELL_INT, CELL_UINT, CELL_REAL, CELL_BOOL };

struct column {
	const char *head;	/* with its padding; NULL: not in the header */
	const char *sep;	/* before the cell, in rows */
	int width;		/* negative: left-aligned */
	enum cell_kind kind;
	const char *key;	/* in JSON; NULL: not there */
	int decimals;		/* of CELL_REAL */
	bool json_only;
};

struct cell {
	bool is_unset;		/* "-" in columns, null in JSON */
	const char *s;
	int64_t i;
	uint64_t u;
	double r;
};

struct table {
	const struct column *columns;
	size_t nr;
	uint64_t hidden;	/* bit n: column n is not shown as text */
	bool as_json;
	FILE *f;
	struct jsonw json;
};

void table_begin(struct table *t, FILE *f, bool as_json, const struct column *columns, size_t nr,
		 uint64_t hidden);
void table_head(struct table *t);
void table_row(struct table *t, const struct cell *cells);
void table_end(struct table *t);

#endif
