// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Prints two megabytes as fast as its console takes them and sleeps: the same flood for whichever
 * daemon reads it.
 */
#include "guest.h"

#define LINES 32768

void guest_main(const uint8_t *dtb)
{
	static char line[] = "flood: 00000: what a guest has to say when nobody asked it to..\n";

	(void)dtb;
	for (unsigned i = 0; i < LINES; i++) {
		for (unsigned digit = 0, n = i; digit < 5; digit++, n /= 10)
			line[11 - digit] = (char)('0' + n % 10);
		print(line);
	}
	print("flood: done\n");
	for (;;)
		__asm__ volatile("wfi");
}
