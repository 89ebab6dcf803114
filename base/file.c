/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files read whole, replaced in one step, locked; and the monotonic clock. Every message names the
 * path. Usable by daemons: no memory is an error, not an exit. Does not know what is in a file.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "base/mem.h"
#include "base/num.h"

/* How much of a path a message shows: the cause behind it must fit. */
#define PATH_SHOWN 256
/* How long a killed process is given to end. */
#define DYING_MS 10000

static int cannot(struct err *err, const char *verb, const char *path)
{
	int code = errno;

	return err_set(err, code, "%.*s: cannot %s: %s", PATH_SHOWN, path, verb, strerror(code));
}

static int too_long(struct err *err, const char *path)
{
	return err_set(err, ENAMETOOLONG, "%.*s...: the path is too long", PATH_SHOWN, path);
}

static ssize_t read_some(int fd, void *data, size_t size)
{
	ssize_t n;

	do
		n = read(fd, data, size);
	while (n < 0 && errno == EINTR);
	return n;
}

/* A first guess at the size; /proc and pipes say 0. One more than it, so that the end is seen. */
static size_t size_guess(int fd, size_t max)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size <= 0)
		return 4096;
	return (uint64_t)st.st_size < max ? (size_t)st.st_size + 2 : max + 2;
}

int file_read(const char *path, size_t max, char **out, size_t *len, struct err *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	autoclose int opened = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int fd = is_stdin ? STDIN_FILENO : opened;
	autofree char *data = NULL;
	size_t size = 0, used = 0, want;

	if (is_stdin)
		path = "standard input";
	if (fd < 0)
		return cannot(err, "open", path);
	for (want = size_guess(fd, max);; want = size * 2) {
		ssize_t n;

		if (used + 1 >= size) {
			char *grown = realloc(data, want);

			if (!grown)
				return err_set(err, ENOMEM, "%s: no memory to read it", path);
			data = grown;
			size = want;
		}
		n = read_some(fd, data + used, size - used - 1);
		if (n < 0)
			return cannot(err, "read", path);
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > max)
			return err_set(err, EFBIG, "%s: larger than %zu bytes", path, max);
	}
	data[used] = '\0';
	if (len)
		*len = used;
	*out = steal(data);
	return 0;
}

int file_write_all(int fd, const void *data, size_t len, struct err *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return err_set(err, errno, "cannot write: %s", strerror(errno));
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int file_pread_all(int fd, void *data, size_t len, uint64_t offset, const char *path,
		   struct err *err)
{
	char *p = data;

	while (len > 0) {
		ssize_t n = pread(fd, p, len, (off_t)offset);

		if (n < 0 && errno != EINTR)
			return cannot(err, "read", path);
		if (n == 0)
			return err_set(err, EIO, "%s: it ends at %" PRIu64 ", %zu bytes early",
				       path, offset, len);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
			offset += (uint64_t)n;
		}
	}
	return 0;
}

int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	char tmp[PATH_MAX];
	autoclose int fd = -1;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return too_long(err, path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return cannot(err, "create a file beside it", path);
	if (file_write_all(fd, data, len, err) < 0) {
		unlink(tmp);
		return err_wrap(err, "%s", path);
	}
	if (fchmod(fd, mode) < 0 || rename(tmp, path) < 0) {
		cannot(err, "put the new contents in place", path);
		unlink(tmp);
		return -1;
	}
	return 0;
}

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int file_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char dir[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(dir))
		return too_long(err, path);
	memcpy(dir, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (dir[i] != '/' && dir[i] != '\0')
			continue;
		dir[i] = '\0';
		if (mkdir(dir, mode) < 0 && !(errno == EEXIST && is_dir(dir)))
			return cannot(err, "make the directory", dir);
		dir[i] = path[i];
	}
	return 0;
}

const char *file_own_dir(const char *usual)
{
	const char *dir = getenv("LIBVMM_STATE_DIR");

	return dir && *dir ? dir : usual;
}

int file_mkdirs_of(const char *file, mode_t mode, struct err *err)
{
	autofree char *dir = xstrdup(file);
	char *slash = strrchr(dir, '/');

	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return file_mkdirs(dir, mode, err);
}

/* Locks are those of an open file description: they survive fork, end with the last descriptor, and
 * still exclude the process-owned locks that other toolstacks take on the same files. */
static int lock_try(int fd, int cmd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, cmd, &fl);
}

/* Who holds the lock: the kernel knows for process-owned ones, for ours the file does. 0:
 * unknown. */
static unsigned lock_holder(int fd)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct err ignored;
	uint64_t pid = 0;
	char text[24];
	ssize_t n;

	if (fcntl(fd, F_GETLK, &fl) == 0 && fl.l_type != F_UNLCK && fl.l_pid > 0)
		return (unsigned)fl.l_pid;
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (num_dec(text, INT_MAX, "pid", &pid, &ignored) < 0)
		return 0;
	return (unsigned)pid;
}

/* Whether the process was killed and has not ended yet: in a hypercall, say, or while its memory is
 * given back. Linux, proc(5): flags and pending signals of a thread. */
static bool is_dying(unsigned pid)
{
	enum { FLAGS_FIELD = 9, SIGNAL_FIELD = 31, PF_EXITING = 4 };
	char path[32], text[1024] = "";
	const char *at;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read_some(fd, text, sizeof(text) - 1) < 0)
		return false;
	at = strrchr(text, ')'); /* the second field is the name */
	for (unsigned field = 3; at && field <= SIGNAL_FIELD; field++) {
		unsigned long bits;

		at = strchr(at + 1, ' ');
		bits = at ? strtoul(at, NULL, 10) : 0;
		if ((field == FLAGS_FIELD && bits & PF_EXITING) ||
		    (field == SIGNAL_FIELD && bits & 1UL << (SIGKILL - 1)))
			return true;
	}
	return false;
}

static int held(struct err *err, int code, int fd, const char *path, const char *how)
{
	unsigned pid = lock_holder(fd);

	if (pid)
		return err_set(err, code, "%s: %s (pid %u)", path, how, pid);
	return err_set(err, code, "%s: %s", path, how);
}

static int write_pid(int fd, const char *path, struct err *err)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len)
		return cannot(err, "write the pid", path);
	return 0;
}

/* There is no lock with a time limit, so it is asked for again and again, at first often. */
static int lock_wait(int fd, const char *path, int timeout_ms, int code, const char *how,
		     struct err *err)
{
	uint64_t deadline = time_ms() + (unsigned)(timeout_ms > 0 ? timeout_ms : 0);
	struct timespec pause = { .tv_nsec = 1000000 };

	while (lock_try(fd, timeout_ms < 0 ? F_OFD_SETLKW : F_OFD_SETLK) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return cannot(err, "lock", path);
		if (time_ms() >= deadline)
			return held(err, code, fd, path, how);
		if (nanosleep(&pause, NULL) < 0)
			return cannot(err, "wait for the lock", path);
		if (pause.tv_nsec < 32000000)
			pause.tv_nsec *= 2;
	}
	return 0;
}

int file_lock(const char *path, int timeout_ms, int *fd, struct err *err)
{
	autoclose int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	if (lock < 0)
		return cannot(err, "open", path);
	if (lock_wait(lock, path, timeout_ms, ETIMEDOUT, "locked by another process", err) < 0 ||
	    write_pid(lock, path, err) < 0)
		return -1;
	*fd = steal_fd(lock);
	return 0;
}

bool file_is_locked(const char *path)
{
	struct flock fl = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &fl) == 0 && fl.l_type != F_UNLCK;
}

int file_pidfile(const char *path, int *fd, struct err *err)
{
	autoclose int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);

	if (lock < 0)
		return cannot(err, "open", path);
	if (lock_wait(lock, path, is_dying(lock_holder(lock)) ? DYING_MS : 0, EEXIST,
		      "it runs already", err) < 0 ||
	    write_pid(lock, path, err) < 0)
		return -1;
	*fd = steal_fd(lock);
	return 0;
}

uint64_t time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t time_ms(void)
{
	return time_ns() / 1000000;
}
