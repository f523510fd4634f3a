; What x87 and vector registers hold when it is entered: all of them, with their upper halves, control words
; and the addresses of the last instruction and operand.
%include "tests/guest/hostile.inc"

AREA equ 0x200000			; XSAVE's
CONTROL equ 0x37f
MXCSR equ 0x1f80

start:
	mov	eax, 1
	cpuid
	mov	rax, cr4
	or	eax, 0x600		; OSFXSR, OSXMMEXCPT
	mov	cr4, rax
	test	ecx, 1 << 26		; XSAVE
	jz	.legacy
	or	eax, 0x40000		; OSXSAVE
	mov	cr4, rax
	xor	ecx, ecx
	xgetbv
	cmp	eax, 1			; after a reset
	hold	e
	mov	eax, 0xd
	xor	ecx, ecx
	cpuid
	and	eax, 7
	xor	ecx, ecx
	xor	edx, edx
	xsetbv
	mov	r8d, AREA
	mov	eax, -1
	mov	edx, eax
	xsave64	[r8]
	mov	eax, [r8 + 512]		; components that are not in their first state
	and	eax, 4
	mov	edi, AREA + 576		; AVX: sixteen upper halves, where they are
	mov	ecx, 256 / 8
	xor	eax, eax
	repe	scasq
	hold	e
	jmp	.image
.legacy:
	mov	r8d, AREA
	fxsave64 [r8]
.image:
	cmp	word [r8], CONTROL
	hold	e
	cmp	word [r8 + 2], 0	; status
	hold	e
	cmp	byte [r8 + 4], 0	; all registers are empty
	hold	e
	cmp	word [r8 + 6], 0	; opcode
	hold	e
	cmp	qword [r8 + 8], 0	; instruction
	hold	e
	cmp	qword [r8 + 16], 0	; operand
	hold	e
	cmp	dword [r8 + 24], MXCSR
	hold	e
	mov	edi, AREA + 32
	mov	ecx, (416 - 32) / 8	; x87 and XMM registers
	xor	eax, eax
	repe	scasq
	hold	e
	jmp	pass
