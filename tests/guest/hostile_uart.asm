; Junk to all serial ports, with their interrupts on.
%include "tests/guest/hostile.inc"
COUNT equ 20000
%include "tests/guest/hostile_junk.inc"

again:
	xor	al, al			; all of both PICs
	out	0x21, al
	out	0xa1, al
	ret

align 2
ports:
%assign n 0
%rep 8
	dw	0x3f8 + n, 0x2f8 + n, 0x3e8 + n, 0x2e8 + n
%assign n n + 1
%endrep
ports_end:
