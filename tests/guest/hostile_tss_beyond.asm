; A TSS right behind the end of RAM, which the delivery of an exception reads for its stack.
%include "tests/guest/hostile.inc"

TSS equ 0x20

start:
	mov	rax, 0x0000890000000067 | (RAM_END & 0xffffff) << 16 | (RAM_END >> 24) << 56
	mov	[gdt + TSS], rax
	lgdt	[gdt_pointer]
	mov	ax, TSS
	ltr	ax
	mov	byte [IDT + 6 * 16 + 4], 1 ; the stack IST1 for #UD
	ud2
	jmp	bad

align 8
gdt:	dq	0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0
gdt_pointer:
	dw	6 * 8 - 1
	dq	gdt
