// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Log files of consoles: names, timestamps, bounds. Knows nothing of where the text comes from;
 * what is in it is the guest's business and never interpreted.
 */
#include "xenconsoled/conlog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"

void conlog_file_name(char *buf, size_t size, const char *prefix, const char *name,
		      const char *suffix)
{
	size_t at = strlen(prefix);

	snprintf(buf, size, "%s%.200s%s", prefix, name, suffix);
	for (char *p = buf + at; *p; p++)
		if (*p == '/' || (unsigned char)*p < ' ' || *p == 0x7f)
			*p = '_';
	if (at == 0 && buf[0] == '.')
		buf[0] = '_';
}

static int open_file(struct conlog *l)
{
	struct stat st;
	int fd = open(l->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		      0644);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	l->fd = fd;
	l->size = (uint64_t)st.st_size;
	l->is_at_line_start = true;
	return 0;
}

int conlog_open(struct conlog *l, const char *dir, const char *file, struct err *err)
{
	size_t size = strlen(dir) + 1 + strlen(file) + 1;

	l->path = malloc(size);
	if (!l->path)
		return err_set(err, ENOMEM, "no memory for the log %s/%s", dir, file);
	snprintf(l->path, size, "%s/%s", dir, file);
	if (open_file(l) < 0) {
		err_set(err, errno, "log file %s: %s", l->path, strerror(errno));
		conlog_close(l);
		return -1;
	}
	/* As upstream marks the beginning, so that a quiet guest's log tells when it began. */
	if (l->has_timestamps)
		conlog_write(l, "Logfile Opened\n", 15);
	return 0;
}

void conlog_close(struct conlog *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	l->fd = -1;
	l->path = NULL;
}

void conlog_reopen(struct conlog *l)
{
	if (!l->path)
		return;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	if (open_file(l) < 0)
		log_error("log file %s: %s", l->path, strerror(errno));
}

static void rotate(struct conlog *l)
{
	char old[PATH_MAX];

	if ((size_t)snprintf(old, sizeof(old), "%s.1", l->path) < sizeof(old) &&
	    rename(l->path, old) == 0) {
		conlog_reopen(l);
		return;
	}
	/* It stays bounded in any case. */
	log_warn("log file %s: cannot be renamed to %s: %s; emptied", l->path, old,
		 strerror(errno));
	if (ftruncate(l->fd, 0) == 0)
		l->size = 0;
}

static void put(struct conlog *l, const char *data, size_t len)
{
	while (len > 0 && l->fd >= 0) {
		ssize_t n = write(l->fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!l->is_failing)
				log_error("log file %s: %s; what is printed meanwhile is lost",
					  l->path, strerror(n < 0 ? errno : ENOSPC));
			l->is_failing = true;
			return;
		}
		l->is_failing = false;
		l->size += (uint64_t)n;
		data += n;
		len -= (size_t)n;
	}
}

/* What is on its way into the file: one write for many lines. */
struct batch {
	struct conlog *l;
	size_t len;
	char buf[8192];
};

static void flush(struct batch *b)
{
	put(b->l, b->buf, b->len);
	b->len = 0;
}

static void add(struct batch *b, const char *data, size_t len)
{
	while (len > 0) {
		size_t n = sizeof(b->buf) - b->len < len ? sizeof(b->buf) - b->len : len;

		memcpy(b->buf + b->len, data, n);
		/* Escape sequences in a log can do things to the terminal of whoever reads it. */
		for (size_t i = 0; b->l->replaces_escape && i < n; i++)
			if (b->buf[b->len + i] == '\033')
				b->buf[b->len + i] = '.';
		b->len += n;
		data += n;
		len -= n;
		if (b->len == sizeof(b->buf))
			flush(b);
	}
}

/* The text of a second is made once. */
static void add_timestamp(struct batch *b)
{
	struct conlog *l = b->l;
	time_t now = time(NULL);
	struct tm tm;

	if (now != l->stamp_time || !l->stamp[0]) {
		l->stamp[0] = '\0';
		l->stamp_time = now;
		if (localtime_r(&now, &tm))
			strftime(l->stamp, sizeof(l->stamp), "[%Y-%m-%d %H:%M:%S] ", &tm);
	}
	add(b, l->stamp, strlen(l->stamp));
}

/* A piece without line ends but its last byte. */
static void add_line(struct batch *b, const char *line, size_t len)
{
	if (b->l->has_timestamps && b->l->is_at_line_start)
		add_timestamp(b);
	add(b, line, len);
	b->l->is_at_line_start = line[len - 1] == '\n';
}

void conlog_write(struct conlog *l, const char *data, size_t len)
{
	struct batch b;

	if (l->fd < 0)
		return;
	b.l = l;
	b.len = 0;
	while (len > 0) {
		const char *end = l->has_timestamps ? memchr(data, '\n', len) : NULL;
		size_t n = end ? (size_t)(end - data) + 1 : len;

		/* Between lines where there are lines, so that nobody finds half of one. */
		if (l->max && l->size + b.len + n > l->max && l->size + b.len > 0) {
			flush(&b);
			rotate(l);
		}
		add_line(&b, data, n);
		data += n;
		len -= n;
	}
	flush(&b);
}

/* --- tails ------------------------------------------------------------------------------------ */

static bool is_tail(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".last") == 0;
}

/* Forget the oldest while there are too many. */
static void prune_tails(const char *dir)
{
	char oldest[NAME_MAX + 1] = "";
	struct timespec when = { 0 };
	DIR *d = opendir(dir);
	unsigned nr = 0;
	struct stat st;

	for (struct dirent *e; d && (e = readdir(d));) {
		if (!is_tail(e->d_name) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		nr++;
		if (!oldest[0] || st.st_mtim.tv_sec < when.tv_sec ||
		    (st.st_mtim.tv_sec == when.tv_sec && st.st_mtim.tv_nsec < when.tv_nsec)) {
			snprintf(oldest, sizeof(oldest), "%s", e->d_name);
			when = st.st_mtim;
		}
	}
	if (d && nr > CONLOG_MAX_TAILS)
		(void)unlinkat(dirfd(d), oldest, 0);
	if (d)
		closedir(d);
}

int conlog_keep_tail(const char *dir, const char *name, const char *const data[2],
		     const size_t len[2], struct err *err)
{
	char file[NAME_MAX + 1], path[PATH_MAX], new_path[PATH_MAX];
	struct iovec iov[2];
	ssize_t n;
	int fd;

	conlog_file_name(file, sizeof(file), "", name, ".last");
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path) ||
	    (size_t)snprintf(new_path, sizeof(new_path), "%s/.new", dir) >= sizeof(new_path))
		return err_set(err, ENAMETOOLONG, "%s/%s: name too long", dir, file);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, errno, "making %s: %s", dir, strerror(errno));
	fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, errno, "%s: %s", new_path, strerror(errno));
	for (int i = 0; i < 2; i++)
		iov[i] = (struct iovec){ (void *)(uintptr_t)data[i], len[i] };
	n = writev(fd, iov, 2);
	if (n != (ssize_t)(len[0] + len[1]) || rename(new_path, path) < 0)
		err_set(err, errno ? errno : ENOSPC, "writing %s: %s", path,
			strerror(errno ? errno : ENOSPC));
	close(fd);
	if (err->code)
		return -1;
	prune_tails(dir);
	return 0;
}
