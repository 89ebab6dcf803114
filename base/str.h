/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/attr.h"
#include "base/mem.h"

/* Strings. Everything returned is yours to free; memory policy as in mem.h (exits when there is
 * none). */

char *str_printf(const char *fmt, ...) printf_like(1, 2);
char *str_vprintf(const char *fmt, va_list ap) printf_like(1, 0);

bool str_eq(const char *a, const char *b);	/* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* First and last blank removed; writes into s, returns a pointer into it. */
char *str_trim(char *s);

/* Control characters become '?', so that a hostile name cannot forge lines or move a terminal's
 * cursor. Bytes above 127 stay as they are. */
void str_printable(char *s);

/* The candidate nearest to `word` by edit distance, or NULL when none is near enough to be a likely
 * typing error (at most a third of its length, at least 1). `next` returns the candidates one by
 * one, NULL at the end; `cursor` starts at 0 and belongs to it. */
const char *str_nearest(const char *word, const char *(*next)(size_t *cursor, void *arg),
			void *arg);

/* A growing byte buffer, always NUL-terminated behind `len` when `data` is not NULL. Value type:
 * `struct strbuf b = STRBUF_INIT;`, freed by strbuf_free or handed out by strbuf_steal. */
struct strbuf {
	char *data;
	size_t len, size;
};
#define STRBUF_INIT { NULL, 0, 0 }
void strbuf_add(struct strbuf *b, const char *s);
void strbuf_addn(struct strbuf *b, const void *p, size_t n);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) printf_like(2, 3);
char *strbuf_steal(struct strbuf *b);	/* never NULL: "" when nothing was added */
void strbuf_free(struct strbuf *b);
#define autostrbuf __attribute__((cleanup(strbuf_free)))

/* A list of strings, each owned by it. Value type. */
struct strlist {
	char **v;	/* v[n] is NULL when v is not NULL */
	size_t n;
};
#define STRLIST_INIT { NULL, 0 }
void strlist_add(struct strlist *l, const char *s);
void strlist_take(struct strlist *l, char *take_s);
void strlist_split(struct strlist *l, const char *s,
		   const char *separators); /* empty words are kept */
bool strlist_has(const struct strlist *l, const char *s);
void strlist_free(struct strlist *l);
#define autostrlist __attribute__((cleanup(strlist_free)))

/* Standard base64 without line breaks; yours to free. */
char *str_base64(const void *data, size_t len);

#endif
