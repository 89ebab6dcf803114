// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Crashes, as a guest's kernel does that tells Xen so; or ends for the reason that its command line
 * names. What it leaves in memory is there to be found in a core dump.
 */
#include "guest.h"

#define HYPERVISOR_SCHED_OP 29
#define SCHEDOP_SHUTDOWN 2

char last_words[64];

/* SHUTDOWN_* of Xen's include/public/sched.h. */
static const struct {
	const char *word;
	uint32_t reason;
} ends[] = {
	{ "end=poweroff", 0 }, { "end=reboot", 1 }, { "end=watchdog", 4 }, { "end=soft-reset", 5 }, { "", 3 },
};

void guest_main(const uint8_t *dtb)
{
	static const char text[] = "crash: these are the last words";
	uint32_t reason;
	unsigned which = 0;

	for (unsigned i = 0; i < sizeof(text); i++)
		((volatile char *)last_words)[i] = text[i];
	print(text);
	print("\n");
	while (!dtb_says(dtb, ends[which].word))
		which++;
	reason = ends[which].reason;
	hypercall(HYPERVISOR_SCHED_OP, SCHEDOP_SHUTDOWN, &reason);
}
