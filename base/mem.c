/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Allocation that does not return without memory, and the cleanup functions behind the auto*
 * attributes. Knows one hook to run before it gives up; does not know what the hook undoes.
 */
#include "base/mem.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static void (*oom_hook)(void *arg);
static void *oom_arg;

void mem_on_oom(void (*hook)(void *arg), void *arg)
{
	oom_hook = hook;
	oom_arg = arg;
}

static _Noreturn void out_of_memory(size_t size)
{
	void (*hook)(void *arg) = oom_hook;

	/* The hook may run out of memory as well: it is run once. */
	oom_hook = NULL;
	if (hook)
		hook(oom_arg);
	fprintf(stderr, "out of memory: no %zu bytes to be had\n", size);
	exit(1);
}

void mem_autofree(void *pp)
{
	void *p;
	int saved_errno = errno;

	memcpy(&p, pp, sizeof(p));
	free(p);
	errno = saved_errno;
}

void mem_autoclose(const int *fd)
{
	int saved_errno = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved_errno;
}

void mem_autofclose(FILE **f)
{
	int saved_errno = errno;

	if (*f)
		fclose(*f);
	errno = saved_errno;
}

void *xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		out_of_memory(size);
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = n && size ? calloc(n, size) : calloc(1, 1);

	if (!p)
		out_of_memory(size && n > SIZE_MAX / size ? SIZE_MAX : n * size);
	return p;
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		out_of_memory(SIZE_MAX);
	p = realloc(p, bytes ? bytes : 1);
	if (!p)
		out_of_memory(bytes);
	return p;
}

char *xstrdup(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(xmalloc(size), s, size);
}

char *xstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = memcpy(xmalloc(len + 1), s, len);

	copy[len] = '\0';
	return copy;
}
