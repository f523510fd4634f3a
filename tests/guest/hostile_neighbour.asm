; Beside hostile guests: keeps patterns in memory, vector, debug and general registers, answers each byte from
; its serial port with that byte while they are whole, with "!" when they are not.
%include "tests/guest/hostile.inc"

AREA equ 0x200000
WORDS equ 0x10000

start:
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
	jz	.wait
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
