/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The daemon of a driver domain: what is served and how is libvmm's (vmm_devd_run); this gives it a
 * process, a log and an end. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include "base/file.h"
#include "base/log.h"
#include "xl/daemon.h"
#include "xl/xl.h"

#define DEVD_LOG XEN_LOG_DIR "/xldevd.log"
#define DEVD_PID_FILE XEN_RUN_DIR "/xldevd.pid"		/* two of them would connect everything twice */

struct devd_opts {
	bool foreground;
	const char *pid_file;
};

static const struct xl_option devd_options[] = {
	OPT_BOOL('F', "foreground", struct devd_opts, foreground, "Stay in the foreground, log to standard error"),
	OPT_STR('p', "pidfile", struct devd_opts, pid_file, "FILE", "Lock and write this pid file (" DEVD_PID_FILE ")"),
	OPT_END
};

static xl_run_fn devd;

const struct xl_command cmd_devd = {
	.name = "devd", .args = "[options]", .summary = "Serve devices from this driver domain to other domains",
	.options = devd_options, .opts_size = sizeof(struct devd_opts), .min = 0, .max = 0, .run = devd,
};

static void devd_ready(void *arg)
{
	const bool *is_in_background = arg;

	if (*is_in_background)
		daemon_silence();
	daemon_tell_ready();
}

static void devd_log(void *arg, bool is_error, const char *message)
{
	(void)arg;
	if (is_error)
		log_error("%s", message);
	else
		log_info("%s", message);
}

/* Readable when it is time to end. */
static int open_stop(int *fd, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_set(err, errno, "sigprocmask: %s", strerror(errno));
	*fd = signalfd(-1, &set, SFD_CLOEXEC);
	return *fd < 0 ? err_set(err, errno, "signalfd: %s", strerror(errno)) : 0;
}

static int devd(struct xl *xl, const void *opts, char **args, struct err *err)
{
	static const struct vmm_devd_ops ops = { devd_ready, devd_log };
	const struct devd_opts *o = opts;
	bool is_in_background = !o->foreground;
	autoclose int lock = -1, stop = -1;

	(void)args;
	log_to_stderr("xl devd");
	if (is_in_background && daemon_start(err) < 0)
		return -1;
	if (file_mkdirs(XEN_RUN_DIR, 0755, err) < 0 ||
	    file_pidfile(o->pid_file != NULL ? o->pid_file : DEVD_PID_FILE, &lock, err) < 0)
		return -1;
	if (is_in_background &&
	    (file_mkdirs(XEN_LOG_DIR, 0755, err) < 0 || log_to_file("xl devd", DEVD_LOG, err) < 0))
		return -1;
	if (open_stop(&stop, err) < 0 ||
	    vmm_devd_run(xl->vmm, stop, &ops, &is_in_background, err) < 0) {
		if (is_in_background)
			log_error("%s", err->msg);
		return -1;
	}
	return 0;
}
