; Overwrites all of its memory with zeroes: page tables, IDT, stack and the code that does it.
%include "tests/guest/hostile.inc"

start:
	xor	edi, edi
	xor	eax, eax
	mov	ecx, RAM_END / 8
	rep stosq
	mov	rcx, cr3		; without page tables there is no next instruction
	mov	cr3, rcx
	jmp	bad
