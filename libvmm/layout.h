/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_LAYOUT_H
#define LIBVMM_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/*
 * Where everything lies in a guest's physical address space: a pure function of sizes.
 * Source: xen/include/public/arch-arm.h (GUEST_*), xg_dom_arm.c for the placement of modules.
 *
 *	0x02000000  virtio-mmio     0x00100000   0x200 each, SPI 33..
 *	0x03001000  GICv2 GICD      0x00001000   (GICv3 GICD 0x00010000)
 *	0x03002000  GICv2 GICC      0x00002000
 *	0x03020000  GICv3 GICR      0x01000000
 *	0x22000000  vpl011          0x00001000   SPI 32 by default
 *	0x38000000  grant table     0x01000000
 *	0x39000000  magic pages     0x01000000   console, xenstore, memaccess, vuart
 *	0x40000000  RAM bank 0      up to 3 GiB
 *	0x200000000 RAM bank 1      up to 1016 GiB
 */
#define LAYOUT_VIRTIO_BASE 0x02000000ull
#define LAYOUT_VIRTIO_SIZE 0x00100000ull
#define LAYOUT_VIRTIO_STRIDE 0x200u
#define LAYOUT_VIRTIO_FIRST_SPI 33u
#define LAYOUT_VIRTIO_LAST_SPI 43u
#define LAYOUT_GICV2_GICD 0x03001000ull
#define LAYOUT_GICV2_GICD_SIZE 0x1000ull
#define LAYOUT_GICV2_GICC 0x03002000ull
#define LAYOUT_GICV2_GICC_SIZE 0x2000ull
#define LAYOUT_GICV3_GICD 0x03001000ull
#define LAYOUT_GICV3_GICD_SIZE 0x10000ull
#define LAYOUT_GICV3_GICR 0x03020000ull
#define LAYOUT_GICV3_GICR_SIZE 0x01000000ull
#define LAYOUT_VPL011 0x22000000ull
#define LAYOUT_VPL011_SIZE 0x1000ull
#define LAYOUT_VPL011_SPI 32u
#define LAYOUT_GNTTAB 0x38000000ull
#define LAYOUT_GNTTAB_SIZE 0x01000000ull
#define LAYOUT_MAGIC 0x39000000ull
#define LAYOUT_MAGIC_SIZE 0x01000000ull
enum layout_magic { MAGIC_CONSOLE, MAGIC_XENSTORE, MAGIC_MEMACCESS, MAGIC_VUART, NR_MAGIC };
#define LAYOUT_RAM0 0x40000000ull
#define LAYOUT_RAM0_SIZE 0xc0000000ull
#define LAYOUT_RAM1 0x200000000ull
#define LAYOUT_RAM1_SIZE 0xfe00000000ull
#define LAYOUT_TIMER_VIRT_PPI 27u
#define LAYOUT_TIMER_PHYS_S_PPI 29u
#define LAYOUT_TIMER_PHYS_NS_PPI 30u
#define LAYOUT_EVTCHN_PPI 31u
#define LAYOUT_PHANDLE_GIC 65000u
#define LAYOUT_PHANDLE_IOMMU 65001u
#define LAYOUT_MAX_VCPUS_GICV2 8u
#define LAYOUT_MAX_VCPUS_GICV3 128u

struct layout_range { uint64_t base, size; };	/* bytes; size 0: absent */

/* What is to be placed. */
struct layout_request {
	uint64_t memory_kb;
	/* the kernel: where it must lie, or an offset from RAM, see image.h */
	uint64_t kernel_base;		/* guest physical, as image_probe decided */
	uint64_t kernel_size;		/* with its BSS */
	uint64_t initrd_size, dtb_size;	/* 0: none */
	unsigned gpaddr_bits;		/* of the guest; 0: unknown */
};

struct layout {
	struct layout_range bank[2];
	struct layout_range kernel, initrd, dtb;
	struct layout_range extended[2]; /* for foreign mappings, in /hypervisor; size 0: none */
	unsigned nr_banks, nr_extended;
};

/* Fails when something does not fit, with both sizes and the remedy. */
int layout_plan(const struct layout_request *req, struct layout *out, struct err *err) must_check;

#endif
