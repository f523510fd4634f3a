; A GDT right behind the end of RAM, which the delivery of an exception reads.
%include "tests/guest/hostile.inc"

start:
	mov	dword [idt_pointer + 2], RAM_END
	lgdt	[idt_pointer]
	ud2
	jmp	bad
