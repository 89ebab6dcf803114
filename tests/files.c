// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Files that tests read, make and remove. Does not know what is in them.
 */
#include "tests/files.h"

#include <stdarg.h>
#include <sys/stat.h>
#include "base/file.h"
#include "tests/test.h"

static printf_like(1, 0) char *below_source(const char *fmt, va_list ap)
{
	const char *dir = getenv("srcdir");
	autofree char *name = str_vprintf(fmt, ap);

	return str_printf("%s/%s", dir ? dir : ".", name);
}

char *source_path(const char *fmt, ...)
{
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = below_source(fmt, ap);
	va_end(ap);
	return path;
}

char *source_file(const char *fmt, ...)
{
	struct err err = ERR_INIT;
	autofree char *path = NULL;
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	path = below_source(fmt, ap);
	va_end(ap);
	ck_ok(file_read(path, 1 << 20, &text, NULL, &err), &err);
	return text;
}

char *script_make(const char *dir, const char *name, const char *body)
{
	struct err err = ERR_INIT;
	char *path = str_printf("%s/%s", dir, name);
	autofree char *text = str_printf("#!/bin/sh\n%s\n", body);

	ck_ok(file_write_atomic(path, text, strlen(text), 0755, &err), &err);
	ck_assert_int_eq(chmod(path, 0755), 0);
	return path;
}

void folder_remove(const char *dir)
{
	autofree char *command = str_printf("rm -r %s", dir);

	ck_assert_int_eq(system(command), 0);
}
