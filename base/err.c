/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error value. Knows how to write one line into a fixed buffer from arguments that may point
 * into that same buffer. Does not print, does not allocate, does not know errno's texts: the place
 * that failed says what failed.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"

#undef err_set
#undef err_wrap
#undef err_append

/* All formatting goes through a second buffer: an argument may be err->msg itself. */
struct line {
	char s[sizeof(((struct err *)0)->msg)];
};

static void printf_like(2, 0) line_format(struct line *l, const char *fmt, va_list ap)
{
	if (vsnprintf(l->s, sizeof(l->s), fmt, ap) < 0)
		l->s[0] = '\0';
	str_printable(l->s);
}

/* "A SEP B" into err->msg. Of a pair that does not fit, A loses its end first, down to a third of
 * the room: the cause stands behind. */
static void join(struct err *err, const char *a, const char *sep, const char *b)
{
	const size_t room = sizeof(err->msg) - 1 - strlen(sep);
	size_t len_a = strlen(a), len_b = strlen(b);
	struct line l;

	if (len_a + len_b > room && len_a > room / 3)
		len_a = len_b < room - room / 3 ? room - len_b : room / 3;
	snprintf(l.s, sizeof(l.s), "%.*s%s%.*s", (int)len_a, a, sep, (int)(room - len_a), b);
	memcpy(err->msg, l.s, sizeof(err->msg));
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	struct line l;
	va_list ap;

	va_start(ap, fmt);
	line_format(&l, fmt, ap);
	va_end(ap);
	err->code = code ? code : EIO;
	memcpy(err->msg, l.s, sizeof(err->msg));
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	struct line l;
	va_list ap;

	va_start(ap, fmt);
	line_format(&l, fmt, ap);
	va_end(ap);
	join(err, l.s, ": ", err->msg);
	return -1;
}

int err_append(struct err *err, const char *fmt, ...)
{
	struct line l;
	va_list ap;

	va_start(ap, fmt);
	line_format(&l, fmt, ap);
	va_end(ap);
	join(err, err->msg, "; ", l.s);
	return -1;
}

void err_clear(struct err *err)
{
	err->code = 0;
	err->msg[0] = '\0';
}
