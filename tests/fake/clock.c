// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A clock that goes ahead instead of being waited for, by the linker's --wrap (TEST_WRAP in
 * tests.am). Knows what is waited for by poll() and looked up by time_ms(); not the event loop's
 * timers, nor sleeps.
 */
#include "tests/fake/clock.h"

#include <poll.h>
#include <stdbool.h>
#include "base/file.h"

static bool skips;
static uint64_t ahead_ms;

uint64_t __real_time_ms(void);
int __real_poll(struct pollfd *fds, nfds_t nr, int timeout_ms);
uint64_t __wrap_time_ms(void);
int __wrap_poll(struct pollfd *fds, nfds_t nr, int timeout_ms);

void fake_clock_skip_waits(void)
{
	skips = true;
}

uint64_t __wrap_time_ms(void)
{
	return __real_time_ms() + ahead_ms;
}

int __wrap_poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
	int r = __real_poll(fds, nr, skips && timeout_ms > 0 ? 0 : timeout_ms);

	if (r == 0 && skips && timeout_ms > 0)
		ahead_ms += (unsigned)timeout_ms;
	return r;
}
