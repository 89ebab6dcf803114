/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_PRINT_H
#define XL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * How a command shows what it found: columns for people and for scripts that know upstream's, or JSON. Text from guests
 * (names, labels, paths) goes through print_text, so that control characters cannot garble a terminal or forge a row.
 */

/* Prints `s` in at least |width| columns, left-aligned when width < 0; control characters become '?'. */
void print_text(FILE *f, const char *s, int width);

/* --- JSON, indented by four blanks as upstream's ------------------------------------------------------------------- */

#define JSON_MAX_DEPTH 16
struct json_out {
	FILE *f;
	unsigned depth;
	unsigned nr[JSON_MAX_DEPTH];	/* values so far at each depth */
	char closing[JSON_MAX_DEPTH];
};

void json_begin(struct json_out *j, FILE *f);
/* key is NULL for an element of an array and for the outermost value. */
void json_object(struct json_out *j, const char *key);
void json_array(struct json_out *j, const char *key);
void json_close(struct json_out *j);	/* the innermost object or array */
void json_str(struct json_out *j, const char *key, const char *value);	/* NULL: null */
void json_int(struct json_out *j, const char *key, int64_t value);
void json_uint(struct json_out *j, const char *key, uint64_t value);
void json_double(struct json_out *j, const char *key, double value, int decimals);
void json_bool(struct json_out *j, const char *key, bool value);
/* JSON text made elsewhere, indented to fit. */
void json_raw(struct json_out *j, const char *key, const char *text);
void json_end(struct json_out *j);	/* the newline behind the outermost value */

/* --- columns ------------------------------------------------------------------------------------------------------ */

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
	struct json_out json;
};

void table_begin(struct table *t, FILE *f, bool as_json, const struct column *columns, size_t nr,
		 uint64_t hidden);
void table_head(struct table *t);
void table_row(struct table *t, const struct cell *cells);
void table_end(struct table *t);

#endif
