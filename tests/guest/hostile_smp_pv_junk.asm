; Hypercalls with random arguments, areas that all vCPUs share and move, and whose bytes they change all the time:
; versions, the flag of a vCPU that does not run.
%include "tests/guest/hostile_smp_pv.inc"

all:	begin
	sti
.loop:	call	random
	mov	rbx, rax
	call	random
	mov	rcx, rax
	call	random
	movzx	edx, ah
	and	eax, 15
	mov	r12d, eax
	call	random
	mov	rsi, rax
	test	eax, 0x3000
	jz	.call
	and	esi, 0xff		; a fixed interrupt
	or	esi, 0x20
.call:	mov	eax, r12d
	call	[call_insn]
	mov	edx, AREA
.spoil:	lock xor dword [rdx + 8], 1	; versions and flags
	lock not byte [rdx + 16]
	lock xor dword [rdx], 1
	add	edx, 64
	cmp	edx, AREA + 0x400
	jne	.spoil
	call	random
	and	eax, 0x3c0
	lea	eax, [rax + AREA + 1]
	xor	edx, edx
	mov	ecx, MSR_STEAL
	wrmsr
	mov	ecx, MSR_CLOCK
	wrmsr
	mov	ecx, 0x3b		; the TSC, so that all show their clocks anew
	call	random
	xor	edx, edx
	wrmsr
	jmp	.loop
