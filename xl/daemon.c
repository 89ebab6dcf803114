/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Going into the background, such that whoever started the daemon learns whether it came up. It
 * does not know what the daemon does. */
#include "xl/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static int ready_fd = -1;

void daemon_tell_ready(void)
{
	if (ready_fd < 0)
		return;
	if (write(ready_fd, "", 1) < 0)
		log_warn("nobody waits for the start: %s", strerror(errno));
	close(ready_fd);
	ready_fd = -1;
}

void daemon_silence(void)
{
	if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		log_warn("/dev/null: %s", strerror(errno));
}

int daemon_start(struct err *err)
{
	int fds[2], null;
	pid_t pid;
	char c;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_set(err, errno, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		close(fds[0]);
		close(fds[1]);
		return err_set(err, errno, "fork: %s", strerror(errno));
	}
	if (pid > 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) == 1 ? 0 : 1);
	}
	close(fds[0]);
	ready_fd = fds[1];
	setsid();
	if (chdir("/") < 0)
		return err_set(err, errno, "/: %s", strerror(errno));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return err_set(err, errno, "/dev/null: %s", strerror(errno));
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) {
		err_set(err, errno, "/dev/null: %s", strerror(errno));
		close(null);
		return -1;
	}
	if (null > STDERR_FILENO)
		close(null);
	return 0;
}
