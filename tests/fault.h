/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <stdbool.h>

/*
 * Allocations that fail on demand. Test programs are linked so that malloc, calloc, realloc,
 * reallocarray, strdup, strndup, asprintf and vasprintf of our own code come by here.
 *
 *	for (unsigned nth = 1;; nth++) {
 *		fault_arm(nth, FAULT_TRANSIENT);
 *		result = the_scenario();
 *		if (!fault_disarm())
 *			break;			(it ran clean)
 *		... it failed properly, and nothing is left of it ...
 *	}
 *	... it succeeded ...
 *
 * Check allocates too: make no assertion while armed.
 */

enum fault_kind {
	FAULT_TRANSIENT,	/* that allocation alone */
	FAULT_STICKY,		/* that one and all after it */
};

/* The nth allocation from now on fails; 1 is the next. */
void fault_arm(unsigned nth, enum fault_kind kind);

/* Back to normal; true when an allocation was made to fail. */
bool fault_disarm(void);

/* Allocations since fault_arm. */
unsigned fault_count(void);

#endif
