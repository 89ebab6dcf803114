/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 64-bit entry of the bare-metal guests, for the start of RAM: with the header that Xen's own loader wants, whose first word jumps
 * over it, so that the same file is a raw image. The MMU goes on first, with tables that are constants in the image: the pages
 * shared with dom0 must be cacheable, as they are there.
 */
#define NORMAL	0x705	/* block, AttrIndx 1, inner shareable, accessed */
#define DEVICE	0x401	/* block, AttrIndx 0, accessed */
#define TABLE	0x3

	.section .text.start, "ax"
	.global _start
_start:					/* Documentation/arm64/booting.rst */
	b	begin
	.word	0
	.quad	0			/* offset from the start of RAM, which is a multiple of 2 MiB */
	.quad	image_end - _start
	.quad	2			/* little-endian, 4 KiB pages */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.word	0

begin:
	adrp	x9, stack_end
	add	x9, x9, :lo12:stack_end
	mov	sp, x9
	bl	mmu_on
	bl	main			/* x0: the device tree */
	ldr	w0, =0x84000008		/* PSCI SYSTEM_OFF */
	hvc	#0
1:	wfi
	b	1b

	.global mmu_on
mmu_on:					/* changes x9 and x10 alone */
	ldr	x9, =0xff00		/* AttrIndx 0 device nGnRnE, 1 normal write-back */
	msr	mair_el1, x9
	/* 39 bits, 4 KiB pages, walks cacheable and inner shareable, no upper half, 40 bits out */
	ldr	x9, =0x200803519
	msr	tcr_el1, x9
	adrp	x9, level1
	msr	ttbr0_el1, x9
	dsb	sy
	isb
	tlbi	vmalle1
	dsb	sy
	isb
	mrs	x9, sctlr_el1
	mov	x10, #0x1005		/* M, C, I */
	orr	x9, x9, x10
	msr	sctlr_el1, x9
	isb
	ret

	.global hypercall
hypercall:				/* (number, argument 1, argument 2) */
	mov	x16, x0
	mov	x0, x1
	mov	x1, x2
	hvc	#0xea1
	ret

	.data
	.balign 4096
level1:
	.quad	level2 + TABLE
	.quad	0x40000000 + NORMAL
	.fill	510, 8, 0
level2:					/* the first GiB: devices, but for the grant table and the magic pages */
	.set	at, 0
	.rept	512
	.if	at == 0x38000000 || at == 0x39000000
	.quad	at + NORMAL
	.else
	.quad	at + DEVICE
	.endif
	.set	at, at + 0x200000
	.endr
	.fill	4096, 1, 0
stack_end:
