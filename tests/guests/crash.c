// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Crashes, as a guest's kernel does that tells Xen so. What it leaves in memory is there to be found in a core dump.
 */
#include "guest.h"

#define HYPERVISOR_SCHED_OP 29
#define SCHEDOP_SHUTDOWN 2
#define SHUTDOWN_CRASH 3u

char last_words[64];

void guest_main(const uint8_t *dtb)
{
	static const char text[] = "crash: these are the last words";
	uint32_t reason = SHUTDOWN_CRASH;

	(void)dtb;
	for (unsigned i = 0; i < sizeof(text); i++)
		((volatile char *)last_words)[i] = text[i];
	print(text);
	print("\n");
	hypercall(HYPERVISOR_SCHED_OP, SCHEDOP_SHUTDOWN, &reason);
}
