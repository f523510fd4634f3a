; KVM's paravirtual interface as a guest with several vCPUs on one CPU uses it: signature, clock against the ACPI
; timer and over jumps of the TSC, interrupts by hypercall, vCPUs that halt with interrupts off and are kicked, what the
; areas say of a vCPU that does not run, a flush that is left for it, addresses that are refused, what INIT
; forgets. Prints "pv ok", or "pv BAD n" with the number of the check, and switches itself off.
%include "tests/guest/bare.inc"
%include "tests/guest/smp.inc"
%include "tests/guest/smp_checks.inc"

KVM_LEAF	equ 0x40000000
FEATURES	equ 0x01003aab		; all that there are
MSR_WALL	equ 0x4b564d00
MSR_CLOCK	equ 0x4b564d01
MSR_STEAL	equ 0x4b564d03
MSR_TSC_ADJUST	equ 0x3b
HC_KICK		equ 5
HC_SEND_IPI	equ 10
HC_YIELD	equ 11
PM_TIMER	equ 0x608
PM_HZ		equ 3579545
CLOCKS		equ 0x300000		; 64 bytes for each vCPU
STEALS		equ 0x310000		; the same
WALL		equ 0x320000
STABLE		equ 1
PREEMPTED	equ 1
FLUSH		equ 2
SPAN		equ 20000000		; ns
KICKS		equ 50
FLUSHES		equ 30

; What the application processors do.
DO_SPIN		equ 0
DO_HALT		equ 1			; with interrupts off
DO_READ		equ 2

%macro must 1				; condition
	j%-1	bad
%endmacro

; refused INDEX, HIGH, LOW: a write that raises #GP
%macro refused 3
	mov	qword [resume], %%after
	write_msr %1, %2, %3
	jmp	bad
%%after:
	cmp	dword [seen_vector], 13
	must	e
%endmacro

; hypercall NUMBER; arguments are in RBX, RCX, RDX, RSI
%macro hypercall 1
	mov	eax, %1
	call	call_insn
%endmacro

main:
	cli
	mov	rsp, STACK
	call	install_handlers
	mov	edi, VECTOR
	mov	rax, counted
	call	set_gate
	mov	edi, 2
	mov	rax, counted_nmi
	call	set_gate
	xor	eax, eax
	cpuid
	cmp	ebx, 'Auth'
	je	.amd
	mov	byte [call_insn + 2], 0xc1	; VMCALL, not VMMCALL
.amd:
	call	enable_x2apic
	call	copy_trampoline

	check 1				; who it is
	mov	eax, KVM_LEAF
	cpuid
	cmp	eax, KVM_LEAF + 0x10	; the frequency of its TSC
	must	e
	cmp	ebx, 'KVMK'
	must	e
	cmp	ecx, 'VMKV'
	must	e
	cmp	edx, 'M'
	must	e
	mov	eax, KVM_LEAF + 1
	cpuid
	cmp	eax, FEATURES
	must	e

	check 2				; the clock is on, and goes as the ACPI timer does
	write_msr MSR_CLOCK, 0, CLOCKS | 1
	cmp	byte [CLOCKS + 29], STABLE
	must	e
	mov	ebp, 20			; a machine under the emulator stops for a while now and then
.span:
	mov	edx, PM_TIMER
	in	eax, dx
	mov	r12d, eax
	call	clock
	lea	r13, [rax + SPAN]
.wait:
	call	clock
	cmp	rax, [last_clock]
	must	ae
	mov	[last_clock], rax
	cmp	rax, r13
	jb	.wait
	mov	edx, PM_TIMER
	in	eax, dx
	sub	eax, r12d
	and	eax, 0xffffff
	sub	eax, SPAN / 1000 * PM_HZ / 1000000
	add	eax, PM_HZ / 1000 / 2	; half a millisecond either way
	cmp	eax, PM_HZ / 1000
	jb	.goes
	dec	ebp
	jnz	.span
	jmp	bad
.goes:
	check 3				; it goes on when the TSC jumps, but is not all vCPUs' any more
	call	clock
	mov	r12, rax
	write_msr MSR_TSC_ADJUST, 0x100, 0
	call	near_clock
	cmp	byte [CLOCKS + 29], 0
	must	e
	write_msr MSR_TSC_ADJUST, 0, 0
	call	near_clock
	cmp	byte [CLOCKS + 29], STABLE
	must	e
	check 4				; the time of day
	write_msr MSR_WALL, 0, WALL
	mov	eax, [WALL]
	and	eax, 1
	must	z
	cmp	dword [WALL + 4], 1600000000
	must	a

	check 5				; the others start, with areas of their own
	call	count_cpus
	mov	[cpus], eax
	dec	eax
	mov	[others], eax
	write_msr MSR_STEAL, 0, STEALS | 1
	send	0, ICR_OTHERS | ICR_INIT
	send	0, ICR_OTHERS | ICR_SIPI | TRAMPOLINE >> 12
	until	alive, [others]
	check 6				; all vCPUs, by one hypercall; those that are not there do not count
	mov	ebx, -1
	mov	ecx, -1
	xor	edx, edx
	mov	esi, VECTOR
	hypercall HC_SEND_IPI
	cmp	eax, [cpus]
	must	e
	sti
	until	counts, 1
	until	counts + 4, 1
	until	counts + 8, 1
	check 7				; one, from an id on; an NMI
	mov	ebx, 1
	xor	ecx, ecx
	mov	edx, 2
	hypercall HC_SEND_IPI
	cmp	eax, 1
	must	e
	until	counts + 8, 2
	mov	ebx, 6
	xor	ecx, ecx
	xor	edx, edx
	mov	esi, 0x400
	hypercall HC_SEND_IPI
	cmp	eax, 2
	must	e
	until	nmis_of_others, 2
	mov	esi, 0x500		; INIT is none of those
	hypercall HC_SEND_IPI
	cmp	rax, -22
	must	e
	check 8				; kicked, one that halts with interrupts off goes on; the other sleeps on
	mov	dword [what], DO_HALT
	mov	ebp, 1
.kick:
	xor	ebx, ebx
	mov	ecx, 1
	hypercall HC_KICK
	test	rax, rax
	must	z
	until	woken + 4, ebp
	inc	ebp
	cmp	ebp, KICKS
	jne	.kick
	cmp	dword [woken + 8], 0
	must	e
	check 9				; a kick before the halt counts, too
	mov	dword [what], DO_SPIN
	mov	ecx, 2
	hypercall HC_KICK
	mov	ecx, 1
	hypercall HC_KICK
	until	woken + 4, KICKS
	until	woken + 8, 1
	until	spinning + 4, 1
	until	spinning + 8, 1
	mov	ecx, 2
	hypercall HC_KICK
	mov	dword [what], DO_HALT
	until	woken + 8, 2
	mov	ecx, 1
	hypercall HC_KICK
	until	woken + 4, KICKS + 1
	mov	dword [what], DO_SPIN
	mov	ecx, 2
	hypercall HC_KICK
	until	woken + 8, 3
	mov	ecx, 1
	hypercall HC_KICK
	until	woken + 4, KICKS + 2
	check 10			; they spin, and this one has the only CPU: they do not run, and lose time
	until	STEALS + 64 + 16, PREEMPTED
	cmp	byte [STEALS + 16], 0	; this one does
	must	e
	mov	rax, [STEALS + 64]
	mov	[stolen], rax
.yield:
	mov	ebx, 1
	hypercall HC_YIELD
	test	rax, rax
	must	z
	mov	rax, [STEALS + 64]
	cmp	rax, [stolen]
	jbe	.yield
	cmp	qword [STEALS], 0
	must	a
	test	byte [STEALS + 8], 1
	must	z
	check 11			; a translation that one that does not run is told of when it runs again
	call	find_entry
	mov	dword [PAGE], 1
	mov	dword [OTHER_PAGE], 2
	mov	dword [what], DO_READ
	mov	dword [question], 1
	until	answers + 4, 1
	mov	ebp, FLUSHES
.flush:
	pause
	mov	al, PREEMPTED
	mov	dl, PREEMPTED | FLUSH
	mov	rdi, [entry]
	xor	dword [rdi], LARGE
	xor	dword [expected], 3
	invlpg	[PAGE]
	lock cmpxchg [STEALS + 64 + 16], dl
	must	e
	inc	dword [question]
	mov	ebx, [question]
	until	answers + 4, ebx
	test	byte [STEALS + 64 + 16], FLUSH
	must	z
	dec	ebp
	jnz	.flush
	cmp	dword [stale], 0
	must	e

	check 12			; areas that are none
	refused	MSR_CLOCK, 0, 0x1003
	refused	MSR_CLOCK, 0, 0xfee00001
	refused	MSR_CLOCK, 0, 0x1ffffe5		; ends behind RAM
	refused	MSR_CLOCK, -1, -1
	refused	MSR_STEAL, 0, STEALS | 0x21
	refused	MSR_STEAL, 0, STEALS | 3
	refused	MSR_STEAL, 0x10, 1
	refused	MSR_WALL, 0, WALL | 1
	refused	MSR_WALL, 0, 0xfec00000
	refused	MSR_STEAL - 1, 0, STEALS | 1	; asynchronous page faults
	mov	ecx, MSR_STEAL
	rdmsr
	cmp	eax, STEALS | 1
	must	e
	check 13			; INIT switches all of it off
	send	1, ICR_INIT
	send	1, ICR_SIPI | TRAMPOLINE >> 12
	until	alive, [cpus]
	cmp	dword [found_on], 0
	must	e
	jmp	pass

call_insn:
	vmmcall
	ret

%include "tests/guest/kvmclock.inc"

; The clock is not behind R12, and at most 10 s ahead.
near_clock:
	call	clock
	sub	rax, r12
	shr	rax, 33
	must	z
	ret

ap_main:
	mov	ecx, MSR_STEAL
	rdmsr
	or	[found_on], eax
	mov	ecx, MSR_CLOCK
	rdmsr
	or	[found_on], eax
	mov	eax, edi
	shl	eax, 6
	lea	eax, [rax + STEALS + 1]
	xor	edx, edx
	mov	ecx, MSR_STEAL
	wrmsr
	lea	eax, [rax - STEALS + CLOCKS]
	mov	ecx, MSR_CLOCK
	wrmsr
	lock inc dword [alive]
	xor	r9d, r9d
	sti
.loop:
	mov	eax, [what]
	cmp	eax, DO_HALT
	je	.halt
	cmp	eax, DO_READ
	je	.read
	mov	dword [spinning + rdi * 4], 1	; without PAUSE, which would give the CPU away
	jmp	.loop
.halt:
	cli
	hlt
	inc	dword [woken + rdi * 4]
	cmp	dword [what], DO_HALT
	je	.halt
	mov	dword [spinning + rdi * 4], 0
	sti
	jmp	.loop
.read:
	mov	edx, [PAGE]		; so that it has a translation
	mov	eax, [question]
	cmp	eax, r9d
	je	.loop
	mov	r9d, eax
	mov	edx, [PAGE]
	cmp	edx, [expected]
	je	.right
	lock inc dword [stale]
.right:
	mov	[answers + rdi * 4], eax
	jmp	.loop

%include "tests/guest/cpu.inc"

align 8
last_clock: dq	0
stolen:	dq	0
woken:	times MAX_CPUS dd 0
spinning: times MAX_CPUS dd 0
answers: times MAX_CPUS dd 0
cpus:	dd	0
others:	dd	0
alive:	dd	0
what:	dd	DO_SPIN
expected: dd	1
question: dd	0
stale:	dd	0
found_on: dd	0
text_ok:
	db	"pv ok", 10, 0
text_bad:
	db	"pv BAD", 0
