; A CPU of libvirt's model Westmere: its signature, name and features, nothing of what came later, and no way to
; use what is not shown.
%include "tests/guest/hostile.inc"

SIGNATURE equ 0x206c0			; family 6, model 44
ECX_ONLY equ 0x02982201			; SSE3, SSSE3, CX16, SSE4.1, SSE4.2, POPCNT, AES
BESIDE	equ 0x80200000			; x2APIC, hypervisor
EDX_ALL equ 0x078bfbff			; and no HTT: a single thread
CR4_OSXSAVE equ 0x40000
CR4_SMEP equ 0x100000
MSR_TSC_AUX equ 0xc0000103

start:
	mov	eax, 1
	cpuid
	cmp	eax, SIGNATURE
	hold	e
	cmp	ecx, ECX_ONLY | BESIDE
	hold	e
	and	edx, ~2			; VME: one emulator has none; policy-model asks for it as optional
	cmp	edx, EDX_ALL & ~2
	hold	e
	mov	eax, 7
	xor	ecx, ecx
	cpuid
	or	eax, ebx
	or	eax, ecx
	or	eax, edx
	hold	z
	mov	eax, 0xd
	xor	ecx, ecx
	cpuid
	or	eax, ebx
	or	eax, ecx
	or	eax, edx
	hold	z
	mov	eax, 0x80000001
	cpuid
	cmp	ecx, 1			; LAHF in 64-bit mode
	hold	e
	test	edx, 0x08000000		; RDTSCP
	hold	z
	and	edx, 0x24100800		; long mode, 1 GiB pages, NX, SYSCALL
	cmp	edx, 0x20100800
	hold	e
	mov	eax, 0x80000002
	cpuid
	cmp	eax, "West"
	hold	e
	cmp	ebx, "mere"
	hold	e
	test	ecx, ecx
	hold	z

	mov	rax, cr4
	or	rax, CR4_OSXSAVE
	expect	13, mov cr4, rax
	mov	rax, cr4
	or	rax, CR4_SMEP
	expect	13, mov cr4, rax
	mov	ecx, MSR_TSC_AUX
	expect	13, rdmsr
	xor	eax, eax
	cpuid
	cmp	ebx, "Genu"
	jne	.shown			; the emulated AMD CPU knows no intercept of RDTSCP
	expect	6, rdtscp
.shown:
	mov	ecx, MSR_APIC_BASE	; what is shown can be used
	rdmsr
	or	eax, 0xc00
	expect	NOTHING, wrmsr
	jmp	pass
