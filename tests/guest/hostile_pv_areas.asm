; Areas of KVM's paravirtual interface anywhere: at the end of RAM and behind it, in devices, on top of each other, over
; its own page tables' end, not aligned; with the TSC moved each time, so that they are written. All that may come of it is #GP,
; and what is not in RAM is refused.
%include "tests/guest/hostile.inc"

ROUNDS equ 4000
MSR_TSC_ADJUST equ 0x3b
MSR_CLOCK equ 0x4b564d01

start:
	mov	r13d, ROUNDS
.round:
	call	random
	and	eax, 7
	cmp	eax, 6
	jb	.new
	lea	r12d, [rax - 6 + 0x11]	; the old ones
	jmp	.value
.new:	lea	r12d, [rax + 0x4b564d00]
.value:
	call	random
	mov	r15, rax
	call	random
	mov	ebx, eax
	shr	ebx, 8
	and	ebx, 0xfffff
	mov	ecx, eax
	and	ecx, 7
	mov	rdx, [places + rcx * 8]
	test	eax, 0x40
	jz	.odd
	and	ebx, ~0x3f		; aligned, and on
	or	ebx, 1
.odd:	add	rdx, rbx
	cmp	ecx, 7
	jne	.write
	mov	rdx, r15		; anything
	mov	rax, 0xfffffffffff00000
	test	rdx, rax		; but not where this code is
	jz	.next
	mov	rax, rdx
	shr	rax, 21
	jz	.next
.write:
	mov	eax, edx
	shr	rdx, 32
	mov	ecx, r12d
	try	wrmsr
	try	rdmsr
	call	random
	xor	edx, edx
	mov	ecx, MSR_TSC_ADJUST
	wrmsr
.next:
	dec	r13d
	jnz	.round
	mov	ecx, MSR_CLOCK
	xor	eax, eax
	xor	edx, edx
	wrmsr
	mov	eax, (RAM_END - 28) | 1	; four bytes too far
	expect	13, wrmsr
	mov	ecx, MSR_CLOCK
	mov	eax, LAPIC | 1
	expect	13, wrmsr
	mov	ecx, MSR_CLOCK
	mov	eax, RAM_END - 31	; the last place
	expect	NOTHING, wrmsr
	jmp	pass

align 8
places:	dq	0x200000, 0x300000, RAM_END - 0x80000, LAPIC - 0x80000, IOAPIC, NOWHERE, 0x100000000, 0
