/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_XL_H
#define XL_XL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/err.h"
#include "base/mem.h"
#include "libvmm/libvmm.h"
#include "xl/conf.h"
#include "xl/opts.h"
#include "xl/print.h"

/*
 * A command is one row above its function; commands.def lists the rows once. The function gets its
 * options parsed, its operands counted and the context open. It prints through xl->out and xl_note
 * and returns its error: it never touches argv, exit() or stderr.
 */

struct xl {
	struct vmm *vmm;	/* NULL for commands with XL_NO_XEN */
	struct xl_conf conf;
	struct vmm_defaults defaults;	/* from it */
	const struct xl_command *command;
	FILE *out, *note;	/* standard output, standard error */
	bool dry_run;		/* -N */
	bool as_json;		/* --json */
	bool has_timestamps;	/* -T */
	bool has_returns;	/* -t: progress overwrites itself */
	unsigned verbosity;	/* -v... */
	uint64_t start_ns;	/* when the command began, by the monotonic clock */
	char *excerpt; /* the line of a configuration that the error is about, and a caret; owned,
			  may be NULL */
};

typedef int xl_run_fn(struct xl *xl, const void *opts, char **args, struct err *err);

enum xl_command_flags {
	XL_NO_XEN = 1 << 0,	/* works on any machine */
	XL_DRY_RUN = 1 << 1,	/* understands -N */
	XL_MODIFIES = 1 << 2,	/* help shows -f */
	XL_PRINTS = 1 << 3,	/* understands --json */
};
#define XL_ANY (-1)

struct xl_command {
	const char *name, *args, *summary;
	const struct xl_option *options;
	size_t opts_size;
	int min, max;			/* operands; XL_ANY: no limit */
	unsigned flags;
	xl_run_fn *run;
};

/* The rows in help's order; NULL at the end. */
const struct xl_command *xl_command_at(size_t i);
/* Exact match, else the only command that begins so, else NULL. */
const struct xl_command *xl_command_find(const char *word);

/* The whole program but for process-wide set-up: parse, run, report. Returns the exit code: 0 done,
 * 1 failed, 2 usage. */
int xl_main(int argc, char **argv, const char *conf_path, FILE *out, FILE *note);

/* Usage of one command, as `xl help COMMAND` prints it. */
void xl_print_usage(FILE *f, const struct xl_command *cmd);
void xl_print_commands(FILE *f);

/* One line on standard error: what is being done, or a warning. Control characters become '?'. */
void xl_note(struct xl *xl, const char *fmt, ...) printf_like(2, 3);
/* vmm_warn_fn; arg is a struct xl_warnings. */
struct xl_warnings {
	struct xl *xl;
	unsigned nr;
};
void xl_warn(void *arg, const char *where, const char *message);

/* vmm_config_load with its warnings shown, and the line an error is about kept for below the error.
 * `quiet`: no warnings. */
int xl_config_load(struct xl *xl, const struct vmm_config_source *src, bool quiet,
		   struct vmm_config **cfg, struct err *err) must_check;

/* What the administrator wants of every domain that is created. */
struct vmm_create_options xl_create_options(const struct xl *xl);

/* A command line that is wrong: exit code 2 and the usage. Returns -1. */
int xl_usage(struct err *err, const char *fmt, ...) printf_like(2, 3);

/* Operand to domid. */
int xl_domain(struct xl *xl, const char *id_or_name, uint32_t *domid, struct err *err) must_check;
/* The domain's name for a message or a row: "(null)" where it has none. Yours to free. */
char *xl_domain_name(struct xl *xl, uint32_t domid);

/* Warn when the vcpus of the domain's pool are promised more time than it has pcpus (rtds only). */
void xl_warn_rtds_load(struct xl *xl, uint32_t domid);

/* One creation, or one change of where domains run, at a time on a host; upstream's xl takes the
 * same lock. Close it to let go. */
int xl_lock(struct xl *xl, int *lock, struct err *err) must_check;

/* SIGINT and SIGTERM end the work under way in an orderly manner (libvmm undoes it) from here
 * on. */
void xl_catch_interrupts(struct xl *xl);
/* Which of them came; 0: none. */
int xl_interrupted(void);

#endif
