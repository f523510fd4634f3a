; Random values for all control registers and EFER, some with more than one reserved bit, and back to what it
; runs with: all that may come of it is #GP.
%include "tests/guest/hostile.inc"

ROUNDS equ 250
EFER equ 0xc0000080

start:
	mov	rax, cr0
	mov	[old_cr0], rax
	mov	rax, cr3
	mov	[old_cr3], rax
	mov	rax, cr4
	mov	[old_cr4], rax
	mov	ecx, EFER
	rdmsr
	mov	[old_efer], eax
	xor	eax, eax
	cpuid
	cmp	ebx, 'Auth'		; an emulator refuses to enter with these bits where others raise #GP
	jne	.rounds
	mov	qword [cr3_bits], 0xfff
.rounds:
	mov	r13d, ROUNDS
round:
	call	few
	xor	rax, [old_cr4]
	try	mov cr4, rax
	mov	rax, cr4
	call	few
	xor	rax, [old_cr0]
	try	mov cr0, rax
	mov	rax, cr0
	call	random
	and	rax, [cr3_bits]
	or	rax, [old_cr3]
	try	mov cr3, rax
	call	random
	try	lmsw ax
	clts
	smsw	eax
	call	few
	mov	rdx, rax
	shr	rdx, 32
	xor	eax, [old_efer]
	mov	ecx, EFER
	try	wrmsr
	cpuid				; an entry with all of it
	call	restore
	call	random
	try	mov cr8, rax
	and	eax, 15
	mov	cr8, rax
	dec	r13d
	jnz	round
	xor	eax, eax
	mov	cr8, rax
	jmp	pass

; RAX: a random number with few bits set.
few:
	call	random
	mov	rbx, rax
	call	random
	and	rbx, rax
	call	random
	and	rbx, rax
	call	random
	and	rax, rbx
	ret

restore:
	mov	ecx, EFER
	mov	eax, [old_efer]
	xor	edx, edx
	wrmsr
	mov	rax, [old_cr3]
	mov	cr3, rax
	mov	rax, [old_cr4]
	mov	cr4, rax
	mov	rax, [old_cr0]
	mov	cr0, rax
	ret

align 8
old_cr0: dq	0
old_cr3: dq	0
old_cr4: dq	0
cr3_bits: dq	0xfff0000000000fff ; not the address
old_efer: dd	0
