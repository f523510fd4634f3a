; Exits whose number is known: 1000 CPUIDs, 100 hypercalls, 10 reads of a port, 5 HLTs until the timer, in this
; order; then a line of 5 writes to COM1, and off by one more.
%include "tests/guest/bare.inc"

MSR_TSC_DEADLINE equ 0x6e0
X2APIC_LVT_TIMER equ 0x832
LVT_DEADLINE	equ 1 << 18
DELAY		equ 4000000		; ticks of a HLT
CPUIDS		equ 1000
HYPERCALLS	equ 100
PORTS		equ 10
HALTS		equ 5

	mov	rsp, STACK
	mov	ebp, CPUIDS
.cpuid:
	xor	eax, eax		; the maker
	cpuid
	dec	ebp
	jnz	.cpuid
	mov	ebp, HYPERCALLS
	cmp	ecx, 0x444d4163		; "cAMD" of AuthenticAMD
	je	.amd
.intel:
	mov	eax, 0x1000		; a number that no hypervisor knows
	vmcall
	dec	ebp
	jnz	.intel
	jmp	.ports
.amd:
	mov	eax, 0x1000
	vmmcall
	dec	ebp
	jnz	.amd
.ports:
	mov	ebp, PORTS
.port:
	in	al, 0x21
	dec	ebp
	jnz	.port

	mov	rax, handler
	mov	rdi, IDT + VECTOR * 16
	mov	[rdi], ax
	mov	word [rdi + 2], CODE_SELECTOR
	mov	word [rdi + 4], GATE
	shr	rax, 16
	mov	[rdi + 6], ax
	mov	dword [rdi + 8], 0
	mov	dword [rdi + 12], 0
	lidt	[idt_pointer]
	mov	ecx, MSR_APIC_BASE
	rdmsr
	or	eax, 3 << 10		; x2APIC
	wrmsr
	write_msr X2APIC_SVR, 0, 0x1ff
	write_msr X2APIC_LVT_TIMER, 0, LVT_DEADLINE | VECTOR
	mov	ebp, HALTS
.halt:
	mov	ecx, MSR_TSC_DEADLINE
	rdtsc
	add	eax, DELAY
	adc	edx, 0
	wrmsr
	sti				; no interrupt before HLT
	hlt
	cli
	dec	ebp
	jnz	.halt
	say	text
	switch_off
.off:
	hlt
	jmp	.off

handler:
	write_msr X2APIC_EOI, 0, 0
	iretq

idt_pointer:
	dw	(VECTOR + 1) * 16 - 1
	dq	IDT
text:	db	"seen", 10, 0
