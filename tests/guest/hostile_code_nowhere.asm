; Jumps to where neither RAM nor a device is.
%include "tests/guest/hostile.inc"

start:
	mov	eax, NOWHERE
	jmp	rax
