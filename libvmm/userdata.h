/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_USERDATA_H
#define LIBVMM_USERDATA_H

#include <stdint.h>
#include "base/err.h"
#include "libvmm/libvmm.h"

/*
 * Files that a domain has while it lives, in upstream's place and names, so that either toolstack
 * finds the other's: /var/lib/xen/userdata-d.<domid>.<uuid>.<what>. `what` is "libxl-json" for the
 * configuration, "xl" for the text it came from. $LIBVMM_STATE_DIR replaces /var/lib/xen (tests,
 * unprivileged trials).
 */

int userdata_write(uint32_t domid, const uint8_t uuid[16], const char *what, const void *data,
		   size_t len, struct err *err) must_check;
/* *out is yours. ENOENT: none. */
int userdata_read(uint32_t domid, const uint8_t uuid[16], const char *what, char **out, size_t *len,
		  struct err *err) must_check;
/* Whoever reads, changes and writes a file of the domain holds its lock meanwhile: upstream's place
 * and way, so either toolstack keeps the other out. Held for moments only. */
struct userdata_lock { int fd; char *path; };
#define USERDATA_LOCK_INIT { -1, NULL }
int userdata_lock(uint32_t domid, const uint8_t uuid[16], struct userdata_lock *lock,
		  struct err *err) must_check;
void userdata_unlock(struct userdata_lock *lock);
#define autolock __attribute__((cleanup(userdata_unlock)))
/* All files of the domain, its lock included. None is no error. */
int userdata_remove(uint32_t domid, const uint8_t uuid[16], struct err *err) must_check;

#endif
