; A triple fault: an exception without an IDT.
%include "tests/guest/hostile.inc"

start:
	mov	word [idt_pointer], 0
	lidt	[idt_pointer]
	int3
	jmp	bad
