; Jumps into the local APIC's registers.
%include "tests/guest/hostile.inc"

start:
	mov	eax, LAPIC
	jmp	rax
