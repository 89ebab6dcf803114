/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef BASE_PRIVS_H
#define BASE_PRIVS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

/*
 * After devices and sockets are open a daemon needs nothing special any more. What is left, and
 * why:
 * - the user id: root's unless `user` names another one, so that what is root's can be opened
 * again. `dir` becomes that user's.
 * - no capability, and no way to get one (no_new_privs, empty bounding set).
 * - system calls: those of the loop, of files and logs, and `more`. All others fail with EPERM,
 * where libseccomp was there when this was built.
 */
struct privs {
	const char *user, *dir;		/* NULL: stay who you are */
	bool no_filter;
	const char *const *more;	/* names of system calls */
	size_t nr_more;
};

/* Changes the whole process and is called once. */
int privs_drop(const struct privs *p, struct err *err) must_check;

#endif
