/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DOMID_HISTORY_H
#define LIBVMM_DOMID_HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

/*
 * Numbers of domains that ended a moment ago: they are not given out again at once, so that whoever
 * still holds one (a backend, a script, a person) does not mean another domain by it. Upstream's
 * file, /run/xen/domid-history: lines of "SECONDS DOMID", seconds of CLOCK_MONOTONIC, changed under
 * a lock on domid-history.lock; either toolstack heeds what the other wrote. $LIBVMM_STATE_DIR
 * replaces the folder (tests).
 */

#define DOMID_REUSE_S 60

struct domid_history;

/* Remember that the domain ends now; older entries are forgotten. */
int domid_history_add(uint32_t domid, struct err *err) must_check;
/* Who ended less than DOMID_REUSE_S ago. *out is yours; a history that cannot be read is an empty
 * one. */
int domid_history_read(struct domid_history **out, struct err *err) must_check;
bool domid_history_has(const struct domid_history *h, uint32_t domid);
void domid_history_free(struct domid_history *h);
/* None is remembered any more: the host has just started. */
int domid_history_clear(struct err *err) must_check;

#endif
