; String I/O with a count of 2^64 - 1, and again when that is through: never.
%include "tests/guest/hostile.inc"

start:
	mov	rcx, -1
	mov	edx, 0x80
	mov	esi, 0x100000
	rep outsb
	jmp	start
