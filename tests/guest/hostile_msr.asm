; Reads the MSRs of all ranges that CPUs have and writes two values to each, then some thousands at random; the
; local APIC's once more in x2APIC mode. All that may come of it is #GP.
%include "tests/guest/hostile.inc"

; each FIRST, END, STEP
%macro each 3
	mov	r12d, %1
%%next:	call	msr
	add	r12d, %3
	cmp	r12d, %2
	jb	%%next
%endmacro

start:
	xor	ebp, ebp		; which value is next
	each	0, 0x2000, 1
	each	0x40000000, 0x40000200, 1
	each	0xc0000000, 0xc0002000, 1
	each	0xc0010000, 0xc0010200, 1
	each	0xc0010200, 0xc0020000, 61
	mov	r13d, 2000
.random:
	call	random
	mov	r12d, eax
	call	msr
	dec	r13d
	jnz	.random
	mov	ecx, MSR_APIC_BASE
	rdmsr
	or	eax, 0xc00		; x2APIC mode
	wrmsr
	mov	ecx, 0x80f		; spurious vector: switched on
	mov	eax, 0x1ff
	xor	edx, edx
	wrmsr
	each	0x800, 0x840, 1
	each	0x6e0, 0x6e1, 1
	jmp	pass

; The MSR with the index R12.
msr:
	mov	ecx, r12d
	try	rdmsr
	call	write
write:					; the next of the values
	mov	ecx, r12d
	inc	ebp
	and	ebp, 7
	mov	eax, [values + rbp * 8]
	mov	edx, [values + rbp * 8 + 4]
	try	wrmsr
	ret

align 8
values:
	dq	-1, 0x0000800000000000, 1, 0x8000000000000000, 0x4fe, 0x60030, 0x0606060606060606, 0
