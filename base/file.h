/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"

/* Files: whole, atomic, locked. Every message names the path. */

/* The whole file, NUL-terminated behind *len (which may be NULL); larger than max is refused
 * (EFBIG). Works for pipes, /proc and "-" (standard input). *out is yours to free. */
int file_read(const char *path, size_t max, char **out, size_t *len, struct err *err) must_check;

/* Replace a file in one step: written beside it, renamed over it. */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode,
		      struct err *err) must_check;

/* All of it, through EINTR and short writes. */
int file_write_all(int fd, const void *data, size_t len, struct err *err) must_check;
int file_pread_all(int fd, void *data, size_t len, uint64_t offset, const char *path,
		   struct err *err) must_check;

/* $LIBVMM_STATE_DIR (tests, installations beside another) where it is set, else `usual`. */
const char *file_own_dir(const char *usual);

/* mkdir -p. */
int file_mkdirs(const char *path, mode_t mode, struct err *err) must_check;
/* The same of the folder that the file is, or is to be, in. */
int file_mkdirs_of(const char *file, mode_t mode, struct err *err) must_check;

/* Open or create `path` and take an exclusive lock on it; waits at most timeout_ms (-1: for ever)
 * by the monotonic clock. The lock lives as long as the descriptor, so a dead holder's lock is
 * gone. The error names the holder's pid. */
int file_lock(const char *path, int timeout_ms, int *fd, struct err *err) must_check;

/* A pid file, locked for the life of the process so that a second daemon is told whose it is
 * (EEXIST). The end of one that was killed is waited for. */
int file_pidfile(const char *path, int *fd, struct err *err) must_check;
/* Whether somebody holds the lock of a pid or lock file. */
bool file_is_locked(const char *path);

/* Milliseconds and nanoseconds of CLOCK_MONOTONIC: the only clock for time limits. */
uint64_t time_ms(void);
uint64_t time_ns(void);

#endif
