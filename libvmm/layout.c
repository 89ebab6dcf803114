// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Plans a guest's physical memory: banks, kernel, initrd, device tree, extended regions. Pure
 * arithmetic on sizes; what the sizes are of is the callers' business.
 */
#include <errno.h>
#include <stdbool.h>
#include "base/mem.h"
#include "base/num.h"
#include "libvmm/layout.h"

#define PAGE 0x1000ull
#define MIB (1ull << 20)
/* Nothing is placed in the block where the kernel ends: it may map its own end by sections of this
 * size. */
#define KERNEL_ALIGN (2 * MIB)
/* Far enough from a kernel that relocates or decompresses itself, within reach of a 32-bit kernel's
 * first mapping. */
#define MODULES_OFFSET (128 * MIB)
#define EXTENDED_ALIGN (2 * MIB)
#define EXTENDED_MIN (64 * MIB)

static const struct layout_range ram[2] = {
	{ LAYOUT_RAM0, LAYOUT_RAM0_SIZE },
	{ LAYOUT_RAM1, LAYOUT_RAM1_SIZE },
};

static uint64_t end_of(const struct layout_range *r)
{
	return r->base + r->size;
}

static int plan_banks(const struct layout_request *req, struct layout *out, struct err *err)
{
	uint64_t left;

	if (!num_mul(req->memory_kb, 1024, &left) || left > LAYOUT_RAM0_SIZE + LAYOUT_RAM1_SIZE)
		return err_set(err, EINVAL,
			       "memory of %llu KiB is more than a guest can have (1019 GiB)",
			       (unsigned long long)req->memory_kb);
	left = num_align_down(left, PAGE);
	if (!left)
		return err_set(err, EINVAL,
			       "a guest without memory cannot be built; set memory= (in MiB)");
	for (unsigned i = 0; i < 2 && left; i++) {
		out->bank[i].base = ram[i].base;
		out->bank[i].size = left < ram[i].size ? left : ram[i].size;
		left -= out->bank[i].size;
		out->nr_banks++;
	}
	/* Without its first address bits a guest could not even name its memory. */
	if (req->gpaddr_bits && req->gpaddr_bits < 64 &&
	    end_of(&out->bank[out->nr_banks - 1]) > 1ull << req->gpaddr_bits)
		return err_set(err, EINVAL,
			       "memory of %llu KiB does not fit the %u address bits of a guest on "
			       "this host",
			       (unsigned long long)req->memory_kb, req->gpaddr_bits);
	return 0;
}

static int plan_kernel(const struct layout_request *req, struct layout *out, struct err *err)
{
	uint64_t end;

	if (!num_add(req->kernel_base, req->kernel_size, &end) || end > UINT64_MAX - KERNEL_ALIGN)
		return err_set(
			err, EINVAL, "the kernel's size of %#llx bytes at %#llx wraps around",
			(unsigned long long)req->kernel_size, (unsigned long long)req->kernel_base);
	for (unsigned i = 0; i < out->nr_banks; i++) {
		const struct layout_range *bank = &out->bank[i];

		if (req->kernel_base >= bank->base && end <= end_of(bank)) {
			out->kernel = (struct layout_range){ req->kernel_base, req->kernel_size };
			return 0;
		}
	}
	return err_set(err, EINVAL,
		       "the kernel wants %#llx-%#llx, but the guest's memory is %#llx-%#llx; "
		       "link it for an address there, set load_address=, or give it more memory=",
		       (unsigned long long)req->kernel_base, (unsigned long long)end,
		       (unsigned long long)out->bank[0].base,
		       (unsigned long long)end_of(&out->bank[0]));
}

/* Upstream's order of choices, so that a guest finds its modules where it always did; then one more
 * for tiny guests, whose whole memory may be the block where the kernel ends. */
static bool choose_modules(const struct layout *map, uint64_t size, uint64_t *base)
{
	const struct layout_range *bank = &map->bank[0];
	uint64_t bank_end = end_of(bank), wish = bank->base + MODULES_OFFSET;
	uint64_t kernel_base = bank_end, kernel_end = bank->base, kernel_page_end = bank->base;

	if (map->kernel.base < bank_end) {
		kernel_base = map->kernel.base;
		kernel_end = num_align_up(end_of(&map->kernel), KERNEL_ALIGN);
		kernel_page_end = num_align_up(end_of(&map->kernel), PAGE);
	}
	if (size > bank->size)
		return false;
	if (bank_end >= wish + size && kernel_end < wish)
		*base = wish;
	else if (bank_end - size > kernel_end)
		*base = bank_end - size;
	else if (kernel_base - bank->base > size)
		*base = num_align_down(kernel_base - size, PAGE);
	else if (bank_end - size >= kernel_page_end)
		*base = bank_end - size;
	else
		return false;
	return true;
}

static int plan_modules(const struct layout_request *req, struct layout *out, struct err *err)
{
	uint64_t initrd, dtb, base;

	if (req->initrd_size > UINT64_MAX - PAGE || req->dtb_size > UINT64_MAX - PAGE ||
	    !num_add(num_align_up(req->initrd_size, PAGE), num_align_up(req->dtb_size, PAGE),
		     &base))
		return err_set(err, EFBIG, "a ramdisk of %llu bytes cannot be placed",
			       (unsigned long long)req->initrd_size);
	initrd = num_align_up(req->initrd_size, PAGE);
	dtb = num_align_up(req->dtb_size, PAGE);
	if (!choose_modules(out, initrd + dtb, &base))
		return err_set(err, ENOMEM,
			       "a kernel of %llu KiB, a ramdisk of %llu KiB and a device tree of "
			       "%llu KiB do not "
			       "fit together in %llu KiB of memory; raise memory= or use a smaller "
			       "ramdisk",
			       (unsigned long long)out->kernel.size / 1024,
			       (unsigned long long)initrd / 1024, (unsigned long long)dtb / 1024,
			       (unsigned long long)out->bank[0].size / 1024);
	if (initrd)
		out->initrd = (struct layout_range){ base, initrd };
	if (dtb)
		out->dtb = (struct layout_range){ base + initrd, dtb };
	return 0;
}

/* Where the guest may map other domains' pages: behind its memory in each bank (Xen's
 * docs/misc/arm/device-tree/guest.txt). */
static void plan_extended(const struct layout_request *req, struct layout *out)
{
	uint64_t last;

	if (!req->gpaddr_bits || req->gpaddr_bits > 64)
		return;
	last = ~0ull >> (64 - req->gpaddr_bits);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t base = num_align_up(ram[i].base + out->bank[i].size, EXTENDED_ALIGN);
		uint64_t bank_last = ram[i].base + ram[i].size - 1;

		if (bank_last > last)
			bank_last = last;
		if (bank_last > base && bank_last - base + 1 >= EXTENDED_MIN)
			out->extended[out->nr_extended++] =
				(struct layout_range){ base, bank_last - base + 1 };
	}
}

int layout_plan(const struct layout_request *req, struct layout *out, struct err *err)
{
	*out = (struct layout){ .nr_banks = 0 };
	if (plan_banks(req, out, err) < 0 || plan_kernel(req, out, err) < 0 ||
	    plan_modules(req, out, err) < 0)
		return -1;
	plan_extended(req, out);
	return 0;
}
