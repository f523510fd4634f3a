; A GDT in the registers of the I/O APIC.
%include "tests/guest/hostile.inc"

start:
	mov	dword [idt_pointer + 2], IOAPIC
	lgdt	[idt_pointer]
	mov	ax, DATA
	mov	ds, ax
	jmp	bad
