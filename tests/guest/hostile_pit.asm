; Junk to the PIT, the speaker's port included, with its interrupt on.
%include "tests/guest/hostile.inc"
COUNT equ 20000
%include "tests/guest/hostile_junk.inc"

again:
	xor	al, al			; all of both PICs
	out	0x21, al
	out	0xa1, al
	ret

align 2
ports:	dw	0x40, 0x41, 0x42, 0x43, 0x61
ports_end:
