; What the MSRs hold that there are for guests, when it is entered: what they have after a reset, and only those
; that the loader sets are different.
%include "tests/guest/hostile.inc"

; value MSR, HIGH, LOW; zero MSR; apic OFFSET, VALUE
%macro value 3
	mov	ecx, %1
	expect	NOTHING, rdmsr
	cmp	eax, %3
	hold	e
	cmp	edx, %2
	hold	e
%endmacro
%macro zero 1
	value	%1, 0, 0
%endmacro

%macro apic 2
	mov	ebx, [rax + %1]
	cmp	ebx, %2
	hold	e
%endmacro

start:
	value	0x1b, 0, 0xfee00900	; APIC_BASE
	zero	0x3b			; TSC_ADJUST
	zero	0x174
	zero	0x175
	zero	0x176
	zero	0x17a			; MCG_STATUS
	zero	0x1d9			; DEBUGCTL
	zero	0x2ff			; MTRRs: off
	mov	r12d, 0x200
.variable:
	zero	r12d
	inc	r12d
	cmp	r12d, 0x210
	jb	.variable
	zero	0x250
	zero	0x258
	zero	0x259
	mov	r12d, 0x268
.fixed:	zero	r12d
	inc	r12d
	cmp	r12d, 0x270
	jb	.fixed
	zero	0xc0000081		; STAR and the like
	zero	0xc0000082
	zero	0xc0000083
	zero	0xc0000084
	zero	0xc0000100		; bases
	zero	0xc0000101
	zero	0xc0000102
	zero	0xc0000103		; TSC_AUX
	value	0xc0000080, 0, 0x500	; EFER: LME, LMA
	mov	eax, LAPIC		; the local APIC's are the same registers
	apic	0xf0, 0xff
	apic	0x80, 0
	apic	0x320, 0x10000
	apic	0x380, 0
	jmp	pass
