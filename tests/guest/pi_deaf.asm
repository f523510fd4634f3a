; Spins with interrupts off for good.
%include "tests/guest/pi.inc"

guest:
	cli
.spin:
	inc	qword [abs dword SHARED + SHARED_LOOPS]
	jmp	.spin
