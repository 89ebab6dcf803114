/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LIBVMM_DT_HARDWARE_H
#define LIBVMM_DT_HARDWARE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/str.h"
#include "libvmm/boot_plan.h"

/* Devices as device trees tell of them, for whoever compares what is given with what is there. */
struct hardware {
	struct boot_ranges pages;	/* machine addresses, in bytes */
	uint32_t *irqs;			/* Xen's numbers: SPIs from 32 on */
	size_t nr_irqs;
	struct strlist paths;		/* of nodes in the board's tree */
};
void hardware_free(struct hardware *h);
#define autohardware __attribute__((cleanup(hardware_free)))
void hardware_add_irq(struct hardware *h, uint32_t irq);

/* What a partial tree hands over: xen,reg, xen,path, interrupts. It was checked (dt_partial_load).
 * Adds to `out`. */
void dt_hardware_partial(const void *blob, struct hardware *out);

/* The devices of a board that dom0 does not get (xen,passthrough), each with its one path. The tree
 * was checked. */
struct board_devices {
	struct hardware *v;
	size_t nr;
};
void dt_hardware_board(const void *fdt, struct board_devices *out);
void board_devices_free(struct board_devices *d);

#endif
