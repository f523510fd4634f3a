; Appended to a bzImage whose header then names this as the 32-bit entry: prints "@" and the TSC in
; hexadecimal on COM1, then goes on to the kernel's own entry. There is no stack; ESI belongs to the
; kernel (Linux, "The Linux/x86 Boot Protocol", "32-bit Boot Protocol").
bits 32
org 0

COM1 equ 0x3f8				; transmitter; + 5 is the line status

%macro put 1				; a register with a character, not al
	mov	dx, COM1 + 5
%%room:
	in	al, dx
	test	al, 0x20		; transmitter empty
	jz	%%room
	mov	dx, COM1
	mov	al, %1
	out	dx, al
%endmacro

	rdtsc
	mov	ebx, eax
	mov	ebp, edx
	mov	cl, '@'
	put	cl
	mov	edi, 16			; digits
digit:
	mov	ecx, ebp
	shr	ecx, 28
	shld	ebp, ebx, 4
	shl	ebx, 4
	add	cl, '0'
	cmp	cl, '9'
	jbe	decimal
	add	cl, 'a' - '9' - 1
decimal:
	put	cl
	dec	edi
	jnz	digit
	mov	cl, 10
	put	cl
	xor	ebx, ebx		; as the protocol has them
	xor	ebp, ebp
	xor	edi, edi
	db	0xe9			; jmp; who appends this fills in the distance
	dd	0
