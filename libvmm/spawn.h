/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_SPAWN_H
#define LIBVMM_SPAWN_H

#include <sys/types.h>
#include "base/attr.h"

enum spawn_kind {
	/* Ended with all it started when it hangs: a process group of its own; its errors go where
	 * ours go. */
	SPAWN_STEP,
	/* Outlives us: a session of its own, and silent. */
	SPAWN_DAEMON,
};

/* Start a program with input and output /dev/null and none of our signals blocked. 0, or an
 * errno. */
int spawn(const char *path, char *const argv[], char *const envp[], enum spawn_kind kind,
	  pid_t *pid) must_check;

#endif
