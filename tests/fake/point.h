/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_FAKE_POINT_H
#define TESTS_FAKE_POINT_H

#include <stdbool.h>
#include "tests/fault.h"

/*
 * Fault points: the places where a fake of Xen or of the store fails on demand. A new fake entry is
 * a new point by beginning with POINT(result). Which errno it fails with varies with the point's
 * number, so that loops on EAGAIN and special cases of EPERM are found too.
 */

/* The nth point from now on fails; 1 is the next. turn moves the choice of errno. */
void point_arm(unsigned nth, enum fault_kind kind, unsigned turn);
/* No more faults; true when one happened. */
bool point_disarm(void);
/* The name of the first point that failed, for messages. */
const char *point_name(void);
/* Points passed since point_arm (also when none was to fail). */
unsigned point_count(void);
/* Call fn instead of failing, at the nth point, once: a signal that comes right there. */
void point_call_at(unsigned nth, void (*fn)(void));

/* For the fakes: 0, or the errno to fail with. */
int point_reached(const char *name);

#define POINT(result)                                         \
	do {                                                  \
		int point_errno_ = point_reached(__func__);   \
		if (point_errno_) {                           \
			errno = point_errno_;                 \
			return result;                        \
		}                                             \
	} while (0)

#endif
