; Sleeps whenever there is nothing to do.
%include "tests/guest/pi.inc"

guest:
	sti
	hlt
	inc	qword [abs dword SHARED + SHARED_LOOPS]
	jmp	guest
