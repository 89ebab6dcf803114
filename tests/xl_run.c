// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The xl program as a function, its output as strings. Knows no command.
 */
#include "tests/xl_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/str.h"
#include "xl/xl.h"

int xl_run(const char *words, const char *conf, char **out, char **note)
{
	autostrlist struct strlist argv = STRLIST_INIT;
	size_t out_size, note_size;
	autofree char **copy = NULL;
	FILE *o, *n;
	int status;

	free(*out);
	free(*note);
	o = open_memstream(out, &out_size);
	n = open_memstream(note, &note_size);
	strlist_add(&argv, "xl");
	if (*words)
		strlist_split(&argv, words, "|");
	copy = xcalloc(argv.n + 1, sizeof(*copy));
	memcpy(copy, argv.v, argv.n * sizeof(*copy));
	status = xl_main((int)argv.n, copy, conf, o, n);
	fclose(o);
	fclose(n);
	return status;
}
