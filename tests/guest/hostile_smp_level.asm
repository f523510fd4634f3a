; A level-triggered interrupt for all that nobody takes back, while each rewrites the I/O APIC.
%include "tests/guest/hostile_smp.inc"

all:	com1_line_high
	sti
	mov	ebx, IOAPIC
.loop:	mov	dword [rbx], 0x19	; pin 4, COM1: to all ...
	mov	dword [rbx + 0x10], 0xff000000
	mov	dword [rbx], 0x18	; ... level-triggered, with a vector of its own
	lea	eax, [rdi * 2 + 0x8050]
	mov	[rbx + 0x10], eax
	call	random
	mov	ecx, eax
	and	ecx, 0x3f
	mov	[rbx], ecx		; any register
	or	ah, 0x20		; as far as it is an entry: no exceptions
	and	eax, 0xfffff9ff		; and no INIT
	or	al, 0x20
	test	cl, 1
	jz	.write
	shl	eax, 24
.write:	mov	[rbx + 0x10], eax
	jmp	.loop
