; A CPU of the host's without x2APIC and AVX, which the domain's document takes away.
%include "tests/guest/hostile.inc"

X2APIC	equ 0x200000
AVX	equ 0x10000000

start:
	mov	eax, 1
	cpuid
	test	ecx, X2APIC | AVX
	hold	z
	mov	eax, 0xd		; no AVX, no state of it
	xor	ecx, ecx
	cpuid
	test	eax, 4
	hold	z
	mov	eax, 0xd
	mov	ecx, 2
	cpuid
	or	eax, ebx
	hold	z
	mov	ecx, MSR_APIC_BASE
	rdmsr
	or	eax, 0xc00
	expect	13, wrmsr
	jmp	pass
