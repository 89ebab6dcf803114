// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Wants all the processor time there is from its first moment on: what it gets is what a scheduler
 * gives it.
 */
#include "guest.h"

void guest_main(const uint8_t *dtb)
{
	(void)dtb;
	print("busy\n");
	for (;;)
		__asm__ volatile("" ::: "memory");
}
