; Overwrites all of its memory with random numbers: page tables, IDT, stack and the code that does it.
%include "tests/guest/hostile.inc"

start:
	xor	edi, edi
	mov	ecx, RAM_END / 8
.next:	mov	rax, r14
	shl	rax, 13
	xor	r14, rax
	mov	rax, r14
	shr	rax, 7
	xor	r14, rax
	mov	rax, r14
	shl	rax, 17
	xor	rax, r14
	mov	r14, rax
	stosq
	loop	.next
	jmp	bad
