; An IDT right behind the end of RAM.
%include "tests/guest/hostile.inc"

start:
	mov	dword [idt_pointer + 2], RAM_END
	lidt	[idt_pointer]
	ud2
	jmp	bad
