/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A recursive-descent parser of the xl.cfg language (grammar in the header). It knows the language
 * and where each value stood; it does not know a single key, opens no file and prints nothing. Its
 * state is on the stack of cfgfile_parse, so any number can run at once.
 */
#include "libvmm/cfgfile.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"

#define EXCERPT_WIDTH 100u

struct parser {
	struct cfgfile *file;
	const struct cfg_source *source;
	const char *text;
	size_t pos, len;
	bool is_override;
	struct hash *keys;		/* key -> index + 1 */
	size_t failed_at;
	struct err *err;
};

/* --- places ----------------------------------------------------------------------------------- */

static void place_line(const struct cfg_place *at, size_t *start, size_t *line, size_t *column)
{
	const char *text = at->source->text;

	*start = 0;
	*line = 1;
	for (size_t i = 0; i < at->offset; i++) {
		if (text[i] == '\n') {
			*start = i + 1;
			(*line)++;
		}
	}
	*column = at->offset - *start + 1;
}

char *cfg_place_str(const struct cfg_place *at)
{
	size_t start, line, column;

	place_line(at, &start, &line, &column);
	return str_printf("%s:%zu:%zu", at->source->name, line, column);
}

char *cfg_place_excerpt(const struct cfg_place *at)
{
	size_t start, line, column, end, caret;
	struct strbuf out = STRBUF_INIT;
	const char *text = at->source->text;

	place_line(at, &start, &line, &column);
	for (end = start; end < at->source->len && text[end] != '\n'; end++)
		;
	caret = at->offset;
	if (caret - start > EXCERPT_WIDTH / 2 && end - start > EXCERPT_WIDTH)
		start = caret - EXCERPT_WIDTH / 2;
	if (end - start > EXCERPT_WIDTH)
		end = start + EXCERPT_WIDTH;
	for (size_t i = start; i < end; i++) {
		unsigned char c = (unsigned char)text[i];

		strbuf_addc(&out, c == '\t' || (c >= ' ' && c != 0x7f) ? text[i] : '?');
	}
	strbuf_addc(&out, '\n');
	for (size_t i = start; i < caret; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c & 0xc0) != 0x80)	/* one column for a UTF-8 character */
			strbuf_addc(&out, c == '\t' ? '\t' : ' ');
	}
	strbuf_add(&out, "^\n");
	return strbuf_steal(&out);
}

const char *cfg_type_str(enum cfg_type type)
{
	static const char *const names[] = { "a string", "a number", "a list" };

	return names[type];
}

static int fail_at(struct parser *p, size_t pos, const char *fmt, ...) printf_like(3, 4);
static int fail_at(struct parser *p, size_t pos, const char *fmt, ...)
{
	struct cfg_place at = { p->source, pos };
	autofree char *where = NULL, *what = NULL;
	va_list ap;

	va_start(ap, fmt);
	what = str_vprintf(fmt, ap);
	va_end(ap);
	where = cfg_place_str(&at);
	p->failed_at = pos;
	return err_set(p->err, EINVAL, "%s: %s", where, what);
}

/* --- values ----------------------------------------------------------------------------------- */

static void value_clear(struct cfg_value *v)
{
	for (size_t i = 0; i < v->nr; i++)
		value_clear(&v->items[i]);
	free(v->items);
	free(v->text);
	memset(v, 0, sizeof(*v));
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int peek(const struct parser *p)
{
	return p->pos < p->len ? (unsigned char)p->text[p->pos] : -1;
}

/* What stands here, for "found ..." in a message. */
static const char *found(const struct parser *p, char buf[32])
{
	int c = peek(p);

	if (c < 0)
		return "the end of the file";
	if (c == '\n' || c == '\r')
		return "the end of the line";
	if (c == '#')
		return "a comment";
	if (c < ' ' || c >= 0x7f)
		snprintf(buf, 32, "byte 0x%02x", c);
	else
		snprintf(buf, 32, "'%c'", c);
	return buf;
}

/* Blanks and comments; line ends too when they mean nothing (inside a list). */
static void skip_blank(struct parser *p, bool lines_too)
{
	for (; p->pos < p->len; p->pos++) {
		char c = p->text[p->pos];

		if (c == '#') {
			while (p->pos + 1 < p->len && p->text[p->pos + 1] != '\n')
				p->pos++;
		} else if (c == '\n') {
			if (!lines_too)
				return;
		} else if (c != ' ' && c != '\t' && c != '\r' && c != '\f' && c != '\v') {
			return;
		}
	}
}

/* \xHH and \OOO: one byte, never NUL because values are C strings. */
static int parse_numeric_escape(struct parser *p, size_t start, struct strbuf *out)
{
	bool is_hex = p->text[p->pos] == 'x';
	unsigned base = is_hex ? 16 : 8, max_digits = is_hex ? 2 : 3, value = 0, n = 0;

	if (is_hex)
		p->pos++;
	for (; n < max_digits && p->pos < p->len; n++, p->pos++) {
		unsigned d = (unsigned)num_digit(p->text[p->pos]);

		if (d >= base)
			break;
		value = value * base + d;
	}
	if (n == 0)
		return fail_at(p, start, "\\x needs hexadecimal digits behind it");
	if (value == 0 || value > 255)
		return fail_at(p, start, "this escape is no byte a string can hold (1 to 255)");
	strbuf_addc(out, (char)value);
	return 0;
}

static int parse_escape(struct parser *p, struct strbuf *out)
{
	static const char letters[] = "abfnrtv\\'\"", bytes[] = "\a\b\f\n\r\t\v\\'\"";
	size_t start = p->pos++;
	const char *hit;
	int c = peek(p);

	if (c == 'x' || (c >= '0' && c <= '7'))
		return parse_numeric_escape(p, start, out);
	hit = c > 0 ? strchr(letters, c) : NULL;
	if (hit == NULL)
		return fail_at(p, start, "unknown escape: in a string a backslash is written \\\\");
	strbuf_addc(out, bytes[hit - letters]);
	p->pos++;
	return 0;
}

static int parse_string(struct parser *p, struct cfg_value *v)
{
	autostrbuf struct strbuf out = STRBUF_INIT;
	size_t start = p->pos;
	char quote = p->text[p->pos++];

	for (;;) {
		int c = peek(p);

		if (c < 0 || c == '\n')
			return fail_at(p, start,
				       "this string has no closing %c before the end of the line",
				       quote);
		if (c == quote)
			break;
		if (c == '\\') {
			if (parse_escape(p, &out) < 0)
				return -1;
		} else {
			strbuf_addc(&out, (char)c);
			p->pos++;
		}
	}
	p->pos++;
	v->type = CFG_STRING;
	v->text = strbuf_steal(&out);
	return 0;
}

static void parse_number(struct parser *p, struct cfg_value *v)
{
	size_t start = p->pos;

	if (p->text[p->pos] == '-')
		p->pos++;
	while (p->pos < p->len && (is_digit(p->text[p->pos]) || is_name_start(p->text[p->pos])))
		p->pos++;
	v->type = CFG_NUMBER;
	v->text = xstrndup(p->text + start, p->pos - start);
}

static int parse_value(struct parser *p, unsigned depth, struct cfg_value *v);

static void list_append(struct cfg_value *list, struct cfg_value *take_item)
{
	if ((list->nr & (list->nr - 1)) == 0)	/* grows at powers of two */
		list->items = xreallocarray(list->items, list->nr == 0 ? 1 : list->nr * 2,
					    sizeof(*list->items));
	list->items[list->nr++] = *take_item;
	memset(take_item, 0, sizeof(*take_item));
}

static int parse_list(struct parser *p, unsigned depth, struct cfg_value *v)
{
	size_t start = p->pos++;
	char buf[32];

	v->type = CFG_LIST;
	if (depth >= CFGFILE_MAX_DEPTH)
		return fail_at(p, start, "lists are nested more than %u deep", CFGFILE_MAX_DEPTH);
	for (;;) {
		struct cfg_value item = { 0 };
		int c;

		skip_blank(p, true);
		if (peek(p) == ']')
			break;
		if (peek(p) < 0)
			return fail_at(p, start, "this list has no closing ]");
		if (parse_value(p, depth + 1, &item) < 0) {
			value_clear(&item);
			return -1;
		}
		list_append(v, &item);
		skip_blank(p, true);
		c = peek(p);
		if (c == ',')
			p->pos++;
		else if (c < 0)
			return fail_at(p, start, "this list has no closing ]");
		else if (c != ']')
			return fail_at(p, p->pos, "expected ',' or ']' in the list, found %s",
				       found(p, buf));
	}
	p->pos++;
	return 0;
}

static int parse_value(struct parser *p, unsigned depth, struct cfg_value *v)
{
	int c = peek(p);
	char buf[32];

	v->place = (struct cfg_place){ p->source, p->pos };
	if (c == '"' || c == '\'')
		return parse_string(p, v);
	if (c == '[')
		return parse_list(p, depth, v);
	if (c >= 0 && (is_digit((char)c) ||
		       (c == '-' && p->pos + 1 < p->len && is_digit(p->text[p->pos + 1])))) {
		parse_number(p, v);
		return 0;
	}
	if (c >= 0 && (is_name_start((char)c) || c == '/'))
		return fail_at(p, p->pos, "expected a value; text must stand in quotes");
	return fail_at(p, p->pos, "expected a value (\"text\", a number or a [list]), found %s",
		       found(p, buf));
}

/* --- settings --------------------------------------------------------------------------------- */

/* += : strings with strings, lists with lists. */
static int value_join(struct parser *p, struct cfg_value *old, struct cfg_value *take_more)
{
	if ((old->type == CFG_LIST) != (take_more->type == CFG_LIST))
		return fail_at(p, take_more->place.offset, "cannot add %s to %s",
			       cfg_type_str(take_more->type), cfg_type_str(old->type));
	if (old->type == CFG_LIST) {
		for (size_t i = 0; i < take_more->nr; i++)
			list_append(old, &take_more->items[i]);
	} else {
		char *joined = str_printf("%s%s", old->text, take_more->text);

		free(old->text);
		old->text = joined;
		if (take_more->type == CFG_STRING)
			old->type = CFG_STRING;
	}
	value_clear(take_more);
	return 0;
}

static int setting_put(struct parser *p, const char *key, size_t key_pos, bool is_append,
		       struct cfg_value *v)
{
	struct cfgfile *f = p->file;
	struct cfg_setting *s;
	size_t i = (size_t)(uintptr_t)hash_get(p->keys, key, strlen(key));

	if (i != 0 && is_append)
		return value_join(p, &f->settings[i - 1].value, v);
	if (i != 0) {
		s = &f->settings[i - 1];
		s->is_replaced = s->place.source == p->source;
		value_clear(&s->value);
	} else {
		if (f->nr == f->room) {
			f->room = f->room == 0 ? 16 : f->room * 2;
			f->settings = xreallocarray(f->settings, f->room, sizeof(*f->settings));
		}
		s = &f->settings[f->nr++];
		*s = (struct cfg_setting){ .key = xstrdup(key) };
		if (hash_set(p->keys, key, strlen(key), (void *)(uintptr_t)f->nr, NULL) < 0)
			return err_set(p->err, ENOMEM, "no memory for the configuration");
	}
	s->place = (struct cfg_place){ p->source, key_pos };
	s->is_override = p->is_override;
	s->value = *v;
	memset(v, 0, sizeof(*v));
	return 0;
}

static int parse_setting(struct parser *p)
{
	autofree char *key = NULL;
	struct cfg_value v = { 0 };
	size_t start = p->pos;
	bool is_append = false;
	char buf[32];

	while (p->pos < p->len && (is_name_start(p->text[p->pos]) || is_digit(p->text[p->pos]) ||
				   p->text[p->pos] == '.'))
		p->pos++;
	key = xstrndup(p->text + start, p->pos - start);
	skip_blank(p, false);
	if (peek(p) == '+') {
		is_append = true;
		p->pos++;
	}
	if (peek(p) != '=')
		return fail_at(p, p->pos, "expected '=' after '%s', found %s", key, found(p, buf));
	p->pos++;
	skip_blank(p, false);
	if (parse_value(p, 0, &v) < 0 || setting_put(p, key, start, is_append, &v) < 0) {
		value_clear(&v);
		return -1;
	}
	skip_blank(p, false);
	if (peek(p) >= 0 && peek(p) != '\n' && peek(p) != ';')
		return fail_at(
			p, p->pos,
			"expected the end of the line or ';' after the value of '%s', found %s",
			key, found(p, buf));
	return 0;
}

static int parse_text(struct parser *p)
{
	const char *nul = memchr(p->text, 0, p->len);
	char buf[32];

	if (nul != NULL)
		return fail_at(p, (size_t)(nul - p->text), "a NUL byte: this is not a text file");
	if (p->len >= 3 && memcmp(p->text, "\xef\xbb\xbf", 3) == 0)	/* a byte order mark */
		p->pos = 3;
	for (;;) {
		skip_blank(p, true);
		if (peek(p) < 0)
			return 0;
		if (peek(p) == ';') {
			p->pos++;
			continue;
		}
		if (!is_name_start(p->text[p->pos]))
			return fail_at(p, p->pos, "expected the name of a setting, found %s",
				       found(p, buf));
		if (parse_setting(p) < 0)
			return -1;
	}
}

int cfgfile_parse(struct cfgfile *f, const char *name, const char *text, size_t len,
		  bool is_override, struct cfg_place *at, struct err *err)
{
	struct cfg_source *source = xcalloc(1, sizeof(*source));
	struct parser p = { .file = f, .source = source, .is_override = is_override, .err = err };
	int ret = 0;

	f->sources = xreallocarray(f->sources, f->nr_sources + 1, sizeof(struct cfg_source *));
	f->sources[f->nr_sources++] = source;
	source->name = xstrdup(name);
	if (len > CFGFILE_MAX_BYTES)
		ret = err_set(err, EFBIG, "%s: %zu bytes; a configuration has at most %u", name,
			      len, CFGFILE_MAX_BYTES);
	source->len = ret < 0 ? 0 : len;
	source->text = xmalloc(source->len + 1);
	memcpy(source->text, text, source->len);
	source->text[source->len] = '\0';
	*at = (struct cfg_place){ source, 0 };
	p.text = source->text;
	p.len = source->len;
	p.keys = hash_new();
	if (ret == 0 && p.keys == NULL)
		ret = err_set(err, ENOMEM, "%s: no memory for the configuration", name);
	for (size_t i = 0; ret == 0 && i < f->nr; i++)
		if (hash_set(p.keys, f->settings[i].key, strlen(f->settings[i].key),
			     (void *)(uintptr_t)(i + 1), NULL) < 0)
			ret = err_set(err, ENOMEM, "%s: no memory for the configuration", name);
	if (ret == 0)
		ret = parse_text(&p);
	hash_free(p.keys);
	at->offset = p.failed_at;
	return ret;
}

void cfgfile_free(struct cfgfile *f)
{
	for (size_t i = 0; i < f->nr; i++) {
		free(f->settings[i].key);
		value_clear(&f->settings[i].value);
	}
	free(f->settings);
	for (size_t i = 0; i < f->nr_sources; i++) {
		free(f->sources[i]->name);
		free(f->sources[i]->text);
		free(f->sources[i]);
	}
	free(f->sources);
	*f = (struct cfgfile)CFGFILE_INIT;
}

const struct cfg_setting *cfgfile_find(const struct cfgfile *f, const char *key)
{
	for (size_t i = 0; i < f->nr; i++)
		if (strcmp(f->settings[i].key, key) == 0)
			return &f->settings[i];
	return NULL;
}
