; INIT and SIPI, at random, to all but vCPU 0, by all: those that are sent away in the middle of it too.
%include "tests/guest/hostile_smp.inc"

all:	call	random
	mov	rbx, rax
	xor	edx, edx
	div	dword [others]
	inc	edx			; to whom
	mov	ecx, X2APIC_ICR
	mov	eax, ICR_INIT
	test	bl, 3
	jz	.send
	mov	eax, ICR_SIPI | TRAMPOLINE >> 12
	test	bl, 4
	jz	.send
	inc	eax			; the other copy
.send:	wrmsr
	jmp	all
