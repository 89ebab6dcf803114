/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvmm/layout: upstream's places for the guests it builds, and no overlap for any size. */
#include "libvmm/layout.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include "tests/test.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static struct err err;
static struct layout map;

static struct layout_request linux_of(uint64_t memory)
{
	return (struct layout_request){
		.memory_kb = memory / KIB,
		.kernel_base = LAYOUT_RAM0,
		.kernel_size = 32 * MIB + 12345,
		.initrd_size = 1563935,
		.dtb_size = 1767,
		.gpaddr_bits = 40,
	};
}

static bool overlap(const struct layout_range *a, const struct layout_range *b)
{
	return a->size && b->size && a->base < b->base + b->size && b->base < a->base + a->size;
}

static bool inside(const struct layout_range *part, const struct layout_range *whole)
{
	return !part->size ||
	       (part->base >= whole->base && part->base + part->size <= whole->base + whole->size);
}

/* What holds for every plan. */
static void check_plan(const struct layout_request *req)
{
	const struct layout_range *parts[] = { &map.kernel, &map.initrd, &map.dtb };
	uint64_t total = map.bank[0].size + map.bank[1].size;

	ck_assert_uint_eq(total, req->memory_kb * KIB & ~0xfffull);
	ck_assert_uint_eq(map.nr_banks, map.bank[1].size ? 2 : 1);
	ck_assert_uint_ge(map.initrd.size, req->initrd_size);
	ck_assert_uint_ge(map.dtb.size, req->dtb_size);
	for (size_t i = 0; i < array_size(parts); i++) {
		ck_assert(inside(parts[i], &map.bank[0]) || inside(parts[i], &map.bank[1]));
		for (size_t j = 0; j < i; j++)
			ck_assert_msg(!overlap(parts[i], parts[j]),
				      "parts %zu and %zu overlap at %llu KiB", i, j,
				      (unsigned long long)req->memory_kb);
	}
	ck_assert(map.initrd.base % 4096 == 0 && map.dtb.base % 4096 == 0);
	for (unsigned i = 0; i < map.nr_extended; i++) {
		ck_assert(!overlap(&map.extended[i], &map.bank[0]) &&
			  !overlap(&map.extended[i], &map.bank[1]));
		ck_assert_uint_ge(map.extended[i].size, 64 * MIB);
		ck_assert(map.extended[i].base % (2 * MIB) == 0);
	}
}

START_TEST(as_upstream_places_them)
{
	static const struct {
		uint64_t memory, initrd_size, initrd, dtb;
	} rows[] = {
		/* seen with the stock toolstack of 4.17 */
		{ 256 * MIB, 1563935, 0x48000000, 0x4817e000 },
		{ 256 * MIB, 0, 0, 0x48000000 },
		{ 2500 * MIB, 1563935, 0x48000000, 0x4817e000 },
		/* at the top when 128 MiB are not there */
		{ 128 * MIB, 1563935, 0x47e81000, 0x47fff000 },
		{ 64 * MIB, 1563935, 0x43e81000, 0x43fff000 },
	};

	for (size_t i = 0; i < array_size(rows); i++) {
		struct layout_request req = linux_of(rows[i].memory);

		req.initrd_size = rows[i].initrd_size;
		ck_ok(layout_plan(&req, &map, &err), &err);
		check_plan(&req);
		ck_assert_uint_eq(map.initrd.base, rows[i].initrd);
		ck_assert_uint_eq(map.dtb.base, rows[i].dtb);
	}
}
END_TEST

START_TEST(below_a_kernel_that_lies_high)
{
	struct layout_request req = linux_of(64 * MIB);

	req.kernel_base = LAYOUT_RAM0 + 30 * MIB;
	req.kernel_size = 33 * MIB;
	ck_ok(layout_plan(&req, &map, &err), &err);
	check_plan(&req);
	ck_assert_uint_lt(map.dtb.base, map.kernel.base);
}
END_TEST

START_TEST(tiny_guests)
{
	/* a bare-metal guest of a few pages, down to where nothing fits */
	for (uint64_t kib = 16; kib <= 8 * MIB / KIB; kib += 4) {
		struct layout_request req = {
			.memory_kb = kib, .kernel_base = LAYOUT_RAM0, .kernel_size = 8192, .dtb_size = 1500,
		};

		ck_ok(layout_plan(&req, &map, &err), &err);
		check_plan(&req);
	}
	struct layout_request none = {
		.memory_kb = 8, .kernel_base = LAYOUT_RAM0, .kernel_size = 8192, .dtb_size = 1500
	};
	ck_fails(layout_plan(&none, &map, &err), &err, ENOMEM, "raise memory=");
}
END_TEST

START_TEST(sweep)
{
	/* 4 MiB to 1019 GiB, around every power of two and in steps between */
	for (uint64_t memory = 4 * MIB; memory <= 1019 * GIB;
	     memory += memory / 7 / (4 * KIB) * (4 * KIB)) {
		for (int64_t off = -1; off <= 1; off++) {
			struct layout_request req = linux_of(memory + off * (int64_t)(4 * KIB));

			req.kernel_size = memory / 4;
			if (req.kernel_size > 64 * MIB)
				req.kernel_size = 64 * MIB;
			req.initrd_size = memory / 8 > 300 * MIB ? 300 * MIB : memory / 8;
			req.gpaddr_bits = 44;
			if (req.memory_kb > (LAYOUT_RAM0_SIZE + LAYOUT_RAM1_SIZE) / KIB)
				continue;
			ck_ok(layout_plan(&req, &map, &err), &err);
			check_plan(&req);
		}
	}
}
END_TEST

START_TEST(extended_regions)
{
	struct layout_request req = linux_of(256 * MIB);

	ck_ok(layout_plan(&req, &map, &err), &err);
	ck_assert_uint_eq(map.nr_extended, 2);
	ck_assert_uint_eq(map.extended[0].base, 0x50000000);
	ck_assert_uint_eq(map.extended[0].size, 0xb0000000);
	ck_assert_uint_eq(map.extended[1].base, 0x200000000);
	ck_assert_uint_eq(map.extended[1].size, 0xfe00000000);
	/* a host of 32 address bits sees no second bank */
	req.gpaddr_bits = 32;
	ck_ok(layout_plan(&req, &map, &err), &err);
	ck_assert_uint_eq(map.nr_extended, 1);
	/* what is left of a bank is too small */
	req = linux_of(3 * GIB - 63 * MIB);
	ck_ok(layout_plan(&req, &map, &err), &err);
	ck_assert_uint_eq(map.nr_extended, 1);
	ck_assert_uint_eq(map.extended[0].base, 0x200000000);
	/* nothing known of the host: nothing promised */
	req.gpaddr_bits = 0;
	ck_ok(layout_plan(&req, &map, &err), &err);
	ck_assert_uint_eq(map.nr_extended, 0);
}
END_TEST

START_TEST(what_does_not_fit)
{
	struct layout_request req = linux_of(0);

	ck_fails(layout_plan(&req, &map, &err), &err, EINVAL, "without memory");
	req = linux_of(2000 * GIB);
	ck_fails(layout_plan(&req, &map, &err), &err, EINVAL, "more than a guest can have");
	req.memory_kb = UINT64_MAX;
	ck_fails(layout_plan(&req, &map, &err), &err, EINVAL, "more than a guest can have");
	req = linux_of(8 * GIB);
	req.gpaddr_bits = 32;
	ck_fails(layout_plan(&req, &map, &err), &err, EINVAL, "32 address bits");
	req = linux_of(16 * MIB);
	ck_fails(layout_plan(&req, &map, &err), &err, EINVAL, "the kernel wants 0x40000000-");
	req = linux_of(64 * MIB);
	req.initrd_size = 40 * MIB;
	ck_fails(layout_plan(&req, &map, &err), &err, ENOMEM, "do not fit together in 65536 KiB");
	req.initrd_size = UINT64_MAX - 5;
	ck_fails(layout_plan(&req, &map, &err), &err, EFBIG, "cannot be placed");
	req.initrd_size = UINT64_MAX / 2;
	ck_fails(layout_plan(&req, &map, &err), &err, ENOMEM, "do not fit");
}
END_TEST

START_TEST(a_kernel_elsewhere)
{
	struct layout_request req = linux_of(64 * MIB);

	req.kernel_base = 0x80000;
	ck_fails(layout_plan(&req, &map, &err), &err, EINVAL,
		 "the guest's memory is 0x40000000-0x44000000");
	req.kernel_base = UINT64_MAX - 100;
	ck_fails(layout_plan(&req, &map, &err), &err, EINVAL, "wraps around");
	req.kernel_base = LAYOUT_RAM0;
	req.kernel_size = UINT64_MAX - LAYOUT_RAM0;
	ck_fails(layout_plan(&req, &map, &err), &err, EINVAL, "wraps around");
	/* in the second bank it may lie */
	req = linux_of(5 * GIB);
	req.kernel_base = LAYOUT_RAM1 + GIB;
	ck_ok(layout_plan(&req, &map, &err), &err);
	check_plan(&req);
}
END_TEST

TEST_MAIN("layout", as_upstream_places_them, below_a_kernel_that_lies_high, tiny_guests, sweep,
	  extended_regions, what_does_not_fit, a_kernel_elsewhere)
