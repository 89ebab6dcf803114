/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_FILES_H
#define TESTS_FILES_H

#include "base/str.h"

/* Files of tests: those of the source tree they compare with, and those they make and remove. A
 * failure ends the test. Strings are the caller's. */

/* A path from the top of the source tree, wherever the build is. */
char *source_path(const char *fmt, ...) printf_like(1, 2);
/* What that file holds. */
char *source_file(const char *fmt, ...) printf_like(1, 2);

/* An executable shell script in the folder; its path. */
char *script_make(const char *dir, const char *name, const char *body);

/* The folder with all that is in it. */
void folder_remove(const char *dir);

#endif
