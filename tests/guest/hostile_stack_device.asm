; A stack in the local APIC's registers, which an exception is pushed to.
%include "tests/guest/hostile.inc"

start:
	mov	esp, LAPIC + 0x400
	int3
	jmp	bad
