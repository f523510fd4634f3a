; Junk for all of the APIC's registers, reserved bits and registers that do not exist included; no INIT.
%include "tests/guest/hostile_smp.inc"

MSR_X2APIC equ 0x800

all:	sti
.loop:	call	random
	mov	rbx, rax
	call	random
	mov	rdx, rax
	shr	rdx, 32
	test	bl, 1
	jz	.whole
	xor	edx, edx		; so that it is not always refused
	and	eax, 0xcffff
.whole:	mov	ecx, eax
	shr	ecx, 8
	and	ecx, 7
	sub	ecx, 5			; INIT, or the start that follows it
	cmp	ecx, 1
	jbe	.loop
	or	eax, 0x20		; no exceptions
	movzx	ecx, bh
	test	bl, 2
	jz	.write
	mov	ecx, X2APIC_ICR - MSR_X2APIC
.write:	add	ecx, MSR_X2APIC
	wrmsr
	write_msr X2APIC_SVR, 0, 0x1ff
	jmp	.loop
