; Writes to its serial port without end.
%include "tests/guest/hostile.inc"

start:
	mov	edx, COM1
.loop:	inc	eax
	out	dx, al
	jmp	.loop
