/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/attr.h"

/*
 * The one error idiom. A function that can fail returns int (0 or -1), is must_check and takes
 * `struct err *err` last, never NULL. Whoever detects the failure writes it and returns it in one
 * expression:
 *
 *	if (ioctl(fd, cmd, &arg) < 0)
 *		return err_set(err, errno, "%s: %s", path, strerror(errno));
 *
 * A struct err is a value on the caller's stack: nothing to allocate, nothing to free.
 */

struct err {
	int code;	/* an errno value; 0 only before the first failure */
	char msg[480];	/* one line, no newline: the thing, the step, the cause, the remedy */
};

#define ERR_INIT { 0, "" }

/* Record a failure. Control characters in the text become '?', so a hostile name cannot forge
 * lines. A code of 0 is recorded as EIO. Always returns -1. */
int err_set(struct err *err, int code, const char *fmt, ...) printf_like(3, 4);

/* Put what was being done in front of the message: "WHAT: MSG". The code stays. Always returns
 * -1. */
int err_wrap(struct err *err, const char *fmt, ...) printf_like(2, 3);

/* Add what happened or what to do behind the message: "MSG; MORE". The code stays. Returns -1. */
int err_append(struct err *err, const char *fmt, ...) printf_like(2, 3);

/* Tell an analyzer, which does not see err.c, what they return: else it follows paths where a
 * failure is none. */
#ifdef __clang_analyzer__
#define err_set(...) (err_set(__VA_ARGS__), -1)
#define err_wrap(...) (err_wrap(__VA_ARGS__), -1)
#define err_append(...) (err_append(__VA_ARGS__), -1)
#endif

/* Forget a failure that was handled. */
void err_clear(struct err *err);

#endif
