// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Pseudo terminals and sockets for consoles. Knows how Linux numbers terminals; not what a console
 * is.
 */
#include "xenconsoled/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

static int open_master(char *name, size_t size, struct err *err)
{
	int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_set(err, errno, "opening /dev/ptmx: %s; is devpts mounted?",
			       strerror(errno));
	if (grantpt(fd) == 0 && unlockpt(fd) == 0 && ptsname_r(fd, name, size) == 0)
		return fd;
	err_set(err, errno, "making a pseudo terminal: %s", strerror(errno));
	close(fd);
	return -1;
}

/*
 * Linux gives out the lowest number that is free: masters are opened, and held, until the wanted
 * one comes, or it is known not to be free.
 */
#define NR_TRIES 64

static int open_wanted(const char *wanted, char *name, size_t size, struct err *err)
{
	int held[NR_TRIES], nr = 0, fd = -1;
	char first[32];

	if (wanted && access(wanted, F_OK) == 0)
		wanted = NULL;	/* somebody has it */
	for (; nr < NR_TRIES; nr++) {
		fd = open_master(name, size, err);
		if (fd < 0 || !wanted || strcmp(name, wanted) == 0)
			break;
		held[nr] = fd;
		fd = -1;
		if (nr == 0)
			snprintf(first, sizeof(first), "%s", name);
	}
	if (fd < 0 && nr > 0) {
		fd = held[0];
		snprintf(name, size, "%s", first);
		held[0] = -1;
	}
	for (int i = 0; i < nr; i++)
		if (held[i] >= 0)
			close(held[i]);
	return fd;
}

int tty_open_pty(struct tty *t, const char *wanted, struct err *err)
{
	struct termios raw;
	char name[32];

	t->fd = open_wanted(wanted, name, sizeof(name), err);
	if (t->fd < 0)
		return -1;
	t->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (t->slave < 0 || tcgetattr(t->slave, &raw) < 0) {
		err_set(err, errno, "opening %s: %s", name, strerror(errno));
		tty_close(t);
		return -1;
	}
	cfmakeraw(&raw);
	t->path = strdup(name);
	if (!t->path || tcsetattr(t->slave, TCSANOW, &raw) < 0) {
		err_set(err, t->path ? errno : ENOMEM, "setting %s raw: %s", name, strerror(errno));
		tty_close(t);
		return -1;
	}
	return 0;
}

/* Only a socket that nobody listens at is in the way of nobody. */
static int remove_stale(const struct sockaddr_un *addr, struct err *err)
{
	struct stat st;
	int fd, r;

	if (lstat(addr->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, EEXIST, "%s is there and no socket", addr->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	if (fd >= 0)
		close(fd);
	if (r == 0 || (errno != ECONNREFUSED && errno != ENOENT))
		return err_set(err, EADDRINUSE, "somebody listens at %s", addr->sun_path);
	unlink(addr->sun_path);
	return 0;
}

int tty_open_socket(struct tty *t, const char *path, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(addr.sun_path) || path[0] != '/')
		return err_set(err, EINVAL, "'%s' is no absolute path of a socket", path);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (remove_stale(&addr, err) < 0)
		return -1;
	t->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);
	r = t->listener < 0 ? -1 : bind(t->listener, (struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	if (r == 0)
		t->path = strdup(path);
	if (r < 0 || !t->path || listen(t->listener, 1) < 0) {
		err_set(err, errno, "socket %s: %s", path, strerror(errno));
		tty_close(t);
		return -1;
	}
	return 0;
}

void tty_accept(struct tty *t)
{
	int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (t->fd >= 0)
		close(fd);
	else
		t->fd = fd;
}

void tty_hang_up(struct tty *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

void tty_close(struct tty *t)
{
	tty_hang_up(t);
	if (t->slave >= 0)
		close(t->slave);
	if (t->listener >= 0) {
		close(t->listener);
		if (t->path)
			unlink(t->path);
	}
	free(t->path);
	*t = (struct tty)TTY_INIT;
}

ssize_t tty_read(struct tty *t, void *buf, size_t size)
{
	ssize_t n = read(t->fd, buf, size);

	if (n > 0)
		return n;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return -1;
}

ssize_t tty_write(struct tty *t, const void *data, size_t len)
{
	ssize_t n =
		t->listener >= 0 ? send(t->fd, data, len, MSG_NOSIGNAL) : write(t->fd, data, len);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

bool tty_is_drained(const struct tty *t)
{
	int waiting = 0;

	return t->slave < 0 || ioctl(t->slave, FIONREAD, &waiting) < 0 || waiting == 0;
}
