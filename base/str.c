/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Strings: formatted, compared, trimmed, collected, and the nearest word to a misspelt one. Bytes
 * are bytes: no locale, no encoding. Does not parse numbers (num.c).
 */
#include "base/str.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

char *str_vprintf(const char *fmt, va_list ap)
{
	struct strbuf b = STRBUF_INIT;
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		len = 0;
	b.data = xmalloc((size_t)len + 1);
	b.data[0] = '\0';
	vsnprintf(b.data, (size_t)len + 1, fmt, ap);
	return b.data;
}

char *str_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = str_vprintf(fmt, ap);
	va_end(ap);
	return s;
}

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t len = strlen(s), tail = strlen(suffix);

	return len >= tail && memcmp(s + len - tail, suffix, tail) == 0;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

char *str_trim(char *s)
{
	size_t len;

	while (is_blank(*s))
		s++;
	len = strlen(s);
	while (len > 0 && is_blank(s[len - 1]))
		len--;
	s[len] = '\0';
	return s;
}

void str_printable(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == '\x7f')
			*s = '?';
}

/* Longer words are no keywords of ours: not worth comparing. */
#define NEAREST_MAX 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, substitutions and swaps of neighbours that turn a into b (the restricted
 * Damerau-Levenshtein distance). Both at most NEAREST_MAX long. */
static unsigned edit_distance(const char *a, size_t len_a, const char *b, size_t len_b)
{
	unsigned rows[3][NEAREST_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2], *spare;

	for (size_t j = 0; j <= len_b; j++)
		last[j] = (unsigned)j;
	memcpy(before, last, sizeof(rows[0]));
	for (size_t i = 1; i <= len_a; i++) {
		now[0] = (unsigned)i;
		for (size_t j = 1; j <= len_b; j++) {
			unsigned differs = a[i - 1] != b[j - 1];

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + differs);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[len_b];
}

const char *str_nearest(const char *word, const char *(*next)(size_t *cursor, void *arg), void *arg)
{
	const size_t len = strlen(word);
	unsigned best_distance = len < 3 ? 2 : (unsigned)len / 3 + 1;
	const char *best = NULL, *candidate;
	size_t cursor = 0;

	if (len == 0 || len > NEAREST_MAX)
		return NULL;
	while ((candidate = next(&cursor, arg))) {
		size_t candidate_len = strlen(candidate);
		unsigned distance;

		if (candidate_len > NEAREST_MAX)
			continue;
		distance = edit_distance(word, len, candidate, candidate_len);
		/* As many edits as the candidate has letters is another word, not an error. */
		if (distance < best_distance && distance < candidate_len) {
			best_distance = distance;
			best = candidate;
		}
	}
	return best;
}

/* Room for `more` bytes and the NUL. */
static void strbuf_grow(struct strbuf *b, size_t more)
{
	size_t need, size;

	if (__builtin_add_overflow(b->len, more, &need) || need >= SIZE_MAX / 2)
		need = SIZE_MAX / 2; /* no allocator has that: xreallocarray gives up */
	if (need + 1 <= b->size)
		return;
	size = b->size ? b->size : 64;
	while (size < need + 1)
		size *= 2;
	b->data = xreallocarray(b->data, size, 1);
	b->size = size;
}

void strbuf_addn(struct strbuf *b, const void *p, size_t n)
{
	strbuf_grow(b, n);
	if (n > 0)
		memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void strbuf_add(struct strbuf *b, const char *s)
{
	strbuf_addn(b, s, strlen(s));
}

void strbuf_addc(struct strbuf *b, char c)
{
	strbuf_addn(b, &c, 1);
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	strbuf_grow(b, (size_t)len);
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)len;
}

char *strbuf_steal(struct strbuf *b)
{
	char *s = b->data ? b->data : xstrdup("");

	*b = (struct strbuf)STRBUF_INIT;
	return s;
}

void strbuf_free(struct strbuf *b)
{
	free(b->data);
	*b = (struct strbuf)STRBUF_INIT;
}

/* How many slots a list of n strings has: a power of two with room for the NULL. */
static size_t strlist_slots(size_t n)
{
	size_t slots = 4;

	while (slots < n + 1)
		slots *= 2;
	return slots;
}

void strlist_take(struct strlist *l, char *take_s)
{
	size_t slots = strlist_slots(l->n + 1);

	if (!l->v || slots != strlist_slots(l->n))
		l->v = xreallocarray(l->v, slots, sizeof(*l->v));
	l->v[l->n++] = take_s;
	l->v[l->n] = NULL;
}

void strlist_add(struct strlist *l, const char *s)
{
	strlist_take(l, xstrdup(s));
}

void strlist_split(struct strlist *l, const char *s, const char *separators)
{
	for (;;) {
		size_t len = strcspn(s, separators);

		strlist_take(l, xstrndup(s, len));
		if (!s[len])
			return;
		s += len + 1;
	}
}

bool strlist_has(const struct strlist *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], s) == 0)
			return true;
	return false;
}

void strlist_free(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strlist)STRLIST_INIT;
}

char *str_base64(const void *data, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *in = data;
	struct strbuf b = STRBUF_INIT;

	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)in[i] << 16;
		char out[4];

		if (n > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (n > 2)
			v |= in[i + 2];
		for (unsigned k = 0; k < 4; k++)
			out[k] = k <= n ? digits[v >> (18 - 6 * k) & 63] : '=';
		strbuf_addn(&b, out, sizeof(out));
	}
	return strbuf_steal(&b);
}
