; An LDT right behind the end of RAM.
%include "tests/guest/hostile.inc"

LDT equ 0x20

start:
	mov	rax, 0x004082000000ffff | (RAM_END & 0xffffff) << 16 | (RAM_END >> 24) << 56
	mov	[gdt + LDT], rax
	lgdt	[gdt_pointer]
	mov	ax, LDT
	lldt	ax
	mov	ax, 4			; the LDT's first
	mov	ds, ax
	jmp	bad

align 8
gdt:	dq	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0
gdt_pointer:
	dw	6 * 8 - 1
	dq	gdt
