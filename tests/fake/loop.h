/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_FAKE_LOOP_H
#define TESTS_FAKE_LOOP_H

#include "base/err.h"

/*
 * The fault loops: a scenario runs again and again with fault point 1, 2, 3... failing
 * (tests/fake/point.h), until it runs clean. A scenario starts from the host as it is, and when it
 * succeeded it has undone what it did.
 *
 * After each run: a failure has a code and a message; no domain, port, mapping, device, store node
 * or descriptor is left, and nothing was done that a guest would pay for. A run that succeeds in
 * spite of the fault must have coped with it, and is held to the same.
 */

struct fault_scenario {
	int (*run)(struct err *err);
	/* May be NULL: puts in order what a failed run could not, because its undo failed too. */
	int (*repair)(struct err *err);
	/* May be NULL: what else must not be left; NULL is well. */
	const char *(*leftover)(void);
};

struct fault_tally {
	unsigned nr_points;	/* of a clean run */
	unsigned nr_absorbed;	/* runs that succeeded in spite of a fault */
};

/* Only the nth point fails: the host must be pristine. `turn` moves the choice of errno. */
struct fault_tally fault_loop(const struct fault_scenario *s, unsigned turn);
/* The nth and all after it, the undo's own calls too: an error with a message, and after repair a
 * pristine host. */
struct fault_tally fault_loop_sticky(const struct fault_scenario *s, unsigned turn);
/* At the nth point `fn` is called, as a signal would come there, and nothing else fails. */
struct fault_tally fault_loop_call(const struct fault_scenario *s, void (*fn)(void));

/* How many descriptors this process has, the fake store's for clients that are gone not counted. */
unsigned open_descriptors(void);

#endif
