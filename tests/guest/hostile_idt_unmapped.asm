; An IDT that no page table maps, for an exception that the hypervisor injects: the page fault of that finds
; none either.
%include "tests/guest/hostile.inc"

start:
	mov	rax, 0x7fff00000000
	mov	[idt_pointer + 2], rax
	lidt	[idt_pointer]
	mov	ecx, 0x12345678		; no such MSR
	rdmsr
	jmp	bad
