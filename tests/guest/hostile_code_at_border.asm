; Single-byte instructions up to the end of RAM, and on.
%include "tests/guest/hostile.inc"

start:
	mov	dword [RAM_END - 4], 0x90909090 ; NOP
	mov	eax, RAM_END - 4
	jmp	rax
