/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The vectors of the latency guest: the counter is read before anything else; only the interrupt is expected.
 */
	.macro entry, to
	.balign	128
	b	\to
	.endm

	.section .text.vectors, "ax"
	.balign	2048
	.global latency_vectors
latency_vectors:
	.rept	5
	entry	unexpected
	.endr
	.balign	128			/* IRQ, on this level's own stack */
	sub	sp, sp, #192
	stp	x0, x1, [sp]
	mrs	x0, cntvct_el0
	b	irq
	.rept	10
	entry	unexpected
	.endr

irq:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x30, [sp, #144]
	bl	irq_handler
	ldp	x18, x30, [sp, #144]
	ldp	x16, x17, [sp, #128]
	ldp	x14, x15, [sp, #112]
	ldp	x12, x13, [sp, #96]
	ldp	x10, x11, [sp, #80]
	ldp	x8, x9, [sp, #64]
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp]
	add	sp, sp, #192
	eret

unexpected:
	ldr	w0, =0x84000008		/* PSCI SYSTEM_OFF */
	hvc	#0
1:	wfi
	b	1b
