; Page tables where neither RAM nor a device is.
%include "tests/guest/hostile.inc"

start:
	mov	eax, NOWHERE
	mov	cr3, rax
	jmp	bad
