// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Says what it was started with and ends.
 */
#include "guest.h"

void guest_main(const uint8_t *dtb)
{
	print("hello: ");
	print_number(sizeof(long) * 8, 10);
	print(" bits, device tree at 0x");
	print_number((unsigned long)dtb, 16);
	print(", magic ");
	print_number(be32(dtb), 16);
	print(", ");
	print_number(be32(dtb + 4), 10);
	print(" bytes\n");
}
