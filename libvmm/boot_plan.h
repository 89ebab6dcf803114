/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_BOOT_PLAN_H
#define LIBVMM_BOOT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "libvmm/layout.h"

/*
 * Where a boot loader may put what Xen is to find: a pure function of the board's memory, of what
 * lies there already, and of the sizes to be placed.
 */
struct boot_ranges {
	struct layout_range *v;
	size_t nr;
};
void boot_ranges_add(struct boot_ranges *r, uint64_t base, uint64_t size);
void boot_ranges_free(struct boot_ranges *r);

struct boot_map {
	struct boot_ranges ram; /* of the board; empty: not known, everything from `from` on is
				   taken for RAM */
	struct boot_ranges taken;	/* firmware, Xen, dom0's own modules, static memory */
	uint64_t from;			/* nothing below this */
};
#define BOOT_ALIGN (2ull << 20)		/* an Image wants 2 MiB; the others do not mind */

/* The lowest place for `size` bytes, which is taken from then on. ENOSPC: names the size and what
 * was looked through. */
int boot_place(struct boot_map *map, uint64_t size, const char *what, uint64_t *base,
	       struct err *err) must_check;
/* Take exactly this range: EINVAL outside RAM, EBUSY when something lies there. */
int boot_claim(struct boot_map *map, uint64_t base, uint64_t size, const char *what,
	       struct err *err) must_check;
/* Does all of it lie in RAM? */
bool boot_is_ram(const struct boot_map *map, uint64_t base, uint64_t size);
void boot_map_free(struct boot_map *map);

#endif
