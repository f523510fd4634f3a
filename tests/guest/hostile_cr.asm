; Random values for all control and debug registers, EFER and XCR0, some with more than one reserved bit,
; and back to what it runs with: all that may come of it is #GP, #UD or #DB.
%include "tests/guest/hostile.inc"

ROUNDS equ 250
EFER equ 0xc0000080

start:
	mov	rax, cr0
	mov	[old_cr0], rax
	mov	rax, cr3
	mov	[old_cr3], rax
	mov	eax, 1
	cpuid
	and	ecx, 0x4000000		; XSAVE ...
	shr	ecx, 8			; ... is OSXSAVE in CR4: else XSETBV is undefined
	mov	rax, cr4
	or	eax, ecx
	mov	cr4, rax
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
	mov	ecx, eax
	and	ecx, 3
	shr	rax, 8
	mov	edx, eax
	and	eax, 7
	and	edx, 0x80000001
	try	xsetbv
	call	few
	mov	rdx, rax
	shr	rdx, 32
	xor	ecx, ecx
	try	xsetbv
	call	random
	try	mov cr8, rax
	and	eax, 15
	mov	cr8, rax
	call	debug
	dec	r13d
	jnz	round
	xor	eax, eax
	mov	cr8, rax
	jmp	power_off

; Breakpoints on what runs and on what handlers use, and any DR7.
debug:
	mov	rax, .here
	mov	dr0, rax
	lea	rax, [rsp - 64]		; the handler's, not the delivery's
	mov	dr1, rax
	call	random
	mov	dr2, rax
	mov	rax, old_cr0
	mov	dr3, rax
	call	random
	try	mov dr6, rax
	try	mov dr4, rax
	call	random
	try	mov dr7, rax
	call	random
	mov	eax, eax
	try	mov dr7, rax
.here:	cpuid
	try	mov rax, dr7
	mov	eax, DR7_OFF
	try	mov dr7, rax
	mov	dr7, rax
	ret

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
