; The TSC beside all other clocks, and the local APIC's timer by it: prints "tsc ok KHZ", as CPUID says it and all of
; them agree within a thousandth, in hexadecimal; or "tsc BAD CHECK VECTOR RIP" as tests/guest/cpu.inc does.
%include "tests/guest/bare.inc"

	jmp	near main

MSR_TSC		equ 0x10
MSR_TSC_ADJUST	equ 0x3b
MSR_TSC_DEADLINE equ 0x6e0
MSR_CLOCK	equ 0x4b564d01
X2APIC_LVT_TIMER equ 0x832
BY_DEADLINE	equ 2 << 17 | VECTOR
LEAF_TIMING	equ 0x40000010
CLOCKS		equ 0x300000
HPET		equ 0xfed00000
PM_TIMER	equ 0x608
PM_MASK		equ 0xffffff
PM_HZ		equ 3579545
PIT_HZ		equ 1193182
HPET_HZ		equ 100000000
SPAN		equ PM_HZ / 25		; 40 ms: the PIT's counter does not come around
SLACK		equ 40000		; ns: a thousandth
AT_ONCE		equ 100000		; ns: all were read within; else another guest had the CPU
WAITS		equ 10

; compare CLOCK, MASK, HZ, CHECK: what passed on that clock between both samples, against the TSC's R14, in ns.
%macro compare 4
	check	%4
	mov	rax, [after + %1 * 8]
	sub	rax, [before + %1 * 8]
	mov	rcx, %2
	and	rax, rcx
	mov	ecx, 1000000000
	mul	rcx
	mov	ecx, %3
	div	rcx
	call	close
%endmacro

main:
	cli
	mov	rsp, STACK
	call	install_handlers
	call	enable_x2apic
	check	1
	mov	eax, LEAF_TIMING
	cpuid
	mov	r15d, eax
	test	eax, eax
	jz	bad
	write_msr MSR_CLOCK, 0, CLOCKS | 1
	mov	al, 0x34		; counter 0, both bytes, mode 2, from 65536
	out	0x43, al
	xor	eax, eax
	out	0x40, al
	out	0x40, al
	mov	edi, HPET
	mov	dword [rdi + 0x10], 1

	mov	rbp, before
	call	sample
.busy:	mov	edx, PM_TIMER
	in	eax, dx
	sub	eax, [before]
	and	eax, PM_MASK
	cmp	eax, SPAN
	jb	.busy
	mov	rbp, after
	call	sample

	mov	rax, [after + 8]
	sub	rax, [before + 8]
	call	tsc_ns
	mov	r14, rax
	compare	0, PM_MASK, PM_HZ, 2
	compare	2, 0xffff, PIT_HZ, 3
	compare	3, 0xffffffff, HPET_HZ, 4
	compare	4, -1, 1000000000, 5

	; Interrupts by the TSC: none comes early, whether the guest runs meanwhile or waits; the quickest comes at once.
	write_msr X2APIC_LVT_TIMER, 0, BY_DEADLINE
	mov	r12d, WAITS
	mov	r13, -1
.wait:
	mov	dword [interrupts], 0
	call	tsc
	lea	rbp, [rax + r15]	; a millisecond
	mov	eax, ebp
	mov	rdx, rbp
	shr	rdx, 32
	mov	ecx, MSR_TSC_DEADLINE
	wrmsr
	sti
	test	r12d, 1
	jz	.spin
	hlt
.spin:	cmp	dword [interrupts], 0
	je	.spin
	call	tsc
	cli
	check	6
	cmp	rax, rbp
	jb	bad
	sub	rax, rbp
	cmp	rax, r13
	cmova	rax, r13
	mov	r13, rax
	dec	r12d
	jnz	.wait
	check	7
	mov	rax, r13
	call	tsc_ns
	cmp	rax, AT_ONCE
	ja	bad

	; Written, it goes on from there, and KVM's clock as if nothing had been.
	check	8
	call	clock
	mov	r12, rax
	call	tsc
	mov	r13, rax
	write_msr MSR_TSC, 0x12, 0
	call	tsc
	mov	rbx, 0x1200000000
	sub	rax, rbx
	jb	bad
	mov	rbx, r15		; a millisecond
	cmp	rax, rbx
	ja	bad
	call	clock_close
	check	9
	write_msr MSR_TSC_ADJUST, 0, 0
	call	tsc
	cmp	rax, r13
	jb	bad
	sub	rax, r13
	mov	rbx, r15
	shl	rbx, 4
	cmp	rax, rbx
	ja	bad
	call	clock_close

	say	text_ok
	mov	eax, r15d
	call	print_number
	say	text_end
	jmp	power_off

; R12: KVM's clock, not long ago. It has not gone back, nor further than 16 ms.
clock_close:
	call	clock
	sub	rax, r12
	cmp	rax, 16000000
	ja	bad
	ret

; RAX: ticks of the TSC, in ns.
tsc_ns:
	mov	ecx, 1000000
	mul	rcx
	div	r15
	ret

; RAX and R14 are not far apart.
close:
	sub	rax, r14
	mov	rcx, rax
	neg	rcx
	cmovs	rcx, rax
	cmp	rcx, SLACK
	ja	bad
	ret

; RBP: place for ACPI timer, TSC, PIT (as it would count up), HPET and KVM's clock.
sample:
	call	clock
	mov	rbx, rax
	mov	edx, PM_TIMER
	in	eax, dx
	mov	[rbp], rax
	call	tsc
	mov	[rbp + 8], rax
	mov	al, 0			; latch counter 0
	out	0x43, al
	in	al, 0x40
	movzx	ecx, al
	in	al, 0x40
	mov	ch, al
	neg	rcx
	mov	[rbp + 16], rcx
	mov	edi, HPET
	mov	eax, [rdi + 0xf0]
	mov	[rbp + 24], rax
	call	clock
	mov	[rbp + 32], rax
	sub	rax, rbx
	cmp	rax, AT_ONCE
	ja	sample
	ret

tsc:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	ret

%include "tests/guest/kvmclock.inc"
%include "tests/guest/cpu.inc"

align 8
before:	times 5 dq 0
after:	times 5 dq 0
text_ok: db	"tsc ok", 0
text_bad: db	"tsc BAD", 0
text_end: db	10, 0
