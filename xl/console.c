// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The client of a domain's console: bytes between the terminal (or a pipe) and the pty that
 * xenconsoled opened. Knows nothing of the store and of Xen; which pty it is, libvmm says.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "base/file.h"
#include "base/str.h"
#include "xl/console.h"
#include "xl/xl.h"

#define TTY_TIMEOUT_MS 10000
/* Where upstream's client has its lock, so that the two do not steal each other's characters. */
#define LOCK_DIR "/var/lock"

struct xl_console {
	int pty, lock;
	char *lock_path;
	unsigned char escape;
	bool is_raw, is_input_open, is_cut;
	struct termios saved;
	char to_guest[1024];
	size_t nr_to_guest;
};

/* The holder removes the file when it leaves, so what was locked must still be what the path
 * names. */
static int take_lock(struct xl_console *c, uint32_t domid, struct err *err)
{
	struct stat opened, named;

	c->lock_path = str_printf(LOCK_DIR "/xenconsole.%" PRIu32, domid);
	if (file_mkdirs(LOCK_DIR, 0755, err) < 0)
		return -1;
	for (;;) {
		c->lock = open(c->lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		if (c->lock < 0)
			return err_set(err, errno, "%s: %s", c->lock_path, strerror(errno));
		if (flock(c->lock, LOCK_EX | LOCK_NB) < 0) {
			int code = errno;

			if (code == EWOULDBLOCK)
				return err_set(err, EBUSY,
					       "the console of domain %" PRIu32
					       " is in use by another client (%s)",
					       domid, c->lock_path);
			return err_set(err, code, "%s: %s", c->lock_path, strerror(code));
		}
		if (fstat(c->lock, &opened) == 0 && stat(c->lock_path, &named) == 0 &&
		    opened.st_ino == named.st_ino && opened.st_dev == named.st_dev)
			return 0;
		close(steal_fd(c->lock));
	}
}

static int open_pty(struct xl_console *c, const char *tty, struct err *err)
{
	struct termios term;

	c->pty = open(tty, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->pty < 0)
		return err_set(err, errno, "%s: %s", tty, strerror(errno));
	if (!isatty(c->pty))
		return err_set(err, ENOTTY, "%s is not a terminal", tty);
	/* The guest has its own line discipline. */
	if (tcgetattr(c->pty, &term) == 0) {
		cfmakeraw(&term);
		tcsetattr(c->pty, TCSANOW, &term);
	}
	return 0;
}

static void make_raw(struct xl_console *c)
{
	struct termios term;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &c->saved) < 0)
		return;
	term = c->saved;
	cfmakeraw(&term);
	c->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &term) == 0;
}

int xl_console_open(struct xl *xl, uint32_t domid, const struct xl_console_options *options,
		    struct xl_console **out, struct err *err)
{
	struct xl_console *c = xcalloc(1, sizeof(*c));
	autofree char *tty = NULL;

	c->pty = c->lock = -1;
	c->escape = options->escape;
	c->is_input_open = true;
	if (vmm_console_tty(xl->vmm, domid, options->type, options->num, TTY_TIMEOUT_MS, &tty,
			    err) < 0 ||
	    take_lock(c, domid, err) < 0 || open_pty(c, tty, err) < 0) {
		xl_console_close(c);
		return -1;
	}
	fflush(xl->out);
	make_raw(c);
	*out = c;
	return 0;
}

void xl_console_close(struct xl_console *c)
{
	if (!c)
		return;
	if (c->is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &c->saved);
	if (c->lock >= 0) {
		unlink(c->lock_path);
		close(c->lock);
	}
	if (c->pty >= 0)
		close(c->pty);
	free(c->lock_path);
	free(c);
}

enum { CONTINUES, ENDS, FAILS = -1 };

/* What was typed, up to the escape character. */
static int from_user(struct xl_console *c, struct err *err)
{
	ssize_t n = read(STDIN_FILENO, c->to_guest, sizeof(c->to_guest));
	char *escape;

	if (n < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return CONTINUES;
		return err_set(err, errno, "reading standard input: %s", strerror(errno));
	}
	if (n == 0) {
		/* A terminal that is gone ends it; a pipe or file that was read to its end may
		 * still want the answer. */
		c->is_input_open = false;
		return c->is_raw ? ENDS : CONTINUES;
	}
	escape = memchr(c->to_guest, c->escape, (size_t)n);
	c->nr_to_guest = escape ? (size_t)(escape - c->to_guest) : (size_t)n;
	return escape ? ENDS : CONTINUES;
}

static int to_guest(struct xl_console *c, struct err *err)
{
	ssize_t n = write(c->pty, c->to_guest, c->nr_to_guest);

	if (n < 0) {
		if (errno == EINTR || errno == EAGAIN)
			return CONTINUES;
		c->is_cut = errno == EIO;
		return c->is_cut
			       ? ENDS
			       : err_set(err, errno, "writing to the console: %s", strerror(errno));
	}
	memmove(c->to_guest, c->to_guest + n, c->nr_to_guest - (size_t)n);
	c->nr_to_guest -= (size_t)n;
	return CONTINUES;
}

static int from_guest(struct xl_console *c, struct err *err)
{
	char buf[4096];
	ssize_t n = read(c->pty, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return CONTINUES;
	if (n < 0 && errno != EIO)
		return err_set(err, errno, "reading from the console: %s", strerror(errno));
	c->is_cut = n <= 0;	/* xenconsoled has closed its side: the domain is gone */
	if (c->is_cut)
		return ENDS;
	return file_write_all(STDOUT_FILENO, buf, (size_t)n, err) < 0 ? FAILS : CONTINUES;
}

static int turn(struct xl_console *c, struct err *err)
{
	struct pollfd fds[3] = {
		{ .fd = c->pty, .events = (short)(POLLIN | (c->nr_to_guest ? POLLOUT : 0)) },
		{ .fd = c->is_input_open && !c->nr_to_guest ? STDIN_FILENO : -1, .events = POLLIN },
		/* Nobody reads any more: a pipe says so without being written to. */
		{ .fd = STDOUT_FILENO, .events = 0 },
	};
	int ret = CONTINUES;

	if (poll(fds, 3, -1) < 0)
		return errno == EINTR ? CONTINUES
				      : err_set(err, errno, "poll: %s", strerror(errno));
	if (fds[2].revents & POLLERR)
		return ENDS;
	if (fds[0].revents & (POLLIN | POLLHUP | POLLERR))
		ret = from_guest(c, err);
	if (ret == CONTINUES && fds[0].revents & POLLOUT)
		ret = to_guest(c, err);
	if (ret == CONTINUES && fds[1].revents)
		ret = from_user(c, err);
	return ret;
}

int xl_console_run(struct xl_console *c, struct err *err)
{
	int ret = CONTINUES;

	while (ret == CONTINUES && !xl_interrupted())
		ret = turn(c, err);
	/* What was typed before the escape character still belongs to the guest. */
	if (ret == ENDS && c->nr_to_guest && to_guest(c, err) < 0)
		return -1;
	return ret < 0 ? -1 : 0;
}

bool xl_console_is_cut(const struct xl_console *c)
{
	return c->is_cut;
}
