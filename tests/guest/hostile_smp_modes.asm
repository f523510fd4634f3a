; Each switches its APIC off, on and to x2APIC mode, in whatever order, and sends interrupts to all meanwhile.
%include "tests/guest/hostile_smp.inc"

all:	sti
.loop:	call	random
	mov	ebx, eax
	mov	ecx, MSR_APIC_BASE
	rdmsr
	and	eax, 0xfffff3ff
	and	ebx, 0xc00
	or	eax, ebx
	wrmsr				; off and x2APIC at once: refused
	write_msr X2APIC_SVR, 0, 0x1ff	; refused in xAPIC mode
	mov	ebx, LAPIC
	mov	dword [rbx + 0xf0], 0x1ff ; not there in x2APIC mode
	random_vector
	or	eax, ICR_ALL
	mov	[rbx + 0x300], eax
	mov	dword [rbx + 0xb0], 0
	random_vector
	or	eax, ICR_ALL
	send	0, eax
	jmp	.loop
