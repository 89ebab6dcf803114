/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_JSON_H
#define LIBVMM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * JSON text to a tree and values to text. The only door to the JSON library (yajl).
 *
 * Reading is bounded: JSON_MAX_BYTES of text, JSON_MAX_DEPTH nested containers; anything after the
 * value but blanks (and one NUL, which upstream's saved files end in) is refused. Numbers keep
 * their text, so that 64 bits survive.
 */
#define JSON_MAX_BYTES (8u << 20)
#define JSON_MAX_DEPTH 64u

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_type type;
	char *key;		/* in an object */
	char *text;		/* of a number or a string */
	bool is_true;		/* of a bool */
	struct json *child;	/* first of an array or object, in order */
	struct json *next;
};

int json_parse(const char *text, size_t len, struct json **out, struct err *err) must_check;
void json_free(struct json *j);		/* NULL is fine */
void json_autofree(struct json **j);
#define autojson __attribute__((cleanup(json_autofree)))

/* The member of an object; NULL when there is none or `j` is none. */
const struct json *json_get(const struct json *j, const char *key);
#define json_for_each(pos, j) for (const struct json *pos = (j) == NULL ? NULL : (j)->child; pos != NULL; pos = pos->next)

/* Text being written, indented by four blanks as upstream prints it. A failure is kept and reported
 * by json_writer_end. In an object each value has a key; elsewhere `key` is NULL. */
struct json_writer;
struct json_writer *json_writer_new(void);
void json_open_object(struct json_writer *w, const char *key);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w, const char *key);
void json_close_array(struct json_writer *w);
void json_str(struct json_writer *w, const char *key, const char *value);	/* NULL: null */
void json_int(struct json_writer *w, const char *key, int64_t value);
void json_uint(struct json_writer *w, const char *key, uint64_t value);
void json_bool(struct json_writer *w, const char *key, bool value);
/* Ends the writer; *out is yours, ending in a newline. */
int json_writer_end(struct json_writer *w, char **out, struct err *err) must_check;
void json_writer_free(struct json_writer *w);	/* of one that is not wanted any more */

#endif
