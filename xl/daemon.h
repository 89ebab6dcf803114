/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef XL_DAEMON_H
#define XL_DAEMON_H

#include "base/err.h"

/* Commands that go on in the background. */

/* Become a daemon: returns in the child; the parent waits until it is ready and exits with its
 * verdict. Standard error stays until daemon_silence, so that a failure to start is seen. */
int daemon_start(struct err *err) must_check;
/* Standard error goes where standard output went. */
void daemon_silence(void);
/* The one who started us need not wait any longer. */
void daemon_tell_ready(void);

#endif
