/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON text and trees by way of yajl's callbacks: its own tree has no limit on depth and loses
 * large numbers. This file knows nothing of configurations.
 */
#include "libvmm/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "base/mem.h"
#include "base/str.h"

/* --- reading ---------------------------------------------------------------------------------- */

struct reader {
	struct json *root;
	struct json *open[JSON_MAX_DEPTH];	/* containers around the place reached */
	struct json *last[JSON_MAX_DEPTH];	/* newest child of each */
	unsigned depth;
	char *key;
	bool is_too_deep;
};

static struct json *reader_add(struct reader *r, enum json_type type)
{
	struct json *j = xcalloc(1, sizeof(*j));

	j->type = type;
	j->key = steal(r->key);
	if (r->depth == 0) {
		json_free(r->root);
		r->root = j;
	} else if (r->last[r->depth - 1] == NULL) {
		r->open[r->depth - 1]->child = j;
		r->last[r->depth - 1] = j;
	} else {
		r->last[r->depth - 1]->next = j;
		r->last[r->depth - 1] = j;
	}
	return j;
}

static int on_null(void *arg)
{
	reader_add(arg, JSON_NULL);
	return 1;
}

static int on_bool(void *arg, int value)
{
	reader_add(arg, JSON_BOOL)->is_true = value != 0;
	return 1;
}

static int on_number(void *arg, const char *text, size_t len)
{
	reader_add(arg, JSON_NUMBER)->text = xstrndup(text, len);
	return 1;
}

static int on_string(void *arg, const unsigned char *text, size_t len)
{
	reader_add(arg, JSON_STRING)->text = xstrndup((const char *)text, len);
	return 1;
}

static int on_open(struct reader *r, enum json_type type)
{
	struct json *j;

	if (r->depth == JSON_MAX_DEPTH) {
		r->is_too_deep = true;
		return 0;
	}
	j = reader_add(r, type);
	r->open[r->depth] = j;
	r->last[r->depth] = NULL;
	r->depth++;
	return 1;
}

static int on_open_object(void *arg)
{
	return on_open(arg, JSON_OBJECT);
}

static int on_open_array(void *arg)
{
	return on_open(arg, JSON_ARRAY);
}

static int on_close(void *arg)
{
	struct reader *r = arg;

	r->depth--;
	return 1;
}

static int on_key(void *arg, const unsigned char *text, size_t len)
{
	struct reader *r = arg;

	free(r->key);
	r->key = xstrndup((const char *)text, len);
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null, .yajl_boolean = on_bool, .yajl_number = on_number, .yajl_string = on_string,
	.yajl_start_map = on_open_object, .yajl_map_key = on_key, .yajl_end_map = on_close,
	.yajl_start_array = on_open_array, .yajl_end_array = on_close,
};

static int report(yajl_handle h, const struct reader *r, const char *text, size_t len,
		  struct err *err)
{
	size_t at = yajl_get_bytes_consumed(h), line = 1;
	unsigned char *what;

	for (size_t i = 0; i < at && i < len; i++)
		line += text[i] == '\n';
	if (r->is_too_deep)
		return err_set(err, EINVAL, "line %zu: nested more than %u deep", line,
			       JSON_MAX_DEPTH);
	what = yajl_get_error(h, 0, (const unsigned char *)text, len);
	what[strcspn((char *)what, "\n")] = '\0';
	err_set(err, EINVAL, "line %zu: %s", line, (char *)what);
	yajl_free_error(h, what);
	return -1;
}

int json_parse(const char *text, size_t len, struct json **out, struct err *err)
{
	struct reader r = { 0 };
	yajl_handle h;
	int ret = 0;

	if (len > 0 && text[len - 1] == '\0')
		len--;
	if (len > JSON_MAX_BYTES)
		return err_set(err, EFBIG, "%zu bytes of JSON; at most %u are read", len,
			       JSON_MAX_BYTES);
	h = yajl_alloc(&callbacks, NULL, &r);
	if (h == NULL)
		return err_set(err, ENOMEM, "no memory to read JSON");
	/* What a guest.cfg says in Latin-1 (a path, a kernel's argument) is written as it is and
	 * must be read again. */
	yajl_config(h, yajl_dont_validate_strings, 1);
	if (yajl_parse(h, (const unsigned char *)text, len) != yajl_status_ok ||
	    yajl_complete_parse(h) != yajl_status_ok)
		ret = report(h, &r, text, len, err);
	else if (r.root == NULL)
		ret = err_set(err, EINVAL, "there is no JSON value");
	yajl_free(h);
	free(r.key);
	if (ret < 0)
		json_free(r.root);
	else
		*out = r.root;
	return ret;
}

/* Recursion is bounded by JSON_MAX_DEPTH: siblings are walked. */
void json_free(struct json *j)
{
	while (j != NULL) {
		struct json *next = j->next;

		json_free(j->child);
		free(j->key);
		free(j->text);
		free(j);
		j = next;
	}
}

void json_autofree(struct json **j)
{
	json_free(*j);
}

const struct json *json_get(const struct json *j, const char *key)
{
	if (j == NULL || j->type != JSON_OBJECT)
		return NULL;
	json_for_each (c, j)
		if (strcmp(c->key, key) == 0)
			return c;
	return NULL;
}

/* --- writing ---------------------------------------------------------------------------------- */

struct json_writer {
	yajl_gen gen;
	yajl_gen_status status;		/* the first failure */
};

struct json_writer *json_writer_new(void)
{
	struct json_writer *w = xcalloc(1, sizeof(*w));

	w->gen = yajl_gen_alloc(NULL);
	if (w->gen == NULL) {
		w->status = yajl_gen_in_error_state;
		return w;
	}
	yajl_gen_config(w->gen, yajl_gen_beautify, 1);
	yajl_gen_config(w->gen, yajl_gen_indent_string, "    ");
	return w;
}

static void note(struct json_writer *w, yajl_gen_status status)
{
	if (w->status == yajl_gen_status_ok)
		w->status = status;
}

static bool begin(struct json_writer *w, const char *key)
{
	if (w->status == yajl_gen_status_ok && key != NULL)
		note(w, yajl_gen_string(w->gen, (const unsigned char *)key, strlen(key)));
	return w->status == yajl_gen_status_ok;
}

void json_open_object(struct json_writer *w, const char *key)
{
	if (begin(w, key))
		note(w, yajl_gen_map_open(w->gen));
}

void json_close_object(struct json_writer *w)
{
	if (begin(w, NULL))
		note(w, yajl_gen_map_close(w->gen));
}

void json_open_array(struct json_writer *w, const char *key)
{
	if (begin(w, key))
		note(w, yajl_gen_array_open(w->gen));
}

void json_close_array(struct json_writer *w)
{
	if (begin(w, NULL))
		note(w, yajl_gen_array_close(w->gen));
}

void json_str(struct json_writer *w, const char *key, const char *value)
{
	if (!begin(w, key))
		return;
	if (value == NULL)
		note(w, yajl_gen_null(w->gen));
	else
		note(w, yajl_gen_string(w->gen, (const unsigned char *)value, strlen(value)));
}

void json_int(struct json_writer *w, const char *key, int64_t value)
{
	if (begin(w, key))
		note(w, yajl_gen_integer(w->gen, value));
}

void json_uint(struct json_writer *w, const char *key, uint64_t value)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRIu64, value);

	if (begin(w, key))
		note(w, yajl_gen_number(w->gen, text, (size_t)len));
}

void json_bool(struct json_writer *w, const char *key, bool value)
{
	if (begin(w, key))
		note(w, yajl_gen_bool(w->gen, value));
}

void json_writer_free(struct json_writer *w)
{
	if (w->gen != NULL)
		yajl_gen_free(w->gen);
	free(w);
}

int json_writer_end(struct json_writer *w, char **out, struct err *err)
{
	const unsigned char *text;
	size_t len;
	int ret = 0;

	/* yajl says "generation complete" only to a value too many */
	if (w->status != yajl_gen_status_ok ||
	    yajl_gen_get_buf(w->gen, &text, &len) != yajl_gen_status_ok)
		ret = err_set(err, EINVAL,
			      "writing JSON: a string is not valid UTF-8, or memory ran out");
	else
		*out = xstrndup((const char *)text, len);
	json_writer_free(w);
	return ret;
}
