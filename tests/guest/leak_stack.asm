; What comes back from exits has only those bits that were asked for: the others are the guest's own, or as the
; architecture says, and nothing of what the hypervisor has on its stack. Reads everything twice, with other
; exits in between.
%include "tests/guest/hostile.inc"

FILL equ 0x1122334455667788
AREA equ 0x200000

; Registers that count or are cleared by reading: 1 where a value may differ the second time.
%macro counts 2				; FIRST, LAST
	cmp	r12d, %1
	jb	%%not
	cmp	r12d, %2
	jbe	.next
%%not:
%endmacro

start:
	xor	r12d, r12d		; ports
.port:
	mov	edx, r12d
	mov	rax, FILL
	in	al, dx
	mov	rbx, rax
	shr	rax, 8
	mov	rcx, FILL >> 8
	cmp	rax, rcx		; the rest is as it was
	hold	e
	mov	rax, FILL
	in	ax, dx
	mov	rsi, rax
	shr	rax, 16
	mov	rcx, FILL >> 16
	cmp	rax, rcx
	hold	e
	mov	rax, FILL
	in	eax, dx
	mov	rdi, rax
	shr	rax, 32
	hold	z			; a 32-bit write: zero
	counts	0x40, 0x43		; PIT
	counts	0x60, 0x62
	counts	0x6d, 0x72		; RTC
	counts	0x3f8, 0x3ff
	counts	0x605, 0x60b		; PM timer
	call	noise
	mov	edx, r12d
	mov	rax, FILL
	in	al, dx
	cmp	rax, rbx
	hold	e
	mov	rax, FILL
	in	ax, dx
	cmp	rax, rsi
	hold	e
	mov	rax, FILL
	in	eax, dx
	cmp	rax, rdi
	hold	e
.next:	inc	r12d
	cmp	r12d, 0x1000
	jb	.port

	mov	r8, FILL		; string input: just the bytes of its size
	mov	edi, AREA
	mov	[rdi], r8
	mov	[rdi + 8], r8
	mov	edx, 0x80
	insw
	mov	rax, FILL & ~0xffff | 0xffff
	cmp	[AREA], rax
	hold	e
	cmp	[AREA + 8], r8
	hold	e

	mov	r13d, IOAPIC		; device memory, beyond what is decoded, too
	call	device
	mov	r13d, LAPIC
	call	device
	mov	r13d, NOWHERE
	call	device

	mov	rax, -1			; answers of 32 bits: the upper halves are zero
	mov	rbx, rax
	mov	rcx, rax
	mov	rdx, rax
	cpuid
	or	rax, rbx
	or	rax, rcx
	or	rax, rdx
	shr	rax, 32
	hold	z
	mov	rax, -1
	mov	rdx, rax
	mov	ecx, 0x277
	rdmsr
	or	rax, rdx
	shr	rax, 32
	hold	z
	mov	rax, FILL		; a fault leaves them
	mov	rdx, FILL
	mov	ecx, 0x12345678
	expect	13, rdmsr
	mov	rcx, FILL
	cmp	rax, rcx
	hold	e
	cmp	rdx, rcx
	hold	e
	jmp	pass

; The page at R13, each byte with every size.
device:
	xor	r12d, r12d
.at:	lea	r9, [r13 + r12]
	mov	rax, FILL
	mov	al, [r9]
	mov	rbx, rax
	shr	rax, 8
	mov	rcx, FILL >> 8
	cmp	rax, rcx
	hold	e
	mov	rax, FILL
	mov	ax, [r9]
	mov	rsi, rax
	mov	eax, [r9]
	mov	rdi, rax
	mov	rax, [r9]
	mov	r10, rax
	call	noise
	mov	rax, FILL
	mov	al, [r9]
	cmp	rax, rbx
	hold	e
	mov	rax, FILL
	mov	ax, [r9]
	cmp	rax, rsi
	hold	e
	mov	eax, [r9]
	cmp	rax, rdi
	hold	e
	mov	rax, [r9]
	cmp	rax, r10
	hold	e
	inc	r12d
	cmp	r12d, 0xff8
	jb	.at
	ret

; Other exits, which leave other things on the stack.
noise:
	push	rbx
	push	rsi
	push	rdi
	mov	esi, TABLES
	mov	edx, 0x80
	outsd
	mov	eax, r14d
	xor	ecx, ecx
	cpuid
	mov	ecx, 0x3b
	rdmsr
	call	random
	out	0x80, eax
	pop	rdi
	pop	rsi
	pop	rbx
	ret
