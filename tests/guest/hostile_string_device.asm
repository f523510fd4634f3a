; String I/O from and to the registers of devices.
%include "tests/guest/hostile.inc"

start:
	mov	edi, LAPIC
	mov	esi, IOAPIC
	mov	ecx, 0x1000
	mov	dx, 0x80
	rep insb
	mov	ecx, 0x400
	rep outsd
	jmp	pass
