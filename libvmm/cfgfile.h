/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_CFGFILE_H
#define LIBVMM_CFGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

/*
 * The language of xl.cfg files: text in, a list of settings out, each value with its place in the
 * text.
 *
 *	file     = { [ setting ] ( newline | ";" ) } [ setting ]
 *	setting  = name ( "=" | "+=" ) value
 *	value    = "string" | 'string' | number | list
 *	list     = "[" [ value { "," value } [ "," ] ] "]"	newlines are free inside
 *	name     = letter or "_", then letters, digits, "_" and "."
 *	number   = digit, then digits and letters (its value is judged by whoever asks for it)
 *	comment  = "#" to the end of the line
 *
 * In strings \\ \' \" \a \b \f \n \r \t \v \xHH and \OOO are understood, as upstream does. A key
 * set again replaces the earlier value; += joins strings with strings and lists with lists.
 *
 * Limits: CFGFILE_MAX_BYTES of text, CFGFILE_MAX_DEPTH nested lists. Time and memory are linear in
 * the text.
 */
#define CFGFILE_MAX_BYTES (4u << 20)
#define CFGFILE_MAX_DEPTH 8u

/* A text that was parsed. Borrowed by every place in it. */
struct cfg_source {
	char *name;	/* for messages: a path, or "command line" */
	char *text;
	size_t len;
};

struct cfg_place {
	const struct cfg_source *source;
	size_t offset;	/* of a byte in the text; may be the end of it */
};

enum cfg_type { CFG_STRING, CFG_NUMBER, CFG_LIST };

struct cfg_value {
	enum cfg_type type;
	struct cfg_place place;
	char *text;			/* CFG_STRING: without quotes; CFG_NUMBER: as written */
	struct cfg_value *items;	/* CFG_LIST */
	size_t nr;
};

struct cfg_setting {
	char *key;
	struct cfg_place place;
	struct cfg_value value;
	bool is_override;		/* set on the command line */
	bool is_replaced;		/* an earlier value of the same source was thrown away */
};

struct cfgfile {
	struct cfg_source **sources;
	size_t nr_sources;
	struct cfg_setting *settings;	/* one a key, in order of first appearance */
	size_t nr;
	size_t room;			/* private */
};
#define CFGFILE_INIT { NULL, 0, NULL, 0, 0 }

/* Parse `text` on top of what is there. On failure *at is the place, and err names it as
 * file:line:column. */
int cfgfile_parse(struct cfgfile *f, const char *name, const char *text, size_t len,
		  bool is_override, struct cfg_place *at, struct err *err) must_check;
void cfgfile_free(struct cfgfile *f);	/* idempotent */
#define autocfgfile __attribute__((cleanup(cfgfile_free)))

/* NULL when it is not set. */
const struct cfg_setting *cfgfile_find(const struct cfgfile *f, const char *key);

/* "file:line:column", yours to free. */
char *cfg_place_str(const struct cfg_place *at);
/* The line at that place and a caret below it, each ending in a newline, long lines cut around the
 * caret; yours to free. */
char *cfg_place_excerpt(const struct cfg_place *at);

/* "a string", "a number", "a list". */
const char *cfg_type_str(enum cfg_type type);

#endif
