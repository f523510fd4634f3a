; Junk to the RTC and its memory, with its interrupts on.
%include "tests/guest/hostile.inc"
COUNT equ 20000
%include "tests/guest/hostile_junk.inc"

again:
	xor	al, al			; all of both PICs
	out	0x21, al
	out	0xa1, al
	ret

align 2
ports:	dw	0x70, 0x71, 0x71, 0x72, 0x73
ports_end:
