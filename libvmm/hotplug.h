/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_HOTPLUG_H
#define LIBVMM_HOTPLUG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/str.h"

/*
 * The hotplug steps: what connects a backend to this machine. A script in a process of its own, or
 * done right here: a port of a bridge, a block device, a loop device over an image file. Nothing
 * here waits and nothing reaches the store.
 */

/* Absolute as it is, else in the folder of scripts; yours to free. */
char *hotplug_script_path(const char *script);

/* A script that runs: readable on fd when it ended. */
struct hotplug_script {
	pid_t pid;	/* 0: none */
	int fd;
};
/* Start it with these arguments (separated by blanks), the environment of this process and `env` on
 * top, input and output /dev/null, in a process group of its own. Checked first: it is there and
 * may be run. */
int hotplug_start(const char *script, const char *args, const struct strlist *env,
		  struct hotplug_script *out, struct err *err) must_check;
/* After fd became readable: 0 when it succeeded, else how it ended. */
int hotplug_finish(struct hotplug_script *s, struct err *err) must_check;
/* End it and all it started. */
void hotplug_kill(struct hotplug_script *s);

/* The backend's interface `vif` becomes a port of `bridge`, is named `new_name` (NULL: keeps its
 * name), gets the mtu (0: the bridge's) and goes up. */
int hotplug_bridge_port(const char *vif, const char *new_name, const char *bridge, int mtu,
			struct err *err) must_check;

struct hotplug_block {
	char *path;		/* of the block device */
	unsigned major, minor;
	bool is_loop;		/* made for an image file: release it when the disk goes */
};
/* A block device as it is, an image file through a new loop device. Refused: missing, a folder, and
 * unless it is shared knowingly: mounted or in use for writing (EBUSY), an image another loop
 * device writes to. */
int hotplug_block_open(const char *path, bool is_readonly, bool is_shared,
		       struct hotplug_block *out, struct err *err) must_check;
void hotplug_block_free(struct hotplug_block *b);
/* Let go of a loop device; it goes when its last user does. One that is gone already is no
 * error. */
int hotplug_loop_release(const char *loop, struct err *err) must_check;

#endif
