; A stack at an address that is not canonical: neither the stack fault nor the double fault can be pushed.
%include "tests/guest/hostile.inc"

start:
	mov	rsp, 0x800000000000
	push	rax
	jmp	bad
