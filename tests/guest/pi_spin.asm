; Spins with interrupts on: no reason of its own to leave guest mode.
%include "tests/guest/pi.inc"

guest:
	sti
.spin:
	inc	qword [abs dword SHARED + SHARED_LOOPS]
	jmp	.spin
