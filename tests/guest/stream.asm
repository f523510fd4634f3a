; Writes 200 KiB of numbered lines to COM1 as fast as the UART takes them, once a key has come; after an
; 's' only 24 KiB. Meanwhile it takes what comes in and echoes it in lines of their own, "<text>". It polls
; the UART, with the FIFO on. At the end it says so and waits for a 'q', then switches itself off by ACPI.
bits 64
org 0x100000

COM1	equ 0x3f8
LINES	equ 12800		; of 16 bytes
FEW	equ 1536

	mov	dx, COM1 + 2
	mov	al, 7			; FIFO on, both empty
	out	dx, al
	mov	rsi, ready
	call	text
start:
	call	poll
	cmp	dword [count], 0	; the first key starts it, and counts as input
	je	start
	mov	r13d, LINES
	cmp	byte [byte_in], 's'
	jne	many
	mov	r13d, FEW
many:
	xor	r12d, r12d		; the line's number
line:
	mov	edi, buffer + 5		; six digits
	mov	eax, r12d
digit:
	xor	edx, edx
	mov	ecx, 10
	div	ecx
	add	dl, '0'
	mov	[edi], dl
	dec	edi
	cmp	edi, buffer
	jae	digit
	mov	rsi, buffer
	call	text
	call	echo
	inc	r12d
	cmp	r12d, r13d
	jne	line
	mov	rsi, last
	call	text
quit:
	call	poll
	call	echo
	cmp	byte [byte_in], 'q'
	jne	quit
	mov	dx, 0x604		; PM1a control
	mov	ax, 0x2000		; SLP_EN; SLP_TYP 0 is S5, as the DSDT says
	out	dx, ax
hang:
	hlt
	jmp	hang

; What came in, as a line; nothing when nothing came.
echo:
	mov	ecx, [count]
	cmp	ecx, [told]
	je	echoed
	mov	al, '<'
	call	put
more:
	mov	ecx, [told]
	cmp	ecx, [count]
	je	all
	inc	dword [told]
	and	ecx, 0xffff
	mov	al, [input + rcx]
	call	put
	jmp	more
all:
	mov	al, '>'
	call	put
	mov	al, 13
	call	put
	mov	al, 10
	call	put
echoed:
	ret

; Takes a byte of input, if there is one; al: the line status.
poll:
	mov	dx, COM1 + 5
	in	al, dx
	test	al, 1			; DR
	jz	none
	push	rax
	mov	dx, COM1
	in	al, dx
	mov	[byte_in], al
	mov	ecx, [count]
	inc	dword [count]
	and	ecx, 0xffff
	mov	[input + rcx], al
	pop	rax
none:
	ret

; The text at rsi, to a NUL.
text:
	lodsb
	test	al, al
	jz	written
	call	put
	jmp	text
written:
	ret

; The character in al when the transmitter is empty; input is taken while it is not.
put:
	push	rax
busy:
	call	poll
	test	al, 0x20		; THRE
	jz	busy
	pop	rax
	mov	dx, COM1
	out	dx, al
	ret

ready:	db	"ready", 13, 10, 0
buffer:	db	"000000 numbers", 13, 10, 0
last:	db	"the end", 13, 10, 0
byte_in: db	0
align 4
count:	dd	0
told:	dd	0

absolute 0x180000
input:	resb	65536
