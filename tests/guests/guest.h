/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef TESTS_GUESTS_GUEST_H
#define TESTS_GUESTS_GUEST_H

#include <stdint.h>

/*
 * What the bare-metal guests stand on: hypercalls and a console. Each guest is one file with
 * guest_main; it ends the domain when that returns.
 */

/* Xen's hypercall numbers, include/public/xen.h. */
#define HYPERVISOR_EVENT_CHANNEL_OP 32
#define HYPERVISOR_HVM_OP 34
#define DOMID_SELF 0x7ff0u

long hypercall(unsigned long nr, unsigned long arg1, const void *arg2);

/* To the PV console; and to the emulated UART when the device tree has one. */
void print(const char *s);
void print_number(unsigned long v, unsigned base);
uint64_t param_get(uint32_t index);
uint32_t be32(const void *p);
/* Is the word anywhere in the device tree, the command line among it? */
int dtb_says(const uint8_t *dtb, const char *word);

/* The PV console, if it is there by now; done before guest_main, and again by guests that get it
 * late. Returns 1 if so. */
int console_open(void);
/* Some 15 ms without a processor, where there is a GICv3; else a turn for others. */
void nap(void);

/* dtb: as the guest was given it. */
void guest_main(const uint8_t *dtb);

#endif
