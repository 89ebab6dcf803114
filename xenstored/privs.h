/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XENSTORED_PRIVS_H
#define XENSTORED_PRIVS_H

#include <stdbool.h>
#include "base/err.h"

/*
 * After devices and sockets are open nothing special is needed any more. What is left, and why:
 * - the user id: root's unless `user` names another one. With root's, a live update can open Xen's devices again; with
 *   another user, that user must be able to. `dir`, the journal's folder, becomes that user's.
 * - no capability, and no way to get one (no_new_privs, empty bounding set).
 * - system calls: those of the loop, the journal, a log, and those that start a program again (live update). All others
 *   fail with EPERM, where libseccomp was there when this was built.
 */
int privs_drop(const char *user, const char *dir, bool filter, struct err *err) must_check;

#endif
