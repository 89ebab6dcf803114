/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the other vcpus of the smp guest begin, and PSCI's CPU_ON for the first.
 */
	.section .text.smp, "ax"
	.global smp_entry
smp_entry:				/* x0: where to write who came */
	bl	mmu_on
	mrs	x9, mpidr_el1
	str	x9, [x0]
	dsb	sy
	ldr	w0, =0x84000002		/* PSCI CPU_OFF */
	hvc	#0
1:	wfi
	b	1b

	.global smp_cpu_on
smp_cpu_on:				/* (mpidr, entry, context); the answer is PSCI's */
	mov	x3, x2
	mov	x2, x1
	mov	x1, x0
	ldr	w0, =0xc4000003		/* PSCI CPU_ON */
	hvc	#0
	ret
	.ltorg
