; One of several guests that have their own memory at the same addresses. Takes a letter from its serial port,
; finds its memory empty, writes a value of that letter's into each page and looks for it again and again:
; "." for each time that all of it was there, "x" when anything else was.
%include "tests/guest/hostile.inc"

FIRST equ 0x200000
LAST equ 0x2000000			; 32 MiB
STEP equ 0x1000 - 8			; another line of each page, so that no cache has only one set of it

start:
	mov	rsi, text
	call	print
	mov	dx, COM1 + 5		; line status
.wait:	in	al, dx
	test	al, 1
	jz	.wait
	mov	dx, COM1
	in	al, dx
	movzx	eax, al
	mov	rbx, 0x0101010101010101
	imul	rbx, rax
	mov	edi, FIRST
.empty:	cmp	qword [rdi], 0
	jne	.wrong
	add	edi, 0x1000
	cmp	edi, LAST
	jb	.empty
	mov	edi, FIRST
	mov	rax, rbx
.fill:	mov	[rdi], rax
	inc	rax
	add	edi, STEP
	cmp	edi, LAST - 8
	jb	.fill
.again:
	mov	edi, FIRST
	mov	rax, rbx
.look:	cmp	[rdi], rax
	jne	.wrong
	mov	[rdi], rax
	inc	rax
	add	edi, STEP
	cmp	edi, LAST - 8
	jb	.look
	mov	al, '.'
	mov	edx, COM1
	out	dx, al
	jmp	.again
.wrong:
	mov	al, 'x'
	mov	edx, COM1
	out	dx, al
	jmp	power_off

text:	db	"go", 10, 0
