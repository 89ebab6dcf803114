// SPDX-License-Identifier: LGPL-2.1-or-later
/* console: the words of the command; carrying the bytes is xl/console.c's. */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "xl/console.h"
#include "xl/xl.h"

struct console_opts {
	const char *type, *escape;
	struct xl_num num;
};

static const struct xl_option console_options[] = {
	OPT_STR('t', NULL, struct console_opts, type, "TYPE", "pv (the default) or vuart"),
	OPT_NUM('n', NULL, struct console_opts, num, 0, 255, "NUMBER", "Which of the domain's consoles, from 0"),
	OPT_STR('e', NULL, struct console_opts, escape, "CHARACTER",
		"What leaves the console: ^X for control-X (^] without this option)"),
	OPT_END
};

static xl_run_fn console;

const struct xl_command cmd_console = {
	.name = "console", .args = "[options] <Domain>", .summary = "Attach to a domain's console",
	.options = console_options, .opts_size = sizeof(struct console_opts),
	.min = 1, .max = 1, .run = console,
};

static int parse_type(const char *word, enum vmm_console_type *type, struct err *err)
{
	if (!word || strcmp(word, "pv") == 0)
		*type = VMM_CONSOLE_PV;
	else if (strcmp(word, "vuart") == 0)
		*type = VMM_CONSOLE_VUART;
	else if (strcmp(word, "serial") == 0)
		return err_set(err, ENOTSUP, "console type 'serial' is an emulated x86 device; use pv or vuart");
	else
		return xl_usage(err, "console type '%s' is neither pv nor vuart", word);
	return 0;
}

static int parse_escape(const char *word, unsigned char *escape, struct err *err)
{
	*escape = XL_CONSOLE_ESCAPE;
	if (!word)
		return 0;
	if (word[0] == '^' && word[1] && !word[2])
		*escape = (unsigned char)toupper((unsigned char)word[1]) ^ 0x40;
	else if (word[0] && !word[1])
		*escape = (unsigned char)word[0];
	else
		return xl_usage(err, "escape character '%s' is neither one character nor ^X", word);
	return 0;
}

static int console(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct console_opts *o = opts;
	struct xl_console_options options = { .num = o->num.is_set ? (unsigned)o->num.v : 0 };
	struct xl_console *c;
	uint32_t domid;
	int ret;

	if (parse_type(o->type, &options.type, err) < 0 || parse_escape(o->escape, &options.escape, err) < 0 ||
	    xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	if (domid == 0)
		return err_set(err, EINVAL, "domain 0 is where you are: it has no console to attach to");
	if (xl_console_open(xl, domid, &options, &c, err) < 0)
		return -1;
	ret = xl_console_run(c, err);
	xl_console_close(c);
	return ret;
}
