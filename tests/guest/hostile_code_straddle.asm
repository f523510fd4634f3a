; An instruction that begins in RAM and ends behind it.
%include "tests/guest/hostile.inc"

start:
	mov	word [RAM_END - 2], 0xb8 ; MOV EAX, imm32
	mov	eax, RAM_END - 2
	jmp	rax
