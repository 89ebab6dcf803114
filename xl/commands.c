// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From words to a command's function and from its error to an exit code. The only place that knows
 * global options, opens the context and prints errors. What the commands do stands in cmd_*.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "xl/xl.h"

#define COMMAND(name) extern const struct xl_command cmd_##name;
#include "xl/commands.def"
#undef COMMAND

static const struct xl_command *const commands[] = {
#define COMMAND(name) &cmd_##name,
#include "xl/commands.def"
#undef COMMAND
};

const struct xl_command *xl_command_at(size_t i)
{
	return i < array_size(commands) ? commands[i] : NULL;
}

const struct xl_command *xl_command_find(const char *word)
{
	const struct xl_command *found = NULL;

	if (!*word)
		return NULL;
	for (size_t i = 0; i < array_size(commands); i++) {
		if (strcmp(commands[i]->name, word) == 0)
			return commands[i];
		if (str_starts(commands[i]->name, word)) {
			if (found)
				return NULL;
			found = commands[i];
		}
	}
	return found;
}

/* --- speaking --------------------------------------------------------------------------------- */

static void stamp(struct xl *xl)
{
	struct timespec now;
	struct tm tm;
	char text[40];

	if (!xl->has_timestamps)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	if (!localtime_r(&now.tv_sec, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %Z", &tm))
		return;
	fprintf(xl->note, "%s [%d] ", text, (int)getpid());
}

void xl_note(struct xl *xl, const char *fmt, ...)
{
	va_list ap;
	autofree char *text = NULL;

	va_start(ap, fmt);
	text = str_vprintf(fmt, ap);
	va_end(ap);
	stamp(xl);
	print_text(xl->note, text, 0);
	putc('\n', xl->note);
}

void xl_warn(void *arg, const char *where, const char *message)
{
	struct xl_warnings *w = arg;

	w->nr++;
	stamp(w->xl);
	/* The message shows the offending line and a caret, so it keeps its newlines. */
	fprintf(w->xl->note, "%s: warning: %s%s", where, message,
		str_ends(message, "\n") ? "" : "\n");
}

int xl_config_load(struct xl *xl, const struct vmm_config_source *src, bool quiet,
		   struct vmm_config **cfg, struct err *err)
{
	struct xl_warnings warnings = { xl, 0 };
	struct vmm_config_source shown = *src;

	free(xl->excerpt);
	xl->excerpt = NULL;
	shown.excerpt = &xl->excerpt;
	if (!quiet && !shown.warn) {
		shown.warn = xl_warn;
		shown.warn_arg = &warnings;
	}
	if (vmm_config_load(&shown, cfg, err) < 0)
		return -1;
	if (vmm_config_apply_defaults(*cfg, &xl->defaults, err) == 0)
		return 0;
	vmm_config_free(steal(*cfg));
	return -1;
}

static void conf_warn(void *arg, const char *message)
{
	xl_note(arg, "xl: %s", message);
}

struct vmm_create_options xl_create_options(const struct xl *xl)
{
	return (struct vmm_create_options){
		.default_pool_mask = xl->conf.vm_hvm_cpumask ? xl->conf.vm_hvm_cpumask : xl->conf.vm_cpumask,
		.random_domid = xl->conf.random_domid,
		.autoballoon = xl->conf.autoballoon,
		.no_claim = !xl->conf.claim_mode,
		.lock_path = xl->conf.lockfile,
	};
}

int xl_usage(struct err *err, const char *fmt, ...)
{
	va_list ap;
	autofree char *text = NULL;

	va_start(ap, fmt);
	text = str_vprintf(fmt, ap);
	va_end(ap);
	return err_set(err, XL_EUSAGE, "%s", text);
}

/* -v shows the steps, -vv hypercalls too, -vvv every store request as well. */
static void show_trace(void *arg, char kind, const char *line)
{
	struct xl *xl = arg;
	uint64_t us = (time_ns() - xl->start_ns) / 1000;

	if (xl->verbosity < (kind == 'h' ? 2 : 3))
		return;
	stamp(xl);
	fprintf(xl->note, "%4" PRIu64 ".%06" PRIu64 " %c ", us / 1000000, us % 1000000, kind);
	print_text(xl->note, line, 0);
	putc('\n', xl->note);
}

static void show_step(void *arg, const char *step)
{
	struct xl *xl = arg;

	stamp(xl);
	print_text(xl->note, step, xl->has_returns ? -78 : 0);
	putc(xl->has_returns ? '\r' : '\n', xl->note);
}

/* --- interruption ----------------------------------------------------------------------------- */

static volatile int interrupted;

static void on_interrupt(int signo)
{
	interrupted = signo;
}

int xl_interrupted(void)
{
	return interrupted;
}

void xl_catch_interrupts(struct xl *xl)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_interrupt };

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < array_size(signals); i++) {
		struct sigaction old;

		/* What the caller ignores (nohup) stays ignored. */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	}
	vmm_set_interrupt(xl->vmm, &interrupted);
}

/* --- domains ---------------------------------------------------------------------------------- */

int xl_domain(struct xl *xl, const char *id_or_name, uint32_t *domid, struct err *err)
{
	return vmm_domain_find(xl->vmm, id_or_name, domid, err);
}

char *xl_domain_name(struct xl *xl, uint32_t domid)
{
	struct err err = ERR_INIT;
	char *name = NULL;

	if (vmm_domain_name(xl->vmm, domid, &name, &err) < 0)
		return xstrdup("(null)");
	return name;
}

/* --- running ---------------------------------------------------------------------------------- */

/* Leading global options; *next is the first word that is none. 0, or -1 with err. */
static int global_options(struct xl *xl, int argc, char **argv, int *next, bool *wants_help,
			  struct err *err)
{
	for (*next = 1; *next < argc && argv[*next][0] == '-'; (*next)++) {
		const char *word = argv[*next];

		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			*wants_help = true;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			(*next)++;
			return 0;
		}
		for (const char *c = word + 1; *c; c++) {
			switch (*c) {
			case 'v':
				xl->verbosity++;
				break;
			case 'f':	/* accepted as upstream does; nothing depends on it */
				break;
			case 't':
				xl->has_returns = true;
				break;
			case 'T':
				xl->has_timestamps = true;
				break;
			case 'N':
				xl->dry_run = true;
				break;
			default:
				return xl_usage(err, "unknown global option '-%c'", *c);
			}
		}
		if (!word[1])
			return xl_usage(err, "unknown command '-'");
	}
	return 0;
}

static int check_operands(const struct xl_command *cmd, int nr, char **args, struct err *err)
{
	if (nr < cmd->min)
		return xl_usage(err, "'xl %s' requires at least %d argument%s.", cmd->name,
				cmd->min, cmd->min == 1 ? "" : "s");
	if (cmd->max != XL_ANY && nr > cmd->max)
		return xl_usage(err, "'xl %s' takes %d argument%s at most, so what is '%s'?",
				cmd->name, cmd->max, cmd->max == 1 ? "" : "s", args[cmd->max]);
	return 0;
}

static int open_vmm(struct xl *xl, struct err *err)
{
	if (vmm_open(&xl->vmm, err) < 0)
		return -1;
	vmm_set_defaults(xl->vmm, &xl->defaults);
	if (xl->verbosity >= 1)
		vmm_set_progress(xl->vmm, show_step, xl);
	if (xl->verbosity >= 2)
		vmm_set_trace(xl->vmm, show_trace, xl);
	return 0;
}

/* argv: the words behind the command's name, argc of them, with room for a NULL. */
static int run(struct xl *xl, const struct xl_command *cmd, int argc, char **argv, struct err *err)
{
	autofree void *opts = xcalloc(1, cmd->opts_size);
	struct xl_common_opts common = { false, false };
	int nr = 0;

	xl->command = cmd;
	if (xl_opts_parse(cmd->options, cmd->flags & XL_PRINTS, argc, argv, opts, &common, &nr,
			  err) < 0)
		return -1;
	if (common.help) {
		xl_print_usage(xl->out, cmd);
		return 0;
	}
	xl->as_json = common.json;
	if (xl->dry_run && !(cmd->flags & XL_DRY_RUN))
		return err_set(err, EINVAL, "command does not implement -N (dryrun) option");
	if (check_operands(cmd, nr, argv, err) < 0)
		return -1;
	if (!(cmd->flags & XL_NO_XEN) && open_vmm(xl, err) < 0)
		return -1;
	return cmd->run(xl, opts, argv, err);
}

static int find_and_run(struct xl *xl, int argc, char **argv, struct err *err)
{
	const struct xl_command *cmd;
	bool wants_help = false;
	int next;

	if (global_options(xl, argc, argv, &next, &wants_help, err) < 0)
		return -1;
	if (wants_help) {
		xl_print_commands(xl->out);
		return 0;
	}
	if (next >= argc) {
		xl_print_commands(xl->note);
		return err_set(err, EINVAL, "no command given");
	}
	cmd = xl_command_find(argv[next]);
	if (!cmd)
		return err_set(err, ENOSYS, "'%s': command not implemented", argv[next]);
	return run(xl, cmd, argc - next - 1, argv + next + 1, err);
}

int xl_main(int argc, char **argv, const char *conf_path, FILE *out, FILE *note)
{
	struct xl xl = { .out = out, .note = note, .start_ns = time_ns() };
	struct err err = ERR_INIT;
	int status = 0;

	interrupted = 0;
	xl_conf_load(&xl.conf, conf_path, conf_warn, &xl);
	xl.defaults = (struct vmm_defaults){
		xl.conf.vif_script,
		xl.conf.vif_bridge,
		xl.conf.vif_gatewaydev,
		xl.conf.vif_backend,
		(int32_t)xl.conf.max_grant_frames,
		(int32_t)xl.conf.max_maptrack_frames,
		(int32_t)xl.conf.max_grant_version,
	};
	if (find_and_run(&xl, argc, argv, &err) < 0) {
		fflush(out);
		xl_note(&xl, "xl: %s", err.msg);
		if (xl.excerpt)
			fputs(xl.excerpt, note);
		if (err.code == XL_EUSAGE && xl.command) {
			putc('\n', note);
			xl_print_usage(note, xl.command);
		}
		status = err.code == XL_EUSAGE ? 2 : 1;
	}
	if (fflush(out) < 0 || ferror(out)) {
		xl_note(&xl, "xl: writing to standard output: %s", strerror(errno));
		status = status ? status : 1;
	}
	free(xl.excerpt);
	vmm_close(xl.vmm);
	xl_conf_free(&xl.conf);
	return status;
}
