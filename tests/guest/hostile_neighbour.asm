; Beside hostile guests: keeps patterns in memory, vector, debug and general registers, answers each byte from
; its serial port with that byte while they are whole, with "!" when they are not.
%include "tests/guest/hostile.inc"

AREA equ 0x200000
WORDS equ 0x10000

start:
	mov	eax, 0xfee00000
	mov	dword [rax + 0xf0], 0x1ff
	mov	dword [rax + 0x350], 0x700 ; LINT0: the PIC, whose input 4 is the serial port
	mov	al, 0x11
	out	0x20, al
	mov	al, 0x40		; vectors from here on
	out	0x21, al
	mov	al, 4
	out	0x21, al
	mov	al, 1
	out	0x21, al
	mov	al, 0xef
	out	0x21, al
	mov	dx, COM1 + 1
	mov	al, 1			; interrupts for input
	out	dx, al
	mov	dx, COM1 + 4
	mov	al, 8			; OUT2 lets them through
	out	dx, al
	mov	rax, cr4
	or	eax, 0x600		; OSFXSR, OSXMMEXCPT
	mov	cr4, rax
	mov	rax, 0x0fedcba987654321
	mov	rdi, AREA
	mov	ecx, WORDS
	rep stosq
	movq	xmm0, rax
	movq	xmm15, rax
	mov	dr0, rax
	mov	dr3, rax
	mov	rbp, rax
.next:
	mov	dx, COM1 + 5
.wait:	in	al, dx
	test	al, 1
	jnz	.read
	sti
	hlt
	cli
	jmp	.wait
.read:
	mov	dx, COM1
	in	al, dx
	mov	bl, al
	mov	rdi, AREA
	mov	ecx, WORDS
	mov	rax, rbp
	repe scasq
	jne	.broken
	movq	rcx, xmm0
	cmp	rcx, rax
	jne	.broken
	movq	rcx, xmm15
	cmp	rcx, rax
	jne	.broken
	mov	rcx, dr0
	cmp	rcx, rax
	jne	.broken
	mov	rcx, dr3
	cmp	rcx, rax
	jne	.broken
	mov	al, bl
	out	dx, al
	jmp	.next
.broken:
	mov	al, '!'
	out	dx, al
	jmp	.next
