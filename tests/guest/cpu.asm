; What a guest may find different from bare hardware in the instructions and events that exit: faults of
; what is not offered, single steps and shadows over instructions that are skipped, control registers whose
; bits are hidden, task priority, NMI blocking, 16-bit code. Prints "cpu ok", or "cpu BAD n" with the number
; of the check, and switches itself off.
%include "tests/guest/bare.inc"

REAL		equ 0x10000		; where the 16-bit code is copied to
REAL_STACK	equ 0x8000
DATA_SELECTOR	equ 0x18
MSR_S_CET	equ 0x6a2
MSR_EFER	equ 0xc0000080
CR0_TS		equ 8
CR0_CD		equ 1 << 30
CR4_OSXSAVE	equ 1 << 18
TF		equ 0x100

; The instruction raises that exception, with that RIP, and nothing else. Changes R8.
%macro faults 2+			; vector, instruction
	mov	dword [seen_vector], -1
	mov	qword [resume], %%after
%%at:	%2
	jmp	bad			; it did not fault
%%after:
	cmp	dword [seen_vector], %1
	jne	bad
	mov	r8, %%at
	cmp	[seen_rip], r8
	jne	bad
%endmacro

	cli
	mov	rsp, STACK
	call	install_handlers

; --- instructions that are not offered --------------------------------------------------------------
	check 1
	mov	rax, 0x100000
	faults	6, vmrun
	faults	6, vmload
	faults	6, vmsave
	check 2
	faults	6, stgi
	faults	6, clgi
	faults	6, invlpga
	xor	eax, eax
	faults	6, skinit
	check 3
	mov	rax, 0x180000
	xor	ecx, ecx
	xor	edx, edx
	faults	6, monitor
	xor	eax, eax
	faults	6, mwait
	check 4
	faults	6, vmxoff

; --- MSRs: what has no row does not exist -----------------------------------------------------------
	check 5
	mov	ecx, 0xc0010114		; VM_CR
	faults	13, rdmsr
	mov	ecx, 0xc0010117		; VM_HSAVE_PA
	faults	13, wrmsr
	mov	ecx, 0x480		; VMX_BASIC
	faults	13, rdmsr
	mov	ecx, 0x12345678		; in no range of any map
	faults	13, rdmsr
	check 6
	mov	ecx, MSR_EFER
	rdmsr
	test	eax, 0x1000		; SVME is the hypervisor's
	jnz	bad
	or	eax, 0x1000
	faults	13, wrmsr

; --- control registers ------------------------------------------------------------------------------
	check 10
	mov	rbx, cr0
	mov	rax, rbx
	or	rax, CR0_TS
	mov	cr0, rax
	mov	rcx, cr0
	cmp	rcx, rax
	jne	bad
	clts
	mov	rcx, cr0
	test	ecx, CR0_TS
	jnz	bad
	check 11
	mov	eax, 0xf		; LMSW: MP, EM, TS; PE stays
	lmsw	ax
	mov	rcx, cr0
	and	ecx, 0xf
	cmp	ecx, 0xf
	jne	bad
	mov	eax, 0			; it cannot clear PE
	lmsw	ax
	mov	rcx, cr0
	and	ecx, 0xf
	cmp	ecx, 1
	jne	bad
	check 12
	mov	rax, rbx
	or	eax, CR0_CD		; no more caches: hidden from the CPU, not from us
	mov	cr0, rax
	mov	r15, cr0
	cmp	r15, rax
	jne	bad
	smsw	r14d
	cmp	r14d, r15d
	jne	bad
	smsw	[scratch]
	mov	ax, [scratch]
	cmp	ax, r15w
	jne	bad
	mov	r13, 0x1234567890abcdef
	smsw	r13w
	mov	rcx, 0x1234567890ab0000
	mov	cx, r15w
	cmp	r13, rcx
	jne	bad
	mov	cr0, rbx
	mov	rcx, cr0
	cmp	rcx, rbx
	jne	bad
	check 13
	mov	rax, 0x80000010		; paging without protection
	faults	13, mov cr0, rax
	mov	rax, cr4
	mov	r15, rax
	bts	rax, 31			; no such bit
	faults	13, mov cr4, rax
	mov	rax, r15
	btr	rax, 5			; PAE in long mode
	faults	13, mov cr4, rax
	mov	rax, r15
	bts	rax, 23			; CET
	faults	13, mov cr4, rax
	mov	ecx, MSR_S_CET
	faults	13, rdmsr
	xor	eax, eax
	xor	edx, edx
	faults	13, wrmsr
	mov	rax, cr4
	cmp	rax, r15
	jne	bad
	check 14
	mov	rax, r15
	xor	rax, 0x80		; PGE, by a high register
	mov	r12, rax
	mov	cr4, r12
	mov	r11, cr4
	cmp	r11, r12
	jne	bad
	mov	cr4, r15
	check 15
	mov	eax, 1
	xor	ecx, ecx
	cpuid
	bt	ecx, 26			; XSAVE
	jnc	.no_xsave
	mov	rax, cr4
	or	eax, CR4_OSXSAVE
	mov	cr4, rax
	mov	eax, 1
	cpuid
	bt	ecx, 27			; shows what CR4 says
	jnc	bad
	xor	ecx, ecx
	xor	edx, edx
	mov	eax, 2			; SSE without x87
	faults	13, xsetbv
	mov	ecx, 1			; no such register
	mov	eax, 1
	faults	13, xsetbv
	xor	ecx, ecx
	mov	eax, 3
	xsetbv
	xgetbv
	cmp	eax, 3
	jne	bad
	mov	cr4, r15
.no_xsave:

; --- instructions that are skipped ------------------------------------------------------------------
	check 20			; a single step over CPUID traps behind it
	mov	dword [steps], 0
	pushfq
	or	dword [rsp], TF
	popfq
	xor	eax, eax
	cpuid
step1:	nop
step2:	pushfq				; shows TF to us alone
	and	dword [rsp], ~TF
	popfq
step3:	cmp	dword [steps], 6
	jne	bad
	mov	rax, step1
	cmp	[step_rips + 8], rax
	jne	bad
	mov	rax, step2
	cmp	[step_rips + 16], rax
	jne	bad
	mov	rax, [step_dr6]
	and	eax, 0xe00f
	cmp	eax, 0x4000		; BS, no breakpoint
	jne	bad
	check 21			; prefixes count
	mov	dword [steps], 0
	pushfq
	or	dword [rsp], TF
	popfq
	db	0x66, 0x48
	cpuid
step4:	pushfq
	and	dword [rsp], ~TF
	popfq
	cmp	dword [steps], 4
	jne	bad
	mov	rax, step4
	cmp	[step_rips], rax
	jne	bad
	xor	eax, eax
	db	0xf2, 0x67
	cpuid
	mov	esi, 20			; the same place, other code
	xor	edi, edi
.again:
	mov	dword [patched], 0xa20f6666
	call	patched
	mov	dword [patched], 0xc7ffa20f ; CPUID, INC EDI
	call	patched
	dec	esi
	jnz	.again
	cmp	edi, 20
	jne	bad
	check 22			; the shadow of STI ends behind a skipped instruction, not before
	call	enable_x2apic
	mov	dword [interrupts], 0
	write_msr X2APIC_SELF, 0, VECTOR
	cmp	dword [interrupts], 0
	jne	bad
	xor	eax, eax
	sti
	cpuid
behind_sti:
	nop
	cli
	cmp	dword [interrupts], 1
	jne	bad
	mov	rax, behind_sti
	cmp	[interrupt_rip], rax
	jne	bad
	check 23			; INT n and INT3: where they return to
	mov	dword [interrupts], 0
	int	VECTOR
behind_int:
	cmp	dword [interrupts], 1
	jne	bad
	mov	rax, behind_int
	cmp	[interrupt_rip], rax
	jne	bad
	mov	qword [resume], behind_int3
	int3
behind_int3:
	cmp	dword [seen_vector], 3
	jne	bad
	mov	rax, behind_int3
	cmp	[seen_rip], rax
	jne	bad
	check 24			; no APIC in memory in x2APIC mode, nor anything else
	mov	ebx, 0xfee00000
	mov	dword [rbx + 0x20], 0x12345678
	cmp	dword [rbx + 0x20], -1
	jne	bad
	cmp	dword [rbx + 0xff8], -1
	jne	bad

; --- task priority ----------------------------------------------------------------------------------
	check 30
	mov	dword [interrupts], 0
	sti
	mov	eax, VECTOR >> 4
	mov	cr8, rax
	mov	rcx, cr8
	cmp	rcx, rax
	jne	bad
	mov	ecx, X2APIC_TPR		; the same register
	rdmsr
	cmp	eax, VECTOR & 0xf0
	jne	bad
	write_msr X2APIC_SELF, 0, VECTOR
	mov	ecx, 100
.held:	xor	eax, eax
	push	rcx
	cpuid
	pop	rcx
	dec	ecx
	jnz	.held
	cmp	dword [interrupts], 0
	jne	bad
	mov	eax, (VECTOR >> 4) - 1
	mov	cr8, rax
	nop
	cmp	dword [interrupts], 1
	jne	bad
	check 31			; by the APIC's register
	write_msr X2APIC_TPR, 0, 0x70
	mov	rax, cr8
	cmp	eax, 7
	jne	bad
	write_msr X2APIC_SELF, 0, VECTOR
	nop
	cmp	dword [interrupts], 1
	jne	bad
	write_msr X2APIC_TPR, 0, 0
	nop
	cmp	dword [interrupts], 2
	jne	bad
	mov	rax, cr8
	test	rax, rax
	jnz	bad

; --- NMIs -------------------------------------------------------------------------------------------
	check 40
	mov	dword [nmis], 0
	mov	dword [nmi_again], 3	; so many more from inside the handler
	call	send_nmi
	nop
	cmp	dword [nmis], 4
	jne	bad
	cmp	dword [nmi_nested], 0
	jne	bad
	check 41			; with interrupts off
	cli
	mov	dword [nmis], 0
	mov	dword [nmi_again], 1
	call	send_nmi
	nop
	cmp	dword [nmis], 2
	jne	bad
	pushfq
	pop	rax
	test	eax, TF			; nobody's step shows
	jnz	bad
	mov	rax, dr6
	check 42			; an NMI and an interrupt at once: both come
	mov	dword [nmis], 0
	mov	dword [nmi_again], 0
	mov	dword [interrupts], 0
	write_msr X2APIC_SELF, 0, VECTOR
	call	send_nmi
	sti
	nop
	nop
	cli
	cmp	dword [nmis], 1
	jne	bad
	cmp	dword [interrupts], 1
	jne	bad

; --- 16-bit code: real mode, and back ---------------------------------------------------------------
	check 50
	mov	rsi, real_code
	mov	rdi, REAL
	mov	ecx, real_end - real_code
	rep movsb
	mov	[saved_rsp], rsp
	lgdt	[gdt_pointer]
	jmp	dword far [to_compat]
back:
	mov	rsp, [saved_rsp]
	cmp	dword [REAL + real_result - real_code], 0x600d
	jne	bad

%include "tests/guest/cpu.inc"

; Code that is changed under way.
align 16
patched:
	times 4 nop
	xor	eax, eax
	ret

align 8
gdt:	dq	0
	dq	0
	dq	0x00af9b000000ffff	; 10: 64-bit code
	dq	0x00cf93000000ffff	; 18: data
	dq	0x00009b010000ffff	; 20: 16-bit code at REAL
	dq	0x000093000000ffff	; 28: 16-bit data
gdt_pointer:
	dw	gdt_pointer - gdt - 1
	dq	gdt
to_compat:
	dd	0			; offset in the 16-bit segment
	dw	0x20

align 8
scratch: dq	0
saved_rsp: dq	0
text_ok: db	"cpu ok", 10, 0
text_bad: db	"cpu BAD", 0

; Runs at REAL, in a segment of its own: 16-bit protected mode, real mode, and the way back.
align 16
bits 16
real_code:
	mov	ax, 0x28
	mov	ss, ax
	mov	ds, ax
	mov	esp, REAL_STACK
	mov	eax, cr0
	and	eax, 0x7fffffff		; PG off: long mode ends
	mov	cr0, eax
	mov	ecx, MSR_EFER
	rdmsr
	and	eax, ~0x100		; LME off
	wrmsr
	xor	eax, eax
	cpuid				; protected mode, 16 bits
	mov	eax, cr0
	and	eax, ~1			; PE off
	mov	cr0, eax
	jmp	(REAL >> 4):(.real - real_code)
.real:
	mov	ax, cs
	mov	ds, ax
	mov	bp, sp
	mov	eax, 0
	cpuid				; at a base that is not 0
	o32 cpuid
	mov	dx, 0x80
	out	dx, al
	sti
	cli
	mov	di, real_result - real_code
	mov	dword [di], 0x600d
	mov	eax, cr0
	or	eax, 1
	mov	cr0, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, 0x100
	wrmsr
	mov	eax, cr0
	or	eax, 0x80000000
	mov	cr0, eax
	jmp	dword CODE_SELECTOR:back
real_result:
	dd	0
real_end:
