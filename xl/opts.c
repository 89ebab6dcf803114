// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Command lines against tables of options. Knows the tables' format and nothing of any command. Not
 * getopt_long, because that prints by itself and keeps its state in globals.
 */
#include <string.h>
#include "base/num.h"
#include "base/str.h"
#include "xl/opts.h"

struct parser {
	const struct xl_option *options;
	int argc, next;		/* words, and the first one not looked at */
	char **argv;
	char *out;
	struct xl_common_opts *common;
	bool has_json;
};

static const struct xl_option common_options[] = {
	OPT_BOOL('h', "help", struct xl_common_opts, help, ""),
	OPT_BOOL(0, "json", struct xl_common_opts, json, ""),
	OPT_END
};

static const struct xl_option *find_letter(const struct xl_option *o, char letter)
{
	for (; o && o->kind != XL_OPT_END; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

/* Exact match, else the only one that begins so. *nr counts those that begin so. */
static const struct xl_option *find_name(const struct xl_option *o, const char *name, size_t len,
					 unsigned *nr)
{
	const struct xl_option *found = NULL;

	for (; o && o->kind != XL_OPT_END; o++) {
		if (!o->name || strncmp(o->name, name, len) != 0)
			continue;
		if (!o->name[len]) {
			*nr = 1;
			return o;
		}
		found = o;
		(*nr)++;
	}
	return found;
}

static bool takes_argument(const struct xl_option *o)
{
	return o->kind == XL_OPT_STR || o->kind == XL_OPT_NUM || o->kind == XL_OPT_LIST;
}

/* "-p" or "--paused", for messages. */
static const char *spell(const struct xl_option *o, bool is_long, char *buf, size_t size)
{
	if (is_long)
		snprintf(buf, size, "--%s", o->name);
	else
		snprintf(buf, size, "-%c", o->letter);
	return buf;
}

static int add_word(struct xl_words *words, const char *value, const char *spelt, struct err *err)
{
	if (words->n == XL_WORDS_MAX)
		return err_set(err, XL_EUSAGE, "%s was given more than %d times", spelt,
			       XL_WORDS_MAX);
	words->v[words->n++] = value;
	return 0;
}

static int store(const struct xl_option *o, void *base, const char *value, const char *spelt,
		 struct err *err)
{
	void *member = (char *)base + o->offset;
	struct xl_num *num = member;

	switch (o->kind) {
	case XL_OPT_BOOL:
		*(bool *)member = true;
		return 0;
	case XL_OPT_COUNT:
		(*(unsigned *)member)++;
		return 0;
	case XL_OPT_STR:
		*(const char **)member = value;
		return 0;
	case XL_OPT_NUM:
		num->is_set = true;
		if (num_i64(value, o->min, o->max, spelt, &num->v, err) < 0) {
			err->code = XL_EUSAGE;
			return -1;
		}
		return 0;
	case XL_OPT_LIST:
		return add_word(member, value, spelt, err);
	case XL_OPT_END:
		break;
	}
	return err_set(err, XL_EUSAGE, "%s: not an option", spelt);
}

static int take(struct parser *p, const struct xl_option *o, bool is_common, bool is_long,
		const char *value, struct err *err)
{
	char spelt[40];

	spell(o, is_long, spelt, sizeof(spelt));
	if (takes_argument(o) && !value) {
		if (p->next == p->argc)
			return err_set(err, XL_EUSAGE, "option '%s' needs an argument: %s", spelt,
				       o->arg);
		value = p->argv[p->next++];
	} else if (!takes_argument(o) && value && is_long) {
		return err_set(err, XL_EUSAGE, "option '%s' takes no argument", spelt);
	}
	return store(o, is_common ? (void *)p->common : p->out, value, spelt, err);
}

static int take_long(struct parser *p, const char *word, struct err *err)
{
	const char *eq = strchr(word, '=');
	size_t len = eq ? (size_t)(eq - word) : strlen(word);
	unsigned nr = 0, nr_common = 0;
	const struct xl_option *o = find_name(p->options, word, len, &nr);
	const struct xl_option *c = find_name(common_options, word, len, &nr_common);

	if (c && strcmp(c->name, "json") == 0 && !p->has_json)
		nr_common = 0;
	if (nr > 1 || (nr == 1 && nr_common && o->name[len]))
		return err_set(err, XL_EUSAGE, "option '--%s' is ambiguous", word);
	if (nr == 1)
		return take(p, o, false, true, eq ? eq + 1 : NULL, err);
	if (nr_common == 1)
		return take(p, c, true, true, eq ? eq + 1 : NULL, err);
	return err_set(err, XL_EUSAGE, "unknown option '--%s'", word);
}

static int take_letters(struct parser *p, const char *letters, struct err *err)
{
	for (; *letters; letters++) {
		const struct xl_option *o = find_letter(p->options, *letters);
		bool is_common = false;

		if (!o) {
			o = find_letter(common_options, *letters);
			is_common = true;
		}
		if (!o)
			return err_set(err, XL_EUSAGE, "unknown option '-%c'", *letters);
		if (takes_argument(o))
			return take(p, o, is_common, false, letters[1] ? letters + 1 : NULL, err);
		if (take(p, o, is_common, false, NULL, err) < 0)
			return -1;
	}
	return 0;
}

int xl_opts_parse(const struct xl_option *options, bool has_json, int argc, char **argv, void *out,
		  struct xl_common_opts *common, int *nr_operands, struct err *err)
{
	struct parser p = { options, argc, 0, argv, out, common, has_json };
	bool only_operands = false;
	int n = 0;

	while (p.next < argc) {
		char *word = argv[p.next++];

		if (only_operands || word[0] != '-' || !word[1]) {
			argv[n++] = word;
		} else if (strcmp(word, "--") == 0) {
			only_operands = true;
		} else if (word[1] == '-') {
			if (take_long(&p, word + 2, err) < 0)
				return -1;
		} else if (take_letters(&p, word + 1, err) < 0) {
			return -1;
		}
	}
	argv[n] = NULL;
	*nr_operands = n;
	return 0;
}
