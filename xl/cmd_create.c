// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * create and check: a configuration from a file, standard input or the command line to a running
 * domain, or only to an opinion about it. The configuration's language and the building are
 * libvmm's.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include "base/file.h"
#include "base/str.h"
#include "xl/console.h"
#include "xl/monitor.h"
#include "xl/monitor_act.h"
#include "xl/xl.h"

struct create_opts {
	bool console, debug, no_monitor, foreground, dry_run, paused, quiet, strict, timing;
	bool vnc, vnc_autopass, ignore_masks;
	const char *defconfig;
};

static const struct xl_option create_options[] = {
	OPT_BOOL('c', NULL, struct create_opts, console, "Connect to the console"),
	OPT_BOOL('d', NULL, struct create_opts, debug, "Print the configuration before building the domain"),
	OPT_BOOL('e', NULL, struct create_opts, no_monitor, "Do not stay behind to carry out on_reboot and the like"),
	OPT_BOOL('F', NULL, struct create_opts, foreground, "Stay in the foreground until the domain is gone"),
	OPT_STR('f', "defconfig", struct create_opts, defconfig, "FILE", "Use this configuration"),
	OPT_BOOL('n', "dryrun", struct create_opts, dry_run, "Print the configuration as JSON and create nothing"),
	OPT_BOOL('p', NULL, struct create_opts, paused, "Leave the domain paused"),
	OPT_BOOL('q', "quiet", struct create_opts, quiet, "Say nothing but errors"),
	OPT_BOOL(0, "strict", struct create_opts, strict, "Every warning about the configuration is an error"),
	OPT_BOOL(0, "timing", struct create_opts, timing, "Print where the time went"),
	OPT_BOOL('V', "vncviewer", struct create_opts, vnc, "Accepted; there is no display to look at on Arm"),
	OPT_BOOL('A', "vncviewer-autopass", struct create_opts, vnc_autopass, "Accepted, like -V"),
	OPT_BOOL(0, "ignore-global-affinity-masks", struct create_opts, ignore_masks,
		 "Do not apply vm.cpumask of xl.conf"),
	OPT_END
};

static xl_run_fn create;

const struct xl_command cmd_create = {
	.name = "create", .args = "<ConfigFile> [options] [vars]",
	.summary = "Create a domain from a configuration file",
	.options = create_options, .opts_size = sizeof(struct create_opts),
	.min = 0, .max = XL_ANY, .flags = XL_DRY_RUN | XL_MODIFIES, .run = create,
};

/* --- --timing --------------------------------------------------------------------------------- */

#define MAX_PHASES 64

struct phase {
	char *name;
	uint64_t start_ns;
};

struct timing {
	struct xl *xl;
	struct phase phases[MAX_PHASES];
	size_t nr;
};

static void begin_phase(void *arg, const char *step)
{
	struct timing *t = arg;

	if (t->xl->verbosity)
		xl_note(t->xl, "%s", step);
	if (t->nr == MAX_PHASES)
		return;
	t->phases[t->nr].name = xstrdup(step);
	t->phases[t->nr++].start_ns = time_ns();
}

static void print_timing(struct timing *t)
{
	uint64_t end = time_ns(), calls, requests;
	struct rusage usage;
	FILE *f = t->xl->out;

	vmm_counts(t->xl->vmm, &calls, &requests);
	for (size_t i = 0; i < t->nr; i++) {
		uint64_t until = i + 1 < t->nr ? t->phases[i + 1].start_ns : end;

		print_text(f, t->phases[i].name, -60);
		fprintf(f, " %9.3f ms\n", (double)(until - t->phases[i].start_ns) / 1e6);
	}
	fprintf(f, "%-60s %9.3f ms\n", "total", (double)(end - t->xl->start_ns) / 1e6);
	fprintf(f, "hypercalls %" PRIu64 ", store requests %" PRIu64, calls, requests);
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		fprintf(f, ", peak memory %ld KiB", usage.ru_maxrss);
	putc('\n', f);
}

static void timing_free(struct timing *t)
{
	for (size_t i = 0; i < t->nr; i++)
		free(t->phases[i].name);
	t->nr = 0;
}
#define autotiming __attribute__((cleanup(timing_free)))

/* --- the configuration ------------------------------------------------------------------------ */

static void config_freep(struct vmm_config **cfg)
{
	vmm_config_free(*cfg);
}
#define autoconfigp __attribute__((cleanup(config_freep)))

/* The first operand is the file unless it is a setting; the rest are settings. */
static int find_source(struct xl *xl, const struct create_opts *o, char **args,
		       struct vmm_config_source *src, struct err *err)
{
	const char *path = o->defconfig;

	if (args[0] && !strchr(args[0], '=')) {
		if (path)
			return xl_usage(err, "both '%s' and -f %s: which is the configuration?",
					args[0], path);
		path = *args++;
	}
	for (char **a = args; *a; a++)
		if (!strchr(*a, '='))
			return xl_usage(err, "'%s' is neither a configuration file nor key=value",
					*a);
	if (!path && !args[0])
		return xl_usage(err, "'xl %s' requires a configuration file or key=value settings",
				xl->command->name);
	src->path = path ? path : "command line";
	src->text = path ? NULL : "";
	src->overrides = (const char *const *)args;
	return 0;
}

static int load(struct xl *xl, const struct create_opts *o, char **args, struct vmm_config **cfg,
		struct err *err)
{
	struct vmm_config_source src = { .strict = o->strict };

	if (find_source(xl, o, args, &src, err) < 0)
		return -1;
	if (!o->quiet && !src.text)
		xl_note(xl, "Parsing config from %s", src.path);
	return xl_config_load(xl, &src, o->quiet, cfg, err);
}

static int print_config(struct xl *xl, const struct vmm_config *cfg, struct err *err)
{
	autofree char *json = NULL;
	struct jsonw j;

	if (vmm_config_to_json(cfg, &json, err) < 0)
		return -1;
	jsonw_begin(&j, xl->out);
	jsonw_object(&j, NULL);
	jsonw_str(&j, "domid", NULL);
	jsonw_raw(&j, "config", json);
	jsonw_close(&j);
	jsonw_end(&j);
	return 0;
}

/* --- building --------------------------------------------------------------------------------- */

int xl_lock(struct xl *xl, int *lock, struct err *err)
{
	const char *path = xl->conf.lockfile;

	return file_mkdirs_of(path, 0755, err) < 0 ? -1 : file_lock(path, -1, lock, err);
}

/* Before the guest runs: one that dies at its first instruction must be looked after too. */
static int look_after(void *arg, uint32_t domid, struct err *err)
{
	struct xl *xl = arg;
	struct err why = ERR_INIT;

	if (monitor_adopt(xl->vmm, domid, err) < 0)
		return -1;
	/* The guest is as good without; a supervisor that starts later takes it up. */
	if (monitor_ensure(&why) < 0)
		xl_note(xl, "xl: warning: %s", why.msg);
	return 0;
}

static int build(struct xl *xl, const struct create_opts *o, struct vmm_config *cfg,
		 uint32_t *domid, struct err *err)
{
	struct vmm_create_options options = xl_create_options(xl);

	/* The console is attached before the guest says its first word. */
	options.paused = o->paused || o->console;
	options.ignore_global_affinity = o->ignore_masks;
	options.before_unpause = o->no_monitor || o->foreground ? NULL : look_after;
	options.arg = xl;

	return vmm_domain_create(xl->vmm, cfg, &options, domid, err);
}

/* The console, then what the guest does there. The domain stays when the console fails. */
static int watch_it(struct xl *xl, const struct create_opts *o, uint32_t domid, struct err *err)
{
	struct xl_console_options console = { .type = VMM_CONSOLE_PV, .escape = XL_CONSOLE_ESCAPE };
	struct xl_console *c = NULL;
	int ret;

	if (o->console && xl_console_open(xl, domid, &console, &c, err) < 0)
		return -1;
	if (o->console && !o->paused && vmm_domain_unpause(xl->vmm, domid, err) < 0) {
		xl_console_close(c);
		return -1;
	}
	ret = c ? xl_console_run(c, err) : 0;
	xl_console_close(c);
	return ret;
}

static int create(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct create_opts *o = opts;
	autoconfigp struct vmm_config *cfg = NULL;
	autotiming struct timing timing = { .xl = xl };
	uint32_t domid;

	if (o->timing)
		vmm_set_progress(xl->vmm, begin_phase, &timing);
	begin_phase(&timing, "reading the configuration");
	if (load(xl, o, args, &cfg, err) < 0)
		return -1;
	if (xl->dry_run || o->dry_run)
		return o->quiet ? 0 : print_config(xl, cfg, err);
	if (o->debug && print_config(xl, cfg, err) < 0)
		return -1;
	xl_catch_interrupts(xl);
	if (build(xl, o, cfg, &domid, err) < 0)
		return -1;
	vmm_set_interrupt(xl->vmm, NULL);
	if (!o->quiet)
		xl_warn_rtds_load(xl, domid);
	if (o->timing)
		print_timing(&timing);
	if (watch_it(xl, o, domid, err) < 0)
		return -1;
	return o->foreground ? monitor_one(xl, domid, err) : 0;
}

/* --- config-update ---------------------------------------------------------------------------- */

static const struct xl_option update_options[] = {
	OPT_BOOL('d', NULL, struct create_opts, debug, "Print the configuration"),
	OPT_STR('f', "defconfig", struct create_opts, defconfig, "FILE", "Use this configuration"),
	OPT_END
};

static xl_run_fn config_update;

const struct xl_command cmd_config_update = {
	.name = "config-update", .args = "<Domain> <ConfigFile> [options] [vars]",
	.summary = "Give a running domain the configuration it gets when it next reboots",
	.options = update_options, .opts_size = sizeof(struct create_opts),
	.min = 1, .max = XL_ANY, .flags = XL_DRY_RUN | XL_MODIFIES, .run = config_update,
};

static int config_update(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct create_opts *o = opts;
	autoconfigp struct vmm_config *cfg = NULL;
	uint32_t domid;

	if (xl_domain(xl, args[0], &domid, err) < 0)
		return -1;
	xl_note(xl, "WARNING: xl now has better capability to manage domain configuration, avoid "
		    "using this command when possible");
	if (load(xl, o, args + 1, &cfg, err) < 0)
		return -1;
	if ((o->debug || xl->dry_run) && print_config(xl, cfg, err) < 0)
		return -1;
	if (xl->dry_run)
		return 0;
	xl_note(xl, "setting dom%" PRIu32 " configuration", domid);
	return vmm_domain_config_set_next(xl->vmm, domid, cfg, err);
}

/* --- check ------------------------------------------------------------------------------------ */

struct check_opts {
	bool is_static;
	const char *board;
};

static const struct xl_option check_options[] = {
	OPT_BOOL('s', "static", struct check_opts, is_static,
		 "All of them together: memory, devices, interrupts given twice, pcpus shared"),
	OPT_STR('b', "board", struct check_opts, board, "FILE",
		"With --static: the board's device tree (.dtb), to tell what is given to nobody"),
	OPT_END
};

static xl_run_fn check;

const struct xl_command cmd_check = {
	.name = "check", .args = "[options] FILE...",
	.summary = "Check configurations without creating anything; needs no Xen",
	.options = check_options, .opts_size = sizeof(struct check_opts),
	.min = 1, .max = XL_ANY, .flags = XL_NO_XEN, .run = check,
};

static void show_finding(void *arg, bool is_conflict, const char *line)
{
	struct xl *xl = arg;

	print_text(xl->out, is_conflict ? "conflict: " : "", 0);
	print_text(xl->out, line, 0);
	putc('\n', xl->out);
}

/* Every file is looked at, also after one was found wrong: cfgs[i] stays NULL then. */
static unsigned load_all(struct xl *xl, char **paths, struct vmm_config **cfgs)
{
	unsigned nr_bad = 0;

	for (size_t i = 0; paths[i]; i++) {
		struct xl_warnings warnings = { xl, 0 };
		struct vmm_config_source src = { .path = paths[i],
						 .warn = xl_warn,
						 .warn_arg = &warnings };
		struct err one = ERR_INIT;

		if (xl_config_load(xl, &src, false, &cfgs[i], &one) < 0) {
			xl_note(xl, "xl: %s", one.msg);
			if (xl->excerpt)
				fputs(xl->excerpt, xl->note);
			free(xl->excerpt);
			xl->excerpt = NULL;
		}
		if (one.code || warnings.nr)
			nr_bad++;
	}
	return nr_bad;
}

static int check(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct check_opts *o = opts;
	unsigned nr_bad, nr_conflicts = 0;
	struct vmm_config **cfgs;
	size_t nr = 0;
	int ret = 0;

	if (o->board && !o->is_static)
		return xl_usage(err, "--board goes with --static");
	while (args[nr])
		nr++;
	cfgs = xcalloc(nr, sizeof(struct vmm_config *));
	nr_bad = load_all(xl, args, cfgs);
	/* A file with a warning still says what it wants; one that could not be read says
	 * nothing. */
	for (size_t i = 0; i < nr; i++)
		if (!cfgs[i])
			nr_conflicts = 1;
	if (o->is_static && !nr_conflicts)
		ret = vmm_check_static(cfgs, nr, o->board, show_finding, xl, &nr_conflicts, err);
	for (size_t i = 0; i < nr; i++)
		vmm_config_free(cfgs[i]);
	free(cfgs);
	if (ret < 0)
		return -1;
	if (nr_bad)
		return err_set(err, EINVAL, "%u of %zu configurations need attention", nr_bad, nr);
	return nr_conflicts
		       ? err_set(err, EBUSY, "%u things were given to two guests", nr_conflicts)
		       : 0;
}
