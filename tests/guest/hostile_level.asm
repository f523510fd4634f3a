; A level-triggered interrupt that nobody takes back: acknowledged, it is there again at once.
%include "tests/guest/hostile.inc"

start:
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	eax, IOAPIC
	mov	dword [rax], 0x19	; pin 4, COM1: to this APIC ...
	mov	dword [rax + 0x10], 0
	mov	dword [rax], 0x18	; ... level-triggered, vector 0x50
	mov	dword [rax + 0x10], 0x8050
	com1_line_high
	sti
.loop:	jmp	.loop
