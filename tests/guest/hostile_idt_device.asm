; An IDT in the local APIC's registers.
%include "tests/guest/hostile.inc"

start:
	mov	dword [idt_pointer + 2], LAPIC
	lidt	[idt_pointer]
	int3
	jmp	bad
