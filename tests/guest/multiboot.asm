; A multiboot kernel that says what its loader told it on COM1, and a line on each other port that it
; finds. Loaded by the addresses in its header ("Multiboot Specification version 0.6.96", section 3.1).
bits 32
org 0x180000

MAGIC	equ 0x1badb002
FLAGS	equ 0x10003			; aligned modules, memory, the addresses below
BSS	equ 0x4000

start:
	jmp	entry
align 4
header:
	dd	MAGIC, FLAGS, -(MAGIC + FLAGS)
	dd	header, start, end, end + BSS, entry

entry:
	mov	esp, end + BSS
	mov	ebp, ebx		; the information
	cmp	eax, 0x2badb002
	jne	wrong
	mov	edi, end		; the bss is zeroed
	mov	ecx, BSS / 4 - 16	; but for the stack, which is not used yet
	xor	eax, eax
	repe scasd
	jne	wrong
	mov	dx, 0x3f8
	mov	esi, text_loader
	call	write
	mov	esi, [ebp + 64]
	call	write
	mov	esi, text_cmdline
	call	write
	mov	esi, [ebp + 16]
	call	write
	mov	edi, [ebp + 24]		; modules
	mov	ecx, [ebp + 20]
module:
	jecxz	map
	mov	esi, text_module
	call	write
	mov	esi, [edi + 8]
	call	write
	mov	esi, text_content
	call	write
	mov	esi, [edi]
content:
	cmp	esi, [edi + 4]
	jae	next
	lodsb
	call	put
	jmp	content
next:
	add	edi, 16
	dec	ecx
	jmp	module

map:	; the last stretch's end, in MiB
	mov	esi, text_map
	call	write
	mov	esi, [ebp + 48]
	add	esi, [ebp + 44]
	mov	eax, [esi - 20]		; base and length of the last of 24 bytes
	add	eax, [esi - 12]
	shr	eax, 20
	mov	bl, 10
	div	bl			; two digits
	push	eax
	add	al, '0'
	call	put
	pop	eax
	mov	al, ah
	add	al, '0'
	call	put
	mov	esi, text_ports
	call	write

	mov	esi, ports
port:
	movzx	edx, word [esi]
	add	esi, 2
	test	edx, edx
	jz	power_off
	push	esi
	add	edx, 7			; the scratch register tells whether there is a UART
	mov	al, 0x5a
	out	dx, al
	in	al, dx
	sub	edx, 7
	cmp	al, 0x5a
	jne	none
	mov	esi, text_hello
	call	write
none:
	pop	esi
	jmp	port

wrong:
	mov	dx, 0x3f8
	mov	esi, text_wrong
	call	write
power_off:
	mov	dx, 0x604		; PM1a control
	mov	ax, 0x2000		; SLP_EN; SLP_TYP 0 is S5, as the DSDT says
	out	dx, ax
hang:
	hlt
	jmp	hang

write:	; the text at esi, to a NUL, to the UART at dx
	lodsb
	test	al, al
	jz	written
	call	put
	jmp	write
written:
	ret

put:	; the character in al, when the transmitter is empty
	push	eax
	add	edx, 5			; line status
busy:
	in	al, dx
	test	al, 0x20		; THRE
	jz	busy
	sub	edx, 5
	pop	eax
	out	dx, al
	ret

ports:		dw 0x2f8, 0x3e8, 0x2e8, 0
text_loader:	db "loader: ", 0
text_cmdline:	db 13, 10, "command line: ", 0
text_module:	db 13, 10, "module ", 0
text_content:	db ": ", 0
text_map:	db 13, 10, "memory to: ", 0
text_ports:	db " MiB", 13, 10, 0
text_hello:	db "hello on another port", 13, 10, 0
text_wrong:	db "wrong state at entry", 13, 10, 0
end:
