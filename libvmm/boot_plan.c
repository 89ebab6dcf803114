// SPDX-License-Identifier: LGPL-2.1-or-later
/* Placing boot modules in a board's memory. Pure. */
#include "libvmm/boot_plan.h"

#include <errno.h>
#include <inttypes.h>

#include "base/mem.h"
#include "base/num.h"

void boot_ranges_add(struct boot_ranges *r, uint64_t base, uint64_t size)
{
	if (!size)
		return;
	r->v = xreallocarray(r->v, r->nr + 1, sizeof(*r->v));
	r->v[r->nr++] = (struct layout_range){ base, size };
}

void boot_ranges_free(struct boot_ranges *r)
{
	free(r->v);
	r->v = NULL;
	r->nr = 0;
}

void boot_map_free(struct boot_map *map)
{
	boot_ranges_free(&map->ram);
	boot_ranges_free(&map->taken);
}

/* Ranges whose end does not fit 64 bits reach to the end of everything. */
static uint64_t end_of(const struct layout_range *r)
{
	uint64_t end;

	return num_add(r->base, r->size, &end) ? end : UINT64_MAX;
}

static const struct layout_range *collision(const struct boot_map *map, uint64_t base, uint64_t end)
{
	for (size_t i = 0; i < map->taken.nr; i++)
		if (map->taken.v[i].base < end && end_of(&map->taken.v[i]) > base)
			return &map->taken.v[i];
	return NULL;
}

static bool is_ram(const struct boot_map *map, uint64_t base, uint64_t end)
{
	if (!map->ram.nr)
		return true;
	for (size_t i = 0; i < map->ram.nr; i++)
		if (map->ram.v[i].base <= base && end <= end_of(&map->ram.v[i]))
			return true;
	return false;
}

bool boot_is_ram(const struct boot_map *map, uint64_t base, uint64_t size)
{
	uint64_t end;

	return num_add(base, size, &end) && is_ram(map, base, end);
}

/* The next place at or above `base` within `ram` that collides with nothing. */
static bool first_fit(const struct boot_map *map, const struct layout_range *ram, uint64_t size,
		      uint64_t *base)
{
	uint64_t at = ram->base > map->from ? ram->base : map->from, end;
	const struct layout_range *hit;

	for (;;) {
		if (!num_add(at, BOOT_ALIGN - 1, &end))
			return false;
		at = num_align_down(end, BOOT_ALIGN);
		if (!num_add(at, size, &end) || end > end_of(ram))
			return false;
		hit = collision(map, at, end);
		if (!hit) {
			*base = at;
			return true;
		}
		at = end_of(hit);
	}
}

int boot_place(struct boot_map *map, uint64_t size, const char *what, uint64_t *base,
	       struct err *err)
{
	static const struct layout_range everything = { 0, UINT64_MAX };
	bool found = false;

	for (size_t i = 0; i < map->ram.nr && !found; i++)
		found = first_fit(map, &map->ram.v[i], size, base);
	if (!map->ram.nr)
		found = first_fit(map, &everything, size, base);
	if (!found)
		return err_set(err, ENOSPC,
			       "%s: %" PRIu64
			       " KiB fit nowhere in the board's memory above 0x%" PRIx64
			       "; lower --load-base or make it smaller",
			       what, (size + 1023) / 1024, map->from);
	boot_ranges_add(&map->taken, *base, size);
	return 0;
}

int boot_claim(struct boot_map *map, uint64_t base, uint64_t size, const char *what,
	       struct err *err)
{
	const struct layout_range *hit;
	uint64_t end;

	if (!size || !num_add(base, size, &end) || !is_ram(map, base, end))
		return err_set(err, EINVAL,
			       "%s: 0x%" PRIx64 " to 0x%" PRIx64 " is not memory of this board",
			       what, base, base + size);
	hit = collision(map, base, end);
	if (hit)
		return err_set(err, EBUSY,
			       "%s: 0x%" PRIx64 " to 0x%" PRIx64 " overlaps 0x%" PRIx64
			       " to 0x%" PRIx64 ", which is in use",
			       what, base, end, hit->base, end_of(hit));
	boot_ranges_add(&map->taken, base, size);
	return 0;
}
