; Spins with interrupts on, its local APIC in xAPIC mode.
%define XAPIC
%include "tests/guest/pi.inc"

guest:
	sti
.spin:
	inc	qword [abs dword SHARED + SHARED_LOOPS]
	jmp	.spin
