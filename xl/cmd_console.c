// SPDX-License-Identifier: LGPL-2.1-or-later
/* console: the words of the command; carrying the bytes is xl/console.c's. */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "xl/console.h"
#include "xl/xl.h"

struct console_opts {
	const char *type, *escape;
	struct xl_num num;
	bool reconnects, last;
};

static const struct xl_option console_options[] = {
	OPT_STR('t', NULL, struct console_opts, type, "TYPE", "pv (the default) or vuart"),
	OPT_NUM('n', NULL, struct console_opts, num, 0, 255, "NUMBER", "Which of the domain's consoles, from 0 (the one it uses as its own)"),
	OPT_STR('e', NULL, struct console_opts, escape, "CHARACTER",
		"What leaves the console: ^X for control-X (^] without this option)"),
	OPT_BOOL('r', "reconnect", struct console_opts, reconnects, "Wait for the domain to come back, and attach again"),
	OPT_BOOL(0, "last", struct console_opts, last, "Show what a domain of this name printed last before it was gone"),
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
		return err_set(err, ENOTSUP,
			       "console type 'serial' is an emulated x86 device; use pv or vuart");
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

static int choose_number(struct xl *xl, uint32_t domid, const struct console_opts *o,
			 struct xl_console_options *options, struct err *err)
{
	if (o->num.is_set || options->type != VMM_CONSOLE_PV)
		return 0;
	return vmm_console_number(xl->vmm, domid, &options->num, err);
}

static int show_last(struct xl *xl, const char *name, struct err *err)
{
	autofree char *text = NULL;
	size_t len;

	if (vmm_console_last(xl->vmm, name, &text, &len, err) < 0)
		return -1;
	fwrite(text, 1, len, xl->out);
	if (len && text[len - 1] != '\n')
		fputc('\n', xl->out);
	return 0;
}

/* Until the console ends; *is_cut: not by us. */
static int attach(struct xl *xl, uint32_t domid, const struct xl_console_options *options,
		  bool *is_cut, struct err *err)
{
	struct xl_console *c;
	int ret;

	*is_cut = false;
	if (xl_console_open(xl, domid, options, &c, err) < 0)
		return -1;
	ret = xl_console_run(c, err);
	*is_cut = xl_console_is_cut(c);
	xl_console_close(c);
	return ret;
}

/* A guest that reboots is another domain of that name; a xenconsoled that was restarted has another
 * terminal. */
static int attach_again(struct xl *xl, const char *name, const struct console_opts *o,
			struct xl_console_options *options, struct err *err)
{
	struct pollfd p = { .events = POLLIN };
	bool is_cut = true, changed;
	uint32_t domid;

	if (vmm_events_open(xl->vmm, &p.fd, err) < 0)
		return -1;
	while (is_cut && !xl_interrupted()) {
		err_clear(err);
		options->num = o->num.is_set ? (unsigned)o->num.v : 0;
		if (vmm_domain_find(xl->vmm, name, &domid, err) == 0 &&
		    choose_number(xl, domid, o, options, err) == 0 &&
		    attach(xl, domid, options, &is_cut, err) == 0)
			continue;
		is_cut = true;
		/* Its nodes come one after the other: look again, at the next event or soon. */
		if (poll(&p, 1, 200) > 0 && vmm_events_read(xl->vmm, &changed, err) < 0)
			return -1;
	}
	return 0;
}

static int console(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct console_opts *o = opts;
	struct xl_console_options options = { .num = o->num.is_set ? (unsigned)o->num.v : 0 };
	autofree char *name = NULL;
	uint32_t domid;
	bool is_cut;

	if (o->last)
		return show_last(xl, args[0], err);
	if (parse_type(o->type, &options.type, err) < 0 ||
	    parse_escape(o->escape, &options.escape, err) < 0 ||
	    xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	if (domid == 0)
		return err_set(err, EINVAL,
			       "domain 0 is where you are: it has no console to attach to");
	if (o->reconnects && vmm_domain_name(xl->vmm, domid, &name, err) < 0)
		return -1;
	if (choose_number(xl, domid, o, &options, err) < 0 ||
	    attach(xl, domid, &options, &is_cut, err) < 0)
		return -1;
	if (!is_cut || !o->reconnects)
		return 0;
	xl_note(xl, "the console of '%s' is gone; waiting for it to come back (^C ends this)",
		name);
	return attach_again(xl, name, o, &options, err);
}
