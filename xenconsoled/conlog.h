/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENCONSOLED_CONLOG_H
#define XENCONSOLED_CONLOG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include "base/err.h"

/*
 * A log of a console: appended to, reopened on request, bounded. A file that reaches its size is
 * moved to FILE.1 (over the last one), so a guest owns at most twice that. A disk that is full
 * loses what is printed meanwhile, and that is all.
 */

struct conlog {
	int fd;			/* -1: none */
	char *path;
	uint64_t size, max;	/* max 0: without bound */
	bool has_timestamps, replaces_escape;
	bool is_at_line_start, is_failing;
	time_t stamp_time;	/* what `stamp` says */
	char stamp[32];
};

#define CONLOG_INIT { .fd = -1 }

/* A name as it may stand in a file's: what could leave the folder or confuse a terminal becomes
 * '_'. buf: NAME_MAX + 1. */
void conlog_file_name(char *buf, size_t size, const char *prefix, const char *name,
		      const char *suffix);

int conlog_open(struct conlog *l, const char *dir, const char *file, struct err *err) must_check;
void conlog_close(struct conlog *l);
/* After the file was moved away. */
void conlog_reopen(struct conlog *l);
/* Failures are told to the daemon's own log, once until writing works again. */
void conlog_write(struct conlog *l, const char *data, size_t len);

/* What a guest printed last, kept for `xl console --last NAME` in RUN_DIR/console/NAME.last; the
 * oldest of more than CONLOG_MAX_TAILS are forgotten. */
#define CONLOG_MAX_TAILS 64
int conlog_keep_tail(const char *dir, const char *name, const char *const data[2],
		     const size_t len[2], struct err *err) must_check;

#endif
