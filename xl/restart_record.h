/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_RESTART_RECORD_H
#define XL_RESTART_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/str.h"

/*
 * What must not be forgotten while a guest is started again: between the end of the old domain and
 * the start of the new one, nothing else knows its configuration. One file a guest,
 * /run/xen/restart/UUID, there only meanwhile; whoever finds one, after a kill -9 at any moment,
 * can finish what it says. $LIBVMM_STATE_DIR replaces /run/xen (tests).
 */

struct restart_record {
	uint32_t domid;		/* of the old domain */
	char *retire_as;	/* its new name when it is kept (rename-restart), else "" */
	char *history;		/* the successor's note of restarts */
	char *config;		/* JSON */
};
#define RESTART_RECORD_INIT { 0, NULL, NULL, NULL }
void restart_record_free(struct restart_record *r);
#define autorecord __attribute__((cleanup(restart_record_free)))

int restart_record_write(const char *uuid, const struct restart_record *r, struct err *err)
	must_check;
/* ENOENT: there is none. EINVAL: nobody can make sense of it. */
int restart_record_read(const char *uuid, struct restart_record *out, struct err *err) must_check;
int restart_record_remove(const char *uuid, struct err *err) must_check;
bool restart_record_exists(const char *uuid);
/* The uuids of all there are. What a writer that was killed left unfinished is removed. */
int restart_record_list(struct strlist *uuids, struct err *err) must_check;

/* One process at a time deals with the end of a domain: a supervisor that was killed leaves
 * children that work on. Waits. Free by closing *fd, or by dying. */
int restart_lock(uint32_t domid, int *fd, struct err *err) must_check;

#endif
