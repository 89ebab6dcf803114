/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_OPTS_H
#define XL_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * Options and operands by table. A command declares a struct with one member an option and an array
 * of rows that name letter, long name and member; parsing fills a zeroed struct. The macros refuse,
 * at compile time, a member of another type than the option's.
 *
 * Options and operands may be mixed, "--" ends the options, letters can be joined ("-ww",
 * "-fFILE"), a long name may be cut short as long as it stays unambiguous.
 */

enum xl_option_kind {
	XL_OPT_END,
	XL_OPT_BOOL,	/* bool: set */
	XL_OPT_COUNT,	/* unsigned: how often it was given */
	XL_OPT_STR,	/* const char *: the last one given; NULL without */
	XL_OPT_NUM,	/* int64_t within min..max; `is_set` of xl_num says whether it was given */
	XL_OPT_LIST,	/* struct xl_words: each one given, in order */
};

struct xl_num { bool is_set; int64_t v; };

#define XL_WORDS_MAX 256
struct xl_words { unsigned n; const char *v[XL_WORDS_MAX]; };

struct xl_option {
	enum xl_option_kind kind;
	char letter;		/* 0: long name only */
	const char *name;	/* NULL: letter only */
	const char *arg;	/* what the argument is called in help; NULL for BOOL and COUNT */
	const char *help;
	size_t offset;
	int64_t min, max;
};

#define XL_MEMBER(type, member, wanted) _Generic(((type *)NULL)->member, wanted: offsetof(type, member))

#define OPT_BOOL(l, n, type, member, h) \
	{ XL_OPT_BOOL, l, n, NULL, h, XL_MEMBER(type, member, bool), 0, 0 }
#define OPT_COUNT(l, n, type, member, h) \
	{ XL_OPT_COUNT, l, n, NULL, h, XL_MEMBER(type, member, unsigned), 0, 0 }
#define OPT_STR(l, n, type, member, a, h) \
	{ XL_OPT_STR, l, n, a, h, XL_MEMBER(type, member, const char *), 0, 0 }
#define OPT_NUM(l, n, type, member, lo, hi, a, h) \
	{ XL_OPT_NUM, l, n, a, h, XL_MEMBER(type, member, struct xl_num), lo, hi }
#define OPT_LIST(l, n, type, member, a, h) \
	{ XL_OPT_LIST, l, n, a, h, XL_MEMBER(type, member, struct xl_words), 0, 0 }
#define OPT_END { .kind = XL_OPT_END }

/* err.code of a command line that is wrong: main prints the usage behind the message and exits
 * with 2. */
#define XL_EUSAGE 4242

/* What every command understands. */
struct xl_common_opts {
	bool help, json;
};

/* Parse argv[0..argc-1] (the words behind the command's name). Operands are moved to the front of
 * argv, NULL-terminated (argv has room for it), and counted in *nr_operands. `options` may be NULL.
 * `has_json` says whether --json is known. Failures have XL_EUSAGE. */
int xl_opts_parse(const struct xl_option *options, bool has_json, int argc, char **argv, void *out,
		  struct xl_common_opts *common, int *nr_operands, struct err *err) must_check;

#endif
