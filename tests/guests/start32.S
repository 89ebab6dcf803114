/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 32-bit entry of the bare-metal guests, with the zImage header in front as FreeRTOS and ERIKA have it. The MMU goes on first,
 * with a table that is constant in the image: the pages shared with dom0 must be cacheable, as they are there.
 */
#define NORMAL	0x11c0e	/* section, write-back, shareable, full access */
#define DEVICE	0x00c02	/* section, strongly ordered, full access */

	.arch_extension virt
	.arm
	.section .text.start, "ax"
	.global _start
_start:
	.rept	8
	nop
	.endr
	b	begin
	.word	0x016f2818
	.word	_start
	.word	image_end

begin:
	ldr	sp, =stack_end
	mov	r4, r2			/* the device tree */
	mov	r0, #0
	mcr	p15, 0, r0, c2, c0, 2	/* TTBCR: one table */
	mvn	r0, #0
	mcr	p15, 0, r0, c3, c0, 0	/* DACR: no permission checks */
	ldr	r0, =sections
	orr	r0, r0, #0x4a		/* walks cacheable and shareable */
	mcr	p15, 0, r0, c2, c0, 0
	mov	r0, #0
	mcr	p15, 0, r0, c8, c7, 0	/* TLBIALL */
	dsb
	isb
	mrc	p15, 0, r0, c1, c0, 0
	orr	r0, r0, #0x1000
	orr	r0, r0, #0x5		/* M, C, I */
	mcr	p15, 0, r0, c1, c0, 0
	isb
	mov	r0, r4
	bl	main
	ldr	r0, =0x84000008		/* PSCI SYSTEM_OFF */
	hvc	#0
1:	wfi
	b	1b

	.global hypercall
hypercall:				/* (number, argument 1, argument 2) */
	push	{r4, lr}
	mov	r12, r0
	mov	r0, r1
	mov	r1, r2
	hvc	#0xea1
	pop	{r4, pc}
	.ltorg

	.data
	.balign	16384
sections:
	.set	at, 0
	.rept	4096
	.if	at == 0x380 || at == 0x390 || (at >= 0x400 && at < 0x800)
	.word	(at << 20) + NORMAL
	.else
	.word	(at << 20) + DEVICE
	.endif
	.set	at, at + 1
	.endr
	.fill	4096, 1, 0
	.balign	8
stack_end:
