; String I/O from a page's end to where nothing is mapped: the registers say how far it came.
%include "tests/guest/hostile.inc"

BORDER equ 0xc0000000

start:
	mov	qword [TABLES + 0x1018], 0 ; no fourth GiB
	mov	rax, cr3
	mov	cr3, rax
	mov	edi, BORDER - 3
	mov	ecx, 0x100
	mov	edx, 0x80
	expect	14, rep insb
	cmp	edi, BORDER
	hold	e
	cmp	ecx, 0x100 - 3
	hold	e
	mov	rax, cr2
	cmp	rax, rdi
	hold	e
	mov	edi, BORDER - 3
	mov	ecx, 0x100
	expect	14, rep insd
	cmp	edi, BORDER - 3
	hold	e
	mov	rax, cr2
	mov	esi, BORDER
	cmp	rax, rsi
	hold	e
	mov	esi, BORDER - 1
	expect	14, rep outsd
	cmp	esi, BORDER - 1
	hold	e
	cmp	ecx, 0x100
	hold	e
	jmp	pass
