// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * xl monitor: the supervisor as a daemon, and starting it when it is needed. What it does is
 * monitor.c's.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "xl/daemon.h"
#include "xl/monitor.h"
#include "xl/xl.h"

static bool is_in_background;

static void daemon_ready(void)
{
	if (is_in_background) {
		log_to_syslog("xl-monitor");
		daemon_silence();
	}
	daemon_tell_ready();
}

struct monitor_opts {
	bool foreground;
	const char *pid_file;
};

static const struct xl_option monitor_options[] = {
	OPT_BOOL('F', "foreground", struct monitor_opts, foreground, "Stay in the foreground, log to standard error"),
	OPT_STR('p', "pid-file", struct monitor_opts, pid_file, "FILE", "Lock and write this pid file"),
	OPT_END
};

static xl_run_fn monitor_command;

const struct xl_command cmd_monitor = {
	.name = "monitor", .args = "", .summary = "Supervise guests: carry out what on_poweroff, on_crash and so on say",
	.options = monitor_options, .opts_size = sizeof(struct monitor_opts),
	.min = 0, .max = 0, .flags = XL_NO_XEN, .run = monitor_command,
};

static int monitor_command(struct xl *xl, const void *opts, char **args, struct err *err)
{
	const struct monitor_opts *o = opts;
	const char *pid_file = o->pid_file ? o->pid_file : MONITOR_PID_FILE;
	autoclose int lock = -1;

	(void)args;
	log_to_stderr("xl monitor");
	is_in_background = !o->foreground;
	if (is_in_background && daemon_start(err) < 0)
		return -1;
	if (file_mkdirs(XEN_RUN_DIR, 0755, err) < 0 || file_pidfile(pid_file, &lock, err) < 0)
		return err_wrap(err, "starting the supervisor");
	return monitor_host(xl, daemon_ready, err);
}

int monitor_ensure(struct err *err)
{
	int status;
	pid_t pid;

	if (file_is_locked(MONITOR_PID_FILE))
		return 0;
	pid = fork();
	if (pid < 0)
		return err_set(err, errno, "starting the supervisor: fork: %s", strerror(errno));
	if (pid == 0) {
		execl("/proc/self/exe", "xl", "monitor", (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_set(err, errno, "starting the supervisor: %s", strerror(errno));
	/* Two creates at once: the other one's supervisor is as good. */
	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || file_is_locked(MONITOR_PID_FILE)))
		return 0;
	return err_set(
		err, ECHILD,
		"the supervisor did not start: on_reboot and on_crash will not be carried out; "
		"try `xl monitor -F` to see why");
}
