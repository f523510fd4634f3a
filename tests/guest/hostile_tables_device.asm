; Page tables in the registers of the I/O APIC.
%include "tests/guest/hostile.inc"

start:
	mov	eax, IOAPIC
	mov	cr3, rax
	jmp	bad
