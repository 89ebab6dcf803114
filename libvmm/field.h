/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_FIELD_H
#define LIBVMM_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/json.h"

/*
 * One row a member: its key in a device's specification, its key in the store and on which side,
 * its name in JSON. One row serves parsing a specification, writing the store, reading it back,
 * JSON out and JSON in, and freeing.
 */

enum field_type {
	FIELD_T_STR, /* char *; NULL: not set */
	FIELD_T_BOOL, /* bool; 0 or 1, JSON true */
	FIELD_T_TRI, /* enum tri; 0 or 1, JSON "True" or "False" */
	FIELD_T_U32,
	FIELD_T_U64,
	FIELD_T_I32,
	FIELD_T_DEVID, /* int32_t; -1: not set */
	FIELD_T_ENUM, /* unsigned; its names in order, the first one meaning "not set" ("unknown":
			 cannot be written) */
	FIELD_T_UUID, /* uint8_t[16]; zero: not set */
	FIELD_T_MAC, /* uint8_t[6]; zero: not set */
	FIELD_T_WORD, /* a bare word in a specification that sets an enum tri to `min` */
};

enum tri { TRI_UNSET, TRI_NO, TRI_YES };

enum field_where {
	FIELD_SPEC = 1,		/* key= in a specification */
	FIELD_BACK = 2,		/* in the backend's directory (and the toolstack's copy of it) */
	FIELD_FRONT = 4,	/* in the frontend's directory */
	FIELD_FRONT_RO = 8,	/* there too, but the guest may not write it */
	FIELD_ALWAYS = 16,	/* written to the store even when not set (as "" or 0) */
	FIELD_REQUIRED = 32,	/* a specification without it is refused */
};

struct field {
	const char *key; /* in specifications, and in the store when `node` is NULL */
	const char *node;		/* in the store */
	const char *json;		/* in JSON; "group/name": within the object "group" */
	size_t offset;
	enum field_type type;
	unsigned where;
	uint64_t min,
		max; /* numbers; max 0: what the type holds. Strings: longest, 0: FIELD_MAX_STR */
	const char *const *names;	/* enums, ends in NULL */
};

#define FIELD_MAX_STR 1024u	/* a store node holds about twice that */
#define FIELDS_END { .key = NULL, .json = NULL, .node = NULL }

/* Rows: struct, member, key, name in JSON (NULL: not there), where. */
/* offsetof that compiles only when the member has the type the row says. */
#define FIELD_OFFSET(s, m, t) \
	(offsetof(s, m) +     \
	 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((s *)0)->m), t) ? 1 : -1]))

#define FIELD_STR(s, m, k, j, w, ...) \
	{ .key = k, .json = j, .offset = FIELD_OFFSET(s, m, char *), .type = FIELD_T_STR, .where = w, ##__VA_ARGS__ }
#define FIELD_BOOL(s, m, k, j, w, ...) \
	{ .key = k, .json = j, .offset = FIELD_OFFSET(s, m, bool), .type = FIELD_T_BOOL, .where = w, ##__VA_ARGS__ }
#define FIELD_TRI(s, m, k, j, w, ...) \
	{ .key = k, .json = j, .offset = FIELD_OFFSET(s, m, enum tri), .type = FIELD_T_TRI, .where = w, ##__VA_ARGS__ }
#define FIELD_U32(s, m, k, j, w, ...) \
	{ .key = k, .json = j, .offset = FIELD_OFFSET(s, m, uint32_t), .type = FIELD_T_U32, .where = w, ##__VA_ARGS__ }
#define FIELD_U64(s, m, k, j, w, ...) \
	{ .key = k, .json = j, .offset = FIELD_OFFSET(s, m, uint64_t), .type = FIELD_T_U64, .where = w, ##__VA_ARGS__ }
#define FIELD_I32(s, m, k, j, w, ...) \
	{ .key = k, .json = j, .offset = FIELD_OFFSET(s, m, int32_t), .type = FIELD_T_I32, .where = w, ##__VA_ARGS__ }
#define FIELD_ENUM(s, m, k, j, w, list, ...)                                                       \
	{                                                                                          \
		.key = k, .json = j, .offset = FIELD_OFFSET(s, m, unsigned), .type = FIELD_T_ENUM, \
		.where = w, .names = list, ##__VA_ARGS__                                           \
	}
#define FIELD_UUID(s, m, k, j, w, ...) \
	{ .key = k, .json = j, .offset = FIELD_OFFSET(s, m, uint8_t[16]), .type = FIELD_T_UUID, .where = w, ##__VA_ARGS__ }
#define FIELD_MAC(s, m, k, j, w, ...) \
	{ .key = k, .json = j, .offset = FIELD_OFFSET(s, m, uint8_t[6]), .type = FIELD_T_MAC, .where = w, ##__VA_ARGS__ }
#define FIELD_WORD(s, m, k, v) \
	{ .key = k, .offset = FIELD_OFFSET(s, m, enum tri), .type = FIELD_T_WORD, .where = FIELD_SPEC, .min = v }

/* Parse one value into its member. `what` names it in messages. */
int field_parse(const struct field *f, void *obj, const char *what, const char *value,
		struct err *err) must_check;
/* A specification: key=value parts and bare words, separated by commas, blanks around them ignored.
 * Unknown keys, keys given twice and bad values are refused by name; required keys must be
 * there. */
int fields_parse(const struct field *fields, void *obj, const char *spec, struct err *err)
	must_check;
/* One part of a specification ("key=value" or "word"); 1: taken, 0: no row has this key, -1: bad
 * value. */
int fields_parse_part(const struct field *fields, void *obj, const char *part, struct err *err)
	must_check;
int fields_unknown(const struct field *fields, const char *part, struct err *err)
	must_check; /* says so; -1 */
int fields_check_required(const struct field *fields, const void *obj, struct err *err) must_check;

bool field_is_set(const struct field *f, const void *obj);
/* As the store has it; yours to free. NULL: not set. */
char *field_str(const struct field *f, const void *obj);
const char *field_node(const struct field *f);	/* its key in the store */
/* From the store: values nobody is obliged to keep sane, so a bad one is left out. */
void field_from_store(const struct field *f, void *obj, const char *value);

/* Members that are set, in the order of the rows; groups are opened and closed and never left
 * out. */
void fields_to_json(const struct field *fields, const void *obj, struct json_writer *w);
/* Members known to the rows; others are ignored, wrong types are refused. */
int fields_from_json(const struct field *fields, void *obj, const struct json *j, struct err *err)
	must_check;
void fields_init(const struct field *fields, void *obj);	/* zeroed memory to nothing set */
void fields_clear(const struct field *fields, void *obj);

#endif
