// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Starts every vcpu that the device tree lists, by the number it has there, and waits until each
 * has said who it is.
 */
#include "guest.h"

#define FDT_BEGIN 1u
#define FDT_PROP 3u
#define FDT_END 9u
#define MAX_VCPUS 128u
#define MPIDR_AFFINITY 0xff00ffffffull

extern char smp_entry[];
long smp_cpu_on(uint64_t mpidr, const char *entry, volatile uint64_t *who);

static volatile uint64_t who[MAX_VCPUS];
static uint32_t listed[MAX_VCPUS], nr_listed;

static int starts(const uint8_t *s, const char *prefix)
{
	while (*prefix && *s == (uint8_t)*prefix)
		s++, prefix++;
	return !*prefix;
}

/* The reg of each node cpu@N. */
static void read_tree(const uint8_t *dtb)
{
	const uint8_t *at = dtb + be32(dtb + 8), *strings = dtb + be32(dtb + 12);
	int is_cpu = 0;

	for (uint32_t token = be32(at); token != FDT_END && nr_listed < MAX_VCPUS;
	     token = be32(at)) {
		at += 4;
		if (token == FDT_BEGIN) {
			is_cpu = starts(at, "cpu@");
			while (*at)
				at++;
			at += 4 - ((uintptr_t)at & 3);
		} else if (token == FDT_PROP) {
			const uint8_t *name = strings + be32(at + 4);

			if (is_cpu && starts(name, "reg") && !name[3])
				listed[nr_listed++] = be32(at + 8);
			at += 8 + ((be32(at) + 3) & ~3u);
		}
	}
}

void guest_main(const uint8_t *dtb)
{
	uint32_t refused = 0, wrong = 0;

	read_tree(dtb);
	for (uint32_t i = 1; i < nr_listed; i++)
		refused += smp_cpu_on(listed[i], smp_entry, &who[i]) != 0;
	for (uint32_t i = 1; i < nr_listed && !refused; i++) {
		while (!who[i])
			__asm__ volatile("yield");
		wrong += (who[i] & MPIDR_AFFINITY) != listed[i];
	}
	print("smp: ");
	print_number(nr_listed, 10);
	print(" vcpus, ");
	print_number(refused, 10);
	print(" refused, ");
	print_number(wrong, 10);
	print(" wrong\n");
}
