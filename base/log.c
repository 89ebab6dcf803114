/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where daemons speak. One line a message, formatted in a fixed buffer, written in one system call.
 * Does not allocate and does not fail: what cannot be written is lost. Knows no rates: callers do.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <syslog.h>
#include <time.h>
#include "base/mem.h"
#include "base/str.h"

#define LINE_MAX_BYTES 1024

static const struct {
	const char *name;
	int syslog_priority;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARN] = { "warning", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
};

static struct {
	char program[32];	/* copied: also handed to openlog, which keeps the pointer */
	char path[PATH_MAX];	/* "" unless a file */
	int fd;
	bool use_syslog;
	enum log_level level;
} sink = { .program = "libvmm", .fd = STDERR_FILENO, .level = LOG_LEVEL_INFO };

static void sink_set(const char *program, int fd, bool use_syslog, const char *path)
{
	if (sink.fd != fd && sink.fd > STDERR_FILENO)
		close(sink.fd);
	if (sink.use_syslog)
		closelog();
	snprintf(sink.program, sizeof(sink.program), "%s", program);
	snprintf(sink.path, sizeof(sink.path), "%s", path);
	sink.fd = fd;
	sink.use_syslog = use_syslog;
}

void log_to_stderr(const char *program)
{
	sink_set(program, STDERR_FILENO, false, "");
}

void log_to_syslog(const char *program)
{
	sink_set(program, -1, true, "");
	openlog(sink.program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

int log_to_file(const char *program, const char *path, struct err *err)
{
	int fd;

	if (strlen(path) >= sizeof(sink.path))
		return err_set(err, ENAMETOOLONG, "%s: the path of the log is too long", path);
	fd = open_file(path);
	if (fd < 0)
		return err_set(err, errno, "%s: cannot open the log: %s", path, strerror(errno));
	sink_set(program, fd, false, path);
	return 0;
}

void log_reopen(void)
{
	int fd = sink.path[0] ? open_file(sink.path) : -1;

	if (fd < 0)
		return; /* the old one is better than none */
	close(sink.fd);
	sink.fd = fd;
}

void log_set_level(enum log_level level)
{
	sink.level = level;
}

bool log_enabled(enum log_level level)
{
	return level <= sink.level;
}

/* Who speaks, and in a file when: UTC, because a daemon without its root has no time zone. */
static size_t prefix(char *line, size_t size, enum log_level level)
{
	char when[32] = "";
	struct tm tm;
	time_t now = time(NULL);
	int len;

	if (sink.path[0] && gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ ", &tm);
	len = snprintf(line, size, "%s%s: %s: ", when, sink.program, levels[level].name);
	return len < 0 ? 0 : (size_t)len;
}

static void printf_like(2, 0) speak(enum log_level level, const char *fmt, va_list ap)
{
	char line[LINE_MAX_BYTES];
	int saved_errno = errno;
	size_t len = sink.use_syslog ? 0 : prefix(line, sizeof(line), level);

	if (vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap) < 0)
		line[len] = '\0';
	str_printable(line);
	if (sink.use_syslog) {
		syslog(levels[level].syslog_priority, "%s", line);
	} else {
		len = strlen(line);
		line[len] = '\n';
		if (write(sink.fd, line, len + 1) < 0) {
			/* Nowhere is left to say so. */
		}
	}
	errno = saved_errno;
}

#define DEFINE_LOG(name, level)                 \
	void name(const char *fmt, ...)         \
	{                                       \
		va_list ap;                     \
	                                        \
		if (!log_enabled(level))        \
			return;                 \
		va_start(ap, fmt);              \
		speak(level, fmt, ap);          \
		va_end(ap);                     \
	}

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warn, LOG_LEVEL_WARN)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)
