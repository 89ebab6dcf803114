/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include "base/err.h"

/* Where daemons speak: stderr or syslog (or a file, reopened on SIGHUP), one line a message,
 * rate-limited by the caller. libvmm does not log: it returns errors. */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_to_stderr(const char *program);
void log_to_syslog(const char *program);
int log_to_file(const char *program, const char *path, struct err *err) must_check;
void log_reopen(void);			/* the file again, after it was rotated */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

void log_error(const char *fmt, ...) printf_like(1, 2);
void log_warn(const char *fmt, ...) printf_like(1, 2);
void log_info(const char *fmt, ...) printf_like(1, 2);
void log_debug(const char *fmt, ...) printf_like(1, 2);

#endif
