// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Says that it is there and sleeps until it is destroyed: the smallest guest that stays.
 */
#include "guest.h"

void guest_main(const uint8_t *dtb)
{
	(void)dtb;
	print("idle: up\n");
	for (;;)
		__asm__ volatile("wfi");
}
