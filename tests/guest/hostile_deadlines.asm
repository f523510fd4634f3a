; Deadlines that are long over, and ones that never come, with a TSC that jumps about.
%include "tests/guest/hostile.inc"

start:
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	dword [rax + 0x320], 0x40040 ; TSC deadline
	sti
.loop:	mov	ecx, 0x3b		; TSC_ADJUST
	call	random
	mov	rdx, rax
	shr	rdx, 32
	wrmsr
	mov	ecx, 0x6e0
	mov	eax, 1
	xor	edx, edx
	wrmsr
	mov	eax, -1
	mov	edx, eax
	wrmsr
	call	random
	mov	rdx, rax
	shr	rdx, 32
	wrmsr
	jmp	.loop
