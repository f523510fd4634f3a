; INT n without an IDT: the general protection fault of that finds none either.
%include "tests/guest/hostile.inc"

start:
	mov	word [idt_pointer], 0
	lidt	[idt_pointer]
	int	0x80
	jmp	bad
