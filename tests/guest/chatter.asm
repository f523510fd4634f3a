; Writes 1000 numbered lines to COM1 as fast as the UART takes them, an unfinished line with a control
; character at the end, and switches itself off by ACPI at once.
bits 64
org 0x100000

COM1	equ 0x3f8
LINES	equ 1000

	xor	ebx, ebx		; the line's number
line:
	mov	rsi, text
	call	write
	mov	eax, ebx		; its number, four digits
	mov	ecx, 1000
digit:
	xor	edx, edx
	div	ecx			; eax: the digit, edx: the rest
	push	rdx
	add	al, '0'
	call	put
	mov	eax, ecx
	xor	edx, edx
	mov	ecx, 10
	div	ecx
	mov	ecx, eax		; the next power of ten
	pop	rax
	test	ecx, ecx
	jnz	digit
	mov	rsi, rest
	call	write
	inc	ebx
	cmp	ebx, LINES
	jne	line
	mov	rsi, last
	call	write
	mov	dx, 0x604		; PM1a control
	mov	ax, 0x2000		; SLP_EN; SLP_TYP 0 is S5, as the DSDT says
	out	dx, ax
hang:
	hlt
	jmp	hang

write:	; the text at rsi, to a NUL
	lodsb
	test	al, al
	jz	written
	call	put
	jmp	write
written:
	ret

put:	; the character in al, when the transmitter is empty
	push	rax
	mov	dx, COM1 + 5		; line status
busy:
	in	al, dx
	test	al, 0x20		; THRE
	jz	busy
	pop	rax
	mov	dx, COM1
	out	dx, al
	ret

text:	db	"line ", 0
rest:	db	" of a thousand", 13, 10, 0
last:	db	"the end", 27, "[31m", 0
