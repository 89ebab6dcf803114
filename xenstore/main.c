// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * One program, many names: xenstore-read, -write, -ls, … by link, `xenstore read` and so on as
 * words. Finds the command, reads its options by its row, wraps it in a transaction where it needs
 * one, prints what broke.
 */
#include "xenstore/commands.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/num.h"

static const struct command *const commands[] = {
	&cmd_chmod, &cmd_exists, &cmd_list, &cmd_ls, &cmd_read, &cmd_rm, &cmd_watch, &cmd_write,
};

static const struct option long_options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "flat", no_argument, NULL, 'f' },
	{ "prefix", no_argument, NULL, 'p' },
	{ "tidy", no_argument, NULL, 't' },
	{ "upto", no_argument, NULL, 'u' },
	{ "recurse", no_argument, NULL, 'r' },
	{ "number", required_argument, NULL, 'n' },
	{ "raw", no_argument, NULL, 'R' },
	{ NULL, 0, NULL, 0 },
};

void warn_user(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int usage(const struct command *cmd, bool by_word, const char *program)
{
	warn_user("Usage: %s %s%s%s", program, by_word ? cmd->name : "", by_word ? " " : "",
		  cmd->usage);
	return 1;
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < array_size(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* False: the usage is wanted. Letters that getopt itself refuses have been reported and are passed
 * over, as in stock. */
static bool read_options(const struct command *cmd, struct run *run, bool *socket_only, int argc,
			 char **argv)
{
	uint64_t nr_events;
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "hfspturn:R", long_options, NULL)) != -1) {
		if (c == 'h' || (c != '?' && c != 's' && !strchr(cmd->options, c)))
			return false;
		switch (c) {
		case 'f':
			run->flat = true;
			break;
		case 'p':
			run->prefix = true;
			break;
		case 's':
			*socket_only = true;
			break;
		case 't':
			run->tidy = true;
			break;
		case 'u':
			run->upto = true;
			break;
		case 'r':
			run->recurse = true;
			break;
		case 'n':
			if (num_dec(optarg, INT_MAX, "-n", &nr_events, &err) < 0)
				return false;
			run->nr_events = (int)nr_events;
			break;
		case 'R':
			run->raw = true;
			break;
		}
	}
	run->args = argv + optind;
	run->nr_args = argc - optind;
	return true;
}

static int start_transaction(struct run *run, struct err *err)
{
	struct xs_reply reply;

	if (xs_client_call(run->client, XS_TRANSACTION_START, 0, "", "", 0, &reply, err) < 0)
		return -1;
	run->tx = (uint32_t)strtoul(reply.data, NULL, 10);
	if (reply.error || run->tx == 0)
		return err_set(err, reply.error, "couldn't start transaction");
	return 0;
}

/* 1: it has to be done again. */
static int end_transaction(struct run *run, int code, struct err *err)
{
	struct xs_reply reply;

	if (xs_client_call(run->client, XS_TRANSACTION_END, run->tx, code ? "F" : "T", "", 0,
			   &reply, err) < 0)
		return -1;
	if (!reply.error)
		return 0;
	if (code == 0 && reply.error == EAGAIN)
		return 1;
	return err_set(err, reply.error, "couldn't end transaction");
}

/* The exit code, or -1. */
static int perform(const struct command *cmd, struct run *run, struct err *err)
{
	if (!cmd->transaction || !cmd->transaction(run))
		return cmd->run(run, err);
	for (;;) {
		if (start_transaction(run, err) < 0)
			return -1;
		int code = cmd->run(run, err);

		if (code < 0)
			return -1;
		int again = end_transaction(run, code, err);

		if (again <= 0)
			return again < 0 ? -1 : code;
		run->out.len = 0;
	}
}

static int run_command(const struct command *cmd, struct run *run, bool socket_only)
{
	__attribute__((cleanup(xs_client_autoclose))) struct xs_client *client = NULL;
	autostrbuf struct strbuf out = STRBUF_INIT;
	struct err err = ERR_INIT;
	int code;

	if (xs_client_open(&client, socket_only, &err) < 0) {
		warn_user("xs_open: %s", strerror(err.code));
		return 1;
	}
	run->client = client;
	code = perform(cmd, run, &err);
	if (code < 0)
		warn_user("%s", err.msg);
	else if (run->out.len > 0)
		fwrite(run->out.data, 1, run->out.len, stdout);
	out = run->out;	/* freed on the way out */
	if (fflush(stdout) != 0 && code == 0) {
		warn_user("standard output: %s", strerror(errno));
		return 1;
	}
	return code < 0 ? 1 : code;
}

int main(int argc, char **argv)
{
	const char *name = program_invocation_short_name;
	bool by_word = strncmp(name, "xenstore-", 9) != 0, socket_only = false;
	struct run run = { .nr_events = -1 };

	if (by_word && argc < 2) {
		warn_user("Usage: %s <mode> [-h] [...]", argv[0]);
		return 1;
	}
	name = by_word ? argv[1] : name + 9;
	if (strcmp(name, "control") == 0)
		return control_main(argc - by_word, argv + by_word);
	const struct command *cmd = find(name);

	if (!cmd) {
		warn_user("unknown mode %s", name);
		return 1;
	}
	if (!read_options(cmd, &run, &socket_only, argc - by_word, argv + by_word) ||
	    (run.nr_args == 0 && cmd != &cmd_ls) || (cmd == &cmd_write && run.nr_args % 2))
		return usage(cmd, by_word, argv[0]);
	return run_command(cmd, &run, socket_only);
}
