; Junk to both PICs, while the PIT interrupts as fast as it goes.
%include "tests/guest/hostile.inc"
COUNT equ 20000
%include "tests/guest/hostile_junk.inc"

again:
	mov	al, 0x34		; mode 2, count 2
	out	0x43, al
	mov	al, 2
	out	0x40, al
	xor	al, al
	out	0x40, al
	ret

align 2
ports:	dw	0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1
ports_end:
