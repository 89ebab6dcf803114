/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Allocations that fail on demand, by the linker's --wrap (TEST_WRAP in tests.am holds the same
 * names). Knows how many allocations there were; does not know who made them.
 */
#include "tests/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"

static bool armed, fired;
static enum fault_kind kind;
static unsigned nr_calls, fail_at;

void fault_arm(unsigned nth, enum fault_kind how)
{
	kind = how;
	fail_at = nth;
	nr_calls = 0;
	fired = false;
	armed = true;
}

bool fault_disarm(void)
{
	armed = false;
	return fired;
}

unsigned fault_count(void)
{
	return nr_calls;
}

static bool must_fail(void)
{
	if (!armed)
		return false;
	nr_calls++;
	if (nr_calls < fail_at || (nr_calls > fail_at && kind == FAULT_TRANSIENT))
		return false;
	fired = true;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
int __real_vasprintf(char **out, const char *fmt, va_list ap);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_vasprintf(char **out, const char *fmt, va_list ap) printf_like(2, 0);
int __wrap_asprintf(char **out, const char *fmt, ...) printf_like(2, 3);

void *__wrap_malloc(size_t size)
{
	return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return must_fail() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return must_fail() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return must_fail() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return must_fail() ? NULL : __real_strndup(s, n);
}

int __wrap_vasprintf(char **out, const char *fmt, va_list ap)
{
	return must_fail() ? -1 : __real_vasprintf(out, fmt, ap);
}

int __wrap_asprintf(char **out, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = __wrap_vasprintf(out, fmt, ap);
	va_end(ap);
	return n;
}
