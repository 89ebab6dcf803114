// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Drives a PL031 clock and a PL061 GPIO controller that were passed through, where the device tree
 * says they are, without a kernel: reads the time, sets it, and finds it set; turns pins into
 * outputs and reads them back.
 */
#include "guest.h"

#define FDT_BEGIN 1u
#define FDT_END_NODE 2u
#define FDT_PROP 3u
#define FDT_NOP 4u

#define RTC_DR 0x000
#define RTC_LR 0x008
#define RTC_ID 0xfe0
#define GPIO_DATA 0x000
#define GPIO_DIR 0x400
#define GPIO_ID 0xfe0

static uint32_t reg(uint64_t base, uint32_t offset)
{
	return *(volatile uint32_t *)(uintptr_t)(base + offset);
}

static void set(uint64_t base, uint32_t offset, uint32_t v)
{
	*(volatile uint32_t *)(uintptr_t)(base + offset) = v;
	__sync_synchronize();
}

static int starts(const uint8_t *s, const char *prefix)
{
	while (*prefix && *s == (uint8_t)*prefix)
		s++, prefix++;
	return !*prefix;
}

static int equal(const uint8_t *s, const char *t)
{
	while (*t && *s == (uint8_t)*t)
		s++, t++;
	return *s == (uint8_t)*t;
}

/* Where the first node whose name begins so has its registers (two cells of address); 0: there is
 * none. */
static uint64_t find(const uint8_t *dtb, const char *name)
{
	const uint8_t *at = dtb + be32(dtb + 8), *strings = dtb + be32(dtb + 12);
	int inside = 0;

	for (;;) {
		uint32_t token = be32(at);

		at += 4;
		if (token == FDT_BEGIN) {
			inside = starts(at, name);
			while (*at)
				at++;
			at += 4 - ((uintptr_t)at & 3);
		} else if (token == FDT_PROP) {
			uint32_t len = be32(at);

			if (inside && equal(strings + be32(at + 4), "reg"))
				return (uint64_t)be32(at + 8) << 32 | be32(at + 12);
			at += 8 + ((len + 3) & ~3u);
		} else if (token != FDT_END_NODE && token != FDT_NOP) {
			return 0;
		}
	}
}

static void check_clock(uint64_t base)
{
	uint32_t before = reg(base, RTC_DR), after;

	set(base, RTC_LR, 1000000000);
	after = reg(base, RTC_DR);
	print("devices: clock at 0x");
	print_number(base, 16);
	print(" id ");
	print_number(reg(base, RTC_ID) & 0xff, 16);
	print(before > 1500000000 ? " tells the time" : " is far off");
	print(after - 1000000000 <= 2 ? ", was set\n" : ", was not set\n");
	set(base, RTC_LR, before);
}

static void check_gpio(uint64_t base)
{
	uint32_t bad = 0;

	set(base, GPIO_DIR, 0xff);
	for (uint32_t pins = 0; pins < 256; pins += 5) {
		/* The address says which pins are meant. */
		set(base, GPIO_DATA + (0xff << 2), pins);
		bad += (reg(base, GPIO_DATA + (0xff << 2)) & 0xff) != pins;
	}
	set(base, GPIO_DIR, 0);
	print("devices: gpio at 0x");
	print_number(base, 16);
	print(" id ");
	print_number(reg(base, GPIO_ID) & 0xff, 16);
	print(bad ? ", pins do not follow\n" : ", pins follow\n");
}

void guest_main(const uint8_t *dtb)
{
	uint64_t clock = find(dtb, "pl031@"), gpio = find(dtb, "pl061@");

	if (clock)
		check_clock(clock);
	if (gpio)
		check_gpio(gpio);
	print("devices: done\n");
}
