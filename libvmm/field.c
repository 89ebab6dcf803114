/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rows over members: parsing, text for the store and back, JSON out and in, freeing. It knows
 * types, not meanings; nothing here knows a device class or reaches the store.
 */
#include "libvmm/field.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"

#define MAX_PARTS 128u
#define MAC_TEXT 18

static bool is_end(const struct field *f)
{
	return f->key == NULL && f->json == NULL && f->node == NULL;
}

static void *member(const struct field *f, void *obj)
{
	return (char *)obj + f->offset;
}

static const void *const_member(const struct field *f, const void *obj)
{
	return (const char *)obj + f->offset;
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

bool field_is_set(const struct field *f, const void *obj)
{
	const void *m = const_member(f, obj);

	switch (f->type) {
	case FIELD_T_STR:
		return *(char *const *)m != NULL;
	case FIELD_T_BOOL:
		return *(const bool *)m;
	case FIELD_T_TRI:
		return *(const enum tri *)m != TRI_UNSET;
	case FIELD_T_U32:
	case FIELD_T_ENUM:
		return *(const uint32_t *)m != 0;
	case FIELD_T_U64:
		return *(const uint64_t *)m != 0;
	case FIELD_T_I32:
		return *(const int32_t *)m != 0;
	case FIELD_T_DEVID:
		return *(const int32_t *)m != -1;
	case FIELD_T_UUID:
		return !is_zero(m, 16);
	case FIELD_T_MAC:
		return !is_zero(m, 6);
	case FIELD_T_WORD:
		break;
	}
	return false;
}

/* --- text to members -------------------------------------------------------------------------- */

static int parse_str(const struct field *f, char **out, const char *what, const char *value,
		     struct err *err)
{
	uint64_t max = f->max != 0 ? f->max : FIELD_MAX_STR;

	if (strlen(value) > max)
		return err_set(err, EINVAL, "%s: %zu bytes are too long, at most %" PRIu64 " fit",
			       what, strlen(value), max);
	for (const char *p = value; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(err, EINVAL,
				       "%s: control characters are not allowed (byte 0x%02x)", what,
				       (unsigned char)*p);
	free(*out);
	*out = value[0] == '\0' ? NULL : xstrdup(value);
	return 0;
}

static int parse_flag(const char *what, const char *value, bool *out, struct err *err)
{
	static const char *const no[] = { "0", "no", "off", "false" }, *const yes[] = { "1", "yes",
											"on",
											"true" };

	for (size_t i = 0; i < array_size(no); i++) {
		if (strcmp(value, no[i]) == 0 || strcmp(value, yes[i]) == 0) {
			*out = strcmp(value, yes[i]) == 0;
			return 0;
		}
	}
	return err_set(err, EINVAL, "%s: expected 0 or 1, found '%s'", what, value);
}

static int parse_number(const struct field *f, void *m, const char *what, const char *value,
			struct err *err)
{
	uint64_t top = f->type == FIELD_T_U64   ? UINT64_MAX
		       : f->type == FIELD_T_U32 ? UINT32_MAX
						: INT32_MAX;
	uint64_t n;

	if (num_u64(value, f->min, f->max != 0 ? f->max : top, what, &n, err) < 0)
		return -1;
	if (f->type == FIELD_T_U64)
		*(uint64_t *)m = n;
	else if (f->type == FIELD_T_U32)
		*(uint32_t *)m = (uint32_t)n;
	else
		*(int32_t *)m = (int32_t)n;
	return 0;
}

static int parse_enum(const struct field *f, unsigned *out, const char *what, const char *value,
		      struct err *err)
{
	autostrbuf struct strbuf all = STRBUF_INIT;

	for (unsigned i = strcmp(f->names[0], "unknown") == 0; f->names[i] != NULL; i++) {
		if (strcasecmp(f->names[i], value) == 0) {
			*out = i;
			return 0;
		}
		strbuf_printf(&all, "%s%s", all.len == 0 ? "" : ", ", f->names[i]);
	}
	return err_set(err, EINVAL, "%s: '%s' is none of %s", what, value, all.data);
}

static int parse_mac(uint8_t *out, const char *what, const char *value, struct err *err)
{
	unsigned b[6];
	int end = 0;

	if (strlen(value) != MAC_TEXT - 1 ||
	    sscanf(value, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 ||
	    end != MAC_TEXT - 1 || strspn(value, "0123456789abcdefABCDEF:") != MAC_TEXT - 1)
		return err_set(
			err, EINVAL,
			"%s: '%s' is no MAC address (six hexadecimal bytes joined by colons)", what,
			value);
	for (int i = 0; i < 6; i++)
		out[i] = (uint8_t)b[i];
	return 0;
}

int field_parse(const struct field *f, void *obj, const char *what, const char *value,
		struct err *err)
{
	void *m = member(f, obj);
	bool flag;

	switch (f->type) {
	case FIELD_T_STR:
		return parse_str(f, m, what, value, err);
	case FIELD_T_BOOL:
		return parse_flag(what, value, m, err);
	case FIELD_T_TRI:
		if (parse_flag(what, value, &flag, err) < 0)
			return -1;
		*(enum tri *)m = flag ? TRI_YES : TRI_NO;
		return 0;
	case FIELD_T_U32:
	case FIELD_T_U64:
	case FIELD_T_I32:
	case FIELD_T_DEVID:
		return parse_number(f, m, what, value, err);
	case FIELD_T_ENUM:
		return parse_enum(f, m, what, value, err);
	case FIELD_T_UUID:
		if (uuid_parse(value, m) < 0)
			return err_set(err, EINVAL, "%s: '%s' is no uuid", what, value);
		return 0;
	case FIELD_T_MAC:
		return parse_mac(m, what, value, err);
	case FIELD_T_WORD:
		break;
	}
	return err_set(err, EINVAL, "%s: takes no value", what);
}

/* --- specifications --------------------------------------------------------------------------- */

/* Two rows may have one key when one is a word and the other takes a value; and two keys one
 * member. */
int fields_parse_part(const struct field *fields, void *obj, const char *part, struct err *err)
{
	const char *eq = strchr(part, '=');
	size_t len = eq != NULL ? (size_t)(eq - part) : strlen(part);
	autofree char *key = NULL, *value = NULL;

	while (len > 0 && (part[len - 1] == ' ' || part[len - 1] == '\t'))
		len--;
	key = xstrndup(part, len);
	if (eq != NULL)
		value = xstrdup(eq + 1);
	for (const struct field *f = fields; !is_end(f); f++) {
		if ((f->where & FIELD_SPEC) == 0 || f->key == NULL || strcmp(f->key, key) != 0)
			continue;
		if (f->type == FIELD_T_WORD && value == NULL) {
			*(enum tri *)member(f, obj) = (enum tri)f->min;
			return 1;
		}
		if (f->type == FIELD_T_WORD)
			continue;
		if (value == NULL)
			return err_set(err, EINVAL, "%s: expected %s=VALUE", key, key);
		return field_parse(f, obj, key, str_trim(value), err) < 0 ? -1 : 1;
	}
	return 0;
}

static const char *next_key(size_t *cursor, void *arg)
{
	const struct field *fields = arg;

	for (; !is_end(&fields[*cursor]); (*cursor)++)
		if ((fields[*cursor].where & FIELD_SPEC) != 0 && fields[*cursor].key != NULL)
			return fields[(*cursor)++].key;
	return NULL;
}

int fields_unknown(const struct field *fields, const char *part, struct err *err)
{
	autofree char *key = xstrndup(part, strcspn(part, "= \t"));
	const char *nearest = str_nearest(key, next_key, (void *)(uintptr_t)fields);

	if (nearest != NULL)
		return err_set(err, EINVAL, "unknown field '%s'; did you mean '%s'?", key, nearest);
	return err_set(err, EINVAL, "unknown field '%s'", key);
}

int fields_check_required(const struct field *fields, const void *obj, struct err *err)
{
	for (const struct field *f = fields; !is_end(f); f++)
		if ((f->where & FIELD_REQUIRED) != 0 && !field_is_set(f, obj))
			return err_set(err, EINVAL, "%s= is missing", f->key);
	return 0;
}

int fields_parse(const struct field *fields, void *obj, const char *spec, struct err *err)
{
	autostrlist struct strlist parts = STRLIST_INIT, seen = STRLIST_INIT;

	strlist_split(&parts, spec, ",");
	if (parts.n > MAX_PARTS)
		return err_set(err, EINVAL, "%zu parts; at most %u are read", parts.n, MAX_PARTS);
	for (size_t i = 0; i < parts.n; i++) {
		char *part = str_trim(parts.v[i]);
		int ret;

		if (part[0] == '\0')
			continue;
		ret = fields_parse_part(fields, obj, part, err);
		if (ret < 0)
			return -1;
		if (ret == 0)
			return fields_unknown(fields, part, err);
		part[strcspn(part, "= \t")] = '\0';
		if (strlist_has(&seen, part))
			return err_set(err, EINVAL, "%s: given twice", part);
		strlist_add(&seen, part);
	}
	return fields_check_required(fields, obj, err);
}

/* --- the store -------------------------------------------------------------------------------- */

const char *field_node(const struct field *f)
{
	return f->node != NULL ? f->node : f->key;
}

static char *mac_str(const uint8_t *mac)
{
	return str_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
			  mac[5]);
}

static char *uuid_text(const uint8_t *uuid)
{
	char text[37];

	uuid_unparse_lower(uuid, text);
	return xstrdup(text);
}

char *field_str(const struct field *f, const void *obj)
{
	const void *m = const_member(f, obj);

	if (!field_is_set(f, obj) && (f->where & FIELD_ALWAYS) == 0)
		return NULL;
	switch (f->type) {
	case FIELD_T_STR:
		return xstrdup(*(char *const *)m != NULL ? *(char *const *)m : "");
	case FIELD_T_BOOL:
		return xstrdup(*(const bool *)m ? "1" : "0");
	case FIELD_T_TRI:
		return xstrdup(*(const enum tri *)m == TRI_YES ? "1" : "0");
	case FIELD_T_U32:
		return str_printf("%" PRIu32, *(const uint32_t *)m);
	case FIELD_T_U64:
		return str_printf("%" PRIu64, *(const uint64_t *)m);
	case FIELD_T_I32:
	case FIELD_T_DEVID:
		return str_printf("%" PRId32, *(const int32_t *)m);
	case FIELD_T_ENUM:
		return xstrdup(f->names[*(const unsigned *)m]);
	case FIELD_T_UUID:
		return uuid_text(m);
	case FIELD_T_MAC:
		return mac_str(m);
	case FIELD_T_WORD:
		break;
	}
	return NULL;
}

void field_from_store(const struct field *f, void *obj, const char *value)
{
	struct err ignored = ERR_INIT;

	if (f->type != FIELD_T_WORD && field_parse(f, obj, "", value, &ignored) < 0)
		err_clear(&ignored);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void field_to_json(const struct field *f, const char *name, const void *obj,
			  struct json_writer *w)
{
	const void *m = const_member(f, obj);
	autofree char *text = NULL;

	switch (f->type) {
	case FIELD_T_BOOL:
		json_bool(w, name, *(const bool *)m);
		return;
	case FIELD_T_TRI:
		json_str(w, name, *(const enum tri *)m == TRI_YES ? "True" : "False");
		return;
	case FIELD_T_U32:
		json_uint(w, name, *(const uint32_t *)m);
		return;
	case FIELD_T_U64:
		json_uint(w, name, *(const uint64_t *)m);
		return;
	case FIELD_T_I32:
	case FIELD_T_DEVID:
		json_int(w, name, *(const int32_t *)m);
		return;
	case FIELD_T_STR:
	case FIELD_T_ENUM:
	case FIELD_T_UUID:
	case FIELD_T_MAC:
		text = field_str(f, obj);
		json_str(w, name, text);
		return;
	case FIELD_T_WORD:
		break;
	}
}

/* Length of "group" in "group/name"; 0: none. */
static size_t group_len(const struct field *f)
{
	const char *slash = strchr(f->json, '/');

	return slash == NULL ? 0 : (size_t)(slash - f->json);
}

void fields_to_json(const struct field *fields, const void *obj, struct json_writer *w)
{
	const char *open = NULL;	/* the row that opened the group */
	size_t open_len = 0;

	for (const struct field *f = fields;; f++) {
		bool is_row = !is_end(f) && f->json != NULL;
		size_t len = is_row ? group_len(f) : 0;

		if (open != NULL && (is_end(f) || (is_row && (len != open_len ||
							      strncmp(f->json, open, len) != 0)))) {
			json_close_object(w);
			open = NULL;
		}
		if (is_end(f))
			return;
		if (!is_row)
			continue;
		if (len > 0 && open == NULL) {
			autofree char *group = xstrndup(f->json, len);

			json_open_object(w, group);
			open = f->json;
			open_len = len;
		}
		if (field_is_set(f, obj))
			field_to_json(f, len > 0 ? f->json + len + 1 : f->json, obj, w);
	}
}

static int field_from_json(const struct field *f, void *obj, const struct json *j, struct err *err)
{
	if (j->type == JSON_NULL)
		return 0;
	if (j->type == JSON_BOOL)
		return field_parse(f, obj, j->key, j->is_true ? "1" : "0", err);
	if (j->type == JSON_ARRAY || j->type == JSON_OBJECT)
		return err_set(err, EINVAL, "%s: expected a plain value", j->key);
	if (f->type == FIELD_T_ENUM && strcmp(j->text, f->names[0]) == 0)
		return 0;
	if (f->type == FIELD_T_TRI)
		return field_parse(f, obj, j->key, strcmp(j->text, "True") == 0 ? "1" :
				   strcmp(j->text, "False") == 0 ? "0" : j->text, err);
	if ((f->type == FIELD_T_DEVID || f->type == FIELD_T_I32) && j->text[0] == '-')
		return 0;	/* upstream's "not set" */
	return field_parse(f, obj, j->key, j->text, err);
}

int fields_from_json(const struct field *fields, void *obj, const struct json *j, struct err *err)
{
	if (j->type != JSON_OBJECT)
		return err_set(err, EINVAL, "expected an object");
	for (const struct field *f = fields; !is_end(f); f++) {
		const struct json *value = j;
		const char *name = f->json;
		size_t len;

		if (f->json == NULL)
			continue;
		len = group_len(f);
		if (len > 0) {
			autofree char *group = xstrndup(f->json, len);

			value = json_get(j, group);
			name = f->json + len + 1;
		}
		value = json_get(value, name);
		if (value != NULL && field_from_json(f, obj, value, err) < 0)
			return -1;
	}
	return 0;
}

void fields_init(const struct field *fields, void *obj)
{
	for (const struct field *f = fields; !is_end(f); f++)
		if (f->type == FIELD_T_DEVID)
			*(int32_t *)member(f, obj) = -1;
}

void fields_clear(const struct field *fields, void *obj)
{
	for (const struct field *f = fields; !is_end(f); f++) {
		if (f->type == FIELD_T_STR) {
			char **s = member(f, obj);

			free(*s);
			*s = NULL;
		}
	}
}
