; Junk to the I/O APIC's registers, and random values to each that its index register selects.
%include "tests/guest/hostile.inc"
PAGE equ IOAPIC
%include "tests/guest/hostile_page.inc"

	mov	r12d, IOAPIC
	mov	r13d, 0x2000
.index:
	mov	[r12], r13d
	mov	eax, [r12 + 0x10]
	call	random
	mov	[r12 + 0x10], eax
	mov	eax, [r12 + 0x10]
	dec	r13d
	jns	.index
	mov	dword [r12], 1
	mov	eax, [r12 + 0x10]	; it still has its version: 24 pins
	shr	eax, 16
	cmp	al, 23
	hold	e
	jmp	pass
