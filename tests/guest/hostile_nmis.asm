; NMIs to itself without end.
%include "tests/guest/hostile.inc"

start:
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
.loop:	mov	dword [rax + 0x300], 0x4400
	jmp	.loop
