/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_FAKE_CLOCK_H
#define TESTS_FAKE_CLOCK_H

/*
 * From now on a poll() that has nothing to report does not wait: time_ms() jumps on by its timeout
 * instead. For tests in which a time limit runs out, and in which nothing comes from a process or a
 * thread: from the fakes alone, all there is to come has come when poll() is called.
 */
void fake_clock_skip_waits(void);

#endif
