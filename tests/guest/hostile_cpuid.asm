; CPUID with every leaf that a CPU may have, many subleaves, and random ones: the same answer each time, and
; neither VMX nor SVM in it.
%include "tests/guest/hostile.inc"

; each FIRST, COUNT
%macro each 2
	mov	r12d, %1
%%leaf:	xor	r13d, r13d
%%sub:	call	leaf
	inc	r13d
	cmp	r13d, 20
	jb	%%sub
	inc	r12d
	cmp	r12d, %1 + %2
	jb	%%leaf
%endmacro

start:
	each	0, 0x100
	each	0x20000000, 4
	each	0x40000000, 0x200
	each	0x80000000, 0x40
	each	0x8fffff00, 0x100
	each	0xc0000000, 8
	mov	r15d, 5000
.random:
	call	random
	mov	r12d, eax
	call	random
	mov	r13d, eax
	call	leaf
	dec	r15d
	jnz	.random
	mov	eax, 1
	xor	ecx, ecx
	cpuid
	test	ecx, 1 << 5		; VMX
	hold	z
	mov	eax, 0x80000001
	cpuid
	test	ecx, 1 << 2		; SVM
	hold	z
	jmp	pass

leaf:					; R12, subleaf R13
	mov	eax, r12d
	mov	ecx, r13d
	cpuid
	mov	r8d, eax
	mov	r9d, ebx
	mov	r10d, ecx
	mov	r11d, edx
	mov	eax, r12d
	mov	ecx, r13d
	cpuid
	cmp	eax, r8d
	hold	e
	cmp	ebx, r9d
	hold	e
	cmp	ecx, r10d
	hold	e
	cmp	edx, r11d
	hold	e
	ret
