// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * xenconsoled: options, becoming a daemon, signals. What it does is in the other files.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/privs.h"
#include "xenconsoled/guests.h"
#include "xenconsoled/hvlog.h"

struct arguments {
	struct consoled_options opt;
	const char *pid_file;
	bool is_interactive, is_verbose, no_filter;
};

enum {
	OPT_LOG = 256,
	OPT_LOG_DIR,
	OPT_PID_FILE,
	OPT_REPLACE_ESCAPE,
	OPT_LOG_MAX,
	OPT_HISTORY,
	OPT_NO_SECCOMP
};

static const struct option options[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "interactive", no_argument, NULL, 'i' },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "log-dir", required_argument, NULL, OPT_LOG_DIR },
	{ "pid-file", required_argument, NULL, OPT_PID_FILE },
	{ "timestamp", required_argument, NULL, 't' },
	{ "overflow-data", required_argument, NULL, 'o' },
	{ "replace-escape", no_argument, NULL, OPT_REPLACE_ESCAPE },
	{ "log-max", required_argument, NULL, OPT_LOG_MAX },
	{ "history", required_argument, NULL, OPT_HISTORY },
	{ "no-seccomp", no_argument, NULL, OPT_NO_SECCOMP },
	{ NULL, 0, NULL, 0 },
};

static const char usage_text[] =
	"Usage: xenconsoled [options]\n"
	"  -i, --interactive             stay in the foreground, messages to stderr\n"
	"      --log=none|guest|hv|all   which consoles are logged (none)\n"
	"      --log-dir=DIR             where (" XEN_LOG_DIR "/console)\n"
	"      --log-max=SIZE            bytes a log may have before it becomes FILE.1; 0: any "
	"(4m)\n"
	"  -t, --timestamp=none|guest|hv|all\n"
	"                                which logs have the time in front of each line (none)\n"
	"      --replace-escape          '.' for escape characters in guests' logs\n"
	"  -o, --overflow-data=discard|keep\n"
	"                                when nobody reads a console: lose the oldest, or let the "
	"guest wait (discard)\n"
	"      --history=SIZE            how much of each guest's last output is kept (32k)\n"
	"      --no-seccomp              do not filter system calls\n"
	"      --pid-file=FILE           (" XEN_RUN_DIR "/xenconsoled.pid)\n"
	"  -v, --verbose  -V, --version  -h, --help\n";

/* none, guest, hv or all, as two flags. */
static int parse_which(const char *what, const char *word, bool *guest, bool *hv, struct err *err)
{
	static const char *const words[] = { "none", "guest", "hv", "all" };

	for (unsigned i = 0; i < array_size(words); i++) {
		if (strcmp(word, words[i]) != 0)
			continue;
		*guest = i & 1;
		*hv = i & 2;
		return 0;
	}
	return err_set(err, EINVAL, "--%s: '%s' is not one of none, guest, hv, all", what, word);
}

static int parse_overflow(const char *word, bool *keeps, struct err *err)
{
	*keeps = strcmp(word, "keep") == 0;
	if (!*keeps && strcmp(word, "discard") != 0)
		return err_set(err, EINVAL, "--overflow-data: '%s' is neither discard nor keep",
			       word);
	return 0;
}

static int parse_history(const char *word, size_t *limit, struct err *err)
{
	uint64_t bytes;

	if (num_size(word, 'b', "--history", &bytes, err) < 0)
		return -1;
	if (bytes < 2 * RING_OUT_SIZE || bytes > 16u << 20)
		return err_set(err, ERANGE, "--history: %s is out of range (4k to 16m)", word);
	*limit = (size_t)bytes;
	return 0;
}

/* 0: go on; 1: done; -1: err. */
static int parse_one(int option, struct arguments *a, struct err *err)
{
	struct consoled_options *o = &a->opt;

	switch (option) {
	case 'h':
		fputs(usage_text, stdout);
		return 1;
	case 'V':
		printf("xenconsoled (libvmm) %s\n", PACKAGE_VERSION);
		return 1;
	case 'v':
		a->is_verbose = true;
		return 0;
	case 'i':
		a->is_interactive = true;
		return 0;
	case OPT_LOG:
		return parse_which("log", optarg, &o->logs_guests, &o->logs_hv, err);
	case 't':
		return parse_which("timestamp", optarg, &o->stamps_guests, &o->stamps_hv, err);
	case 'o':
		return parse_overflow(optarg, &o->keeps_overflow, err);
	case OPT_LOG_DIR:
		o->log_dir = optarg;
		return 0;
	case OPT_PID_FILE:
		a->pid_file = optarg;
		return 0;
	case OPT_REPLACE_ESCAPE:
		o->replaces_escape = true;
		return 0;
	case OPT_LOG_MAX:
		return num_size(optarg, 'b', "--log-max", &o->log_max, err);
	case OPT_HISTORY:
		return parse_history(optarg, &o->history_limit, err);
	case OPT_NO_SECCOMP:
		a->no_filter = true;
		return 0;
	default:
		return err_set(err, EINVAL, "see xenconsoled --help");
	}
}

/* Into the background; what is returned is where to say that all is well. The parent waits for it,
 * and is gone. */
static int become_daemon(int *ready, struct err *err)
{
	int fds[2], null;
	char c;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		return err_set(err, errno, "starting the daemon: %s", strerror(errno));
	if (pid > 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 1 ? 0 : 1);
	}
	close(fds[0]);
	setsid();
	if (chdir("/") < 0)
		return err_set(err, errno, "/: %s", strerror(errno));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return err_set(err, errno, "/dev/null: %s", strerror(errno));
	if (null > STDERR_FILENO)
		close(null);
	*ready = fds[1];
	return 0;
}

static void say_ready(int *ready)
{
	if (*ready < 0)
		return;
	dup2(STDOUT_FILENO, STDERR_FILENO);
	if (write(*ready, "", 1) != 1)
		log_warn("nobody waited for this daemon");
	close(*ready);
	*ready = -1;
}

/* --- running ---------------------------------------------------------------------------------- */

struct service {
	struct consoled d;
	struct guests guests;
	struct hvlog hvlog;
	struct ev_signal term, interrupt, hup;
};

static struct service service = { .hvlog = HVLOG_INIT };

static void on_stop(struct ev_signal *sig)
{
	ev_stop(service.d.ev);
}

static void on_hup(struct ev_signal *sig)
{
	log_reopen();
	guests_reopen_logs(&service.guests);
	conlog_reopen(&service.hvlog.log);
}

static void on_hv(struct guests *g)
{
	hvlog_event(&service.hvlog);
}

static int start(struct service *s, const struct arguments *a, struct err *err)
{
	s->d.opt = &a->opt;
	list_init(&s->d.lingering);
	s->d.ports = hash_new();
	if (!s->d.ports)
		return err_set(err, ENOMEM, "no memory");
	s->d.ev = ev_new(err);
	s->term = (struct ev_signal){ .signo = SIGTERM, .fn = on_stop };
	s->interrupt = (struct ev_signal){ .signo = SIGINT, .fn = on_stop };
	s->hup = (struct ev_signal){ .signo = SIGHUP, .fn = on_hup };
	if (!s->d.ev || ev_signal_add(s->d.ev, &s->term, err) < 0 ||
	    ev_signal_add(s->d.ev, &s->interrupt, err) < 0 ||
	    ev_signal_add(s->d.ev, &s->hup, err) < 0 || xen_open(&s->d.xen, err) < 0 ||
	    guests_init(&s->guests, &s->d, err) < 0)
		return -1;
	if (a->opt.logs_hv) {
		if (hvlog_open(&s->hvlog, &s->d, err) < 0)
			return -1;
		s->guests.hv_port = s->hvlog.port;
		s->guests.on_hv = on_hv;
	}
	return 0;
}

/*
 * Xen's devices and the pid file are open. Root's user id stays: terminals, sockets, logs and, when
 * it was restarted, the store are root's to open.
 */
static int give_up_privileges(const struct arguments *a, struct err *err)
{
	const struct privs p = { .no_filter = a->no_filter };

	return privs_drop(&p, err);
}

static int run(const struct arguments *a, int *ready, struct err *err)
{
	int pid_fd = -1;

	if (a->pid_file[0] && file_pidfile(a->pid_file, &pid_fd, err) < 0)
		return -1;
	if ((a->opt.logs_guests || a->opt.logs_hv) && file_mkdirs(a->opt.log_dir, 0755, err) < 0)
		return -1;
	if (start(&service, a, err) < 0)
		return -1;
	if (!a->is_interactive)
		log_to_syslog("xenconsoled");
	if (give_up_privileges(a, err) < 0)
		return -1;
	say_ready(ready);
	return ev_run(service.d.ev, err);
}

int main(int argc, char **argv)
{
	static struct arguments a = {
		.opt = { .log_dir = XEN_LOG_DIR "/console", .tail_dir = XEN_RUN_DIR "/console",
			 .log_max = 4u << 20, .history_limit = HISTORY_LIMIT },
		.pid_file = XEN_RUN_DIR "/xenconsoled.pid",
	};
	struct err err = ERR_INIT;
	int option, r, ready = -1;

	while ((option = getopt_long(argc, argv, "hVvit:o:", options, NULL)) >= 0) {
		r = parse_one(option, &a, &err);
		if (r > 0)
			return 0;
		if (r < 0) {
			fprintf(stderr, "xenconsoled: %s\n", err.msg);
			return 1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "xenconsoled: '%s': there is nothing to name here\n", argv[optind]);
		return 1;
	}
	log_to_stderr("xenconsoled");
	log_set_level(a.is_verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if ((!a.is_interactive && become_daemon(&ready, &err) < 0) || run(&a, &ready, &err) < 0) {
		log_error("%s", err.msg);
		return 1;
	}
	return 0;
}
