; A level-triggered interrupt for all that nobody takes back, while each rewrites the I/O APIC.
%include "tests/guest/hostile_smp.inc"

all:	mov	al, 0xff		; not by the PIC
	out	0x21, al
	out	0xa1, al
	mov	edx, COM1 + 4
	mov	al, 8			; OUT2 lets interrupts through
	out	dx, al
	mov	edx, COM1 + 1
	mov	al, 2			; there is room to write, always
	out	dx, al
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
