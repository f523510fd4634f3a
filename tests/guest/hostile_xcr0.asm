; XSETBV with all registers and values, on each side of what CPUID offers: what is not legal faults, and what
; was legal is there behind the next exit.
%include "tests/guest/hostile.inc"

start:
	mov	eax, 1
	cpuid
	test	ecx, 1 << 26		; XSAVE
	jz	pass
	mov	eax, 0xd
	xor	ecx, ecx
	cpuid
	mov	r15d, eax		; what XCR0 may have
	mov	rax, cr4
	or	eax, 0x40000		; OSXSAVE
	mov	cr4, rax
	xor	r12d, r12d		; the value
.next:
	mov	eax, r12d
	xor	edx, edx
	xor	ecx, ecx
	mov	ebx, r12d		; legal: x87, no AVX without SSE, nothing that is not offered
	not	ebx
	and	ebx, 1
	mov	r8d, r12d
	and	r8d, 6
	cmp	r8d, 4
	sete	bl
	mov	r8d, r12d
	not	r8d
	and	r8d, 1
	or	ebx, r8d
	mov	r8d, r15d
	not	r8d
	and	r8d, r12d
	or	ebx, r8d
	jz	.legal
	expect	13, xsetbv
	jmp	.other
.legal:
	expect	NOTHING, xsetbv
	xor	eax, eax
	cpuid
	xor	ecx, ecx
	xgetbv
	cmp	eax, r12d
	hold	e
.other:
	mov	eax, 1
	xor	edx, edx
	mov	ecx, r12d
	inc	ecx
	expect	13, xsetbv		; no such register
	inc	r12d
	cmp	r12d, 0x400
	jb	.next
	mov	r12d, 1000
.random:
	call	random
	mov	rdx, rax
	shr	rdx, 32
	or	edx, 1			; bit 32: reserved
	xor	ecx, ecx
	expect	13, xsetbv
	dec	r12d
	jnz	.random
	jmp	pass
