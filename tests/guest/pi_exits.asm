; Leaves guest mode all the time.
%include "tests/guest/pi.inc"

guest:
	sti
.next:
	xor	eax, eax
	cpuid
	inc	qword [abs dword SHARED + SHARED_LOOPS]
	jmp	.next
