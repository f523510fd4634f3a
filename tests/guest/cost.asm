; What exits cost. Each operation runs 1000 times between two RDTSC, and so does its twin, the same
; instructions without the one that exits; the difference of the two medians is what that one
; instruction costs. Where the TSC counts instructions (Bochs, QEMU with -icount), so does this.
; Prints a line "cost NAME TICKS" for each on COM1, then switches itself off.
;
; Assembled with -DONLY=op_..., it does that operation alone; -DSAMPLES=... says how often.
bits 64
org 0x100000

%ifndef SAMPLES
%define SAMPLES 1000
%endif
SAMPLE equ 0x200000			; u32 samples, in ascending order
PAGES equ 0x400000			; memory that nothing has touched, 4 MiB
LARGE_PAGES equ 0x800000		; the same: 2 MiB each
LARGE_SAMPLES equ 24
IDT equ 0x180000
STACK_TOP equ 0x1f0000
HYPERCALL equ 0x1000			; a number that no hypervisor knows
DELAY equ 100000			; ticks from arming the timer to its interrupt

COM1 equ 0x3f8				; transmitter; + 5 is the line status
PM1A_CONTROL equ 0x604
IOAPIC_DATA equ 0xfec00010
LAPIC_ID equ 0xfee00020
MSR_APIC_BASE equ 0x1b
MSR_TSC_ADJUST equ 0x3b
MSR_TSC_DEADLINE equ 0x6e0
MSR_EOI equ 0x80b
MSR_SPURIOUS equ 0x80f
MSR_ICR equ 0x830
MSR_LVT_TIMER equ 0x832
MSR_SELF_IPI equ 0x83f
MSR_FS_BASE equ 0xc0000100
LVT_DEADLINE equ 1 << 18
ICR_SELF equ 1 << 18			; destination shorthand
VECTOR equ 0x40
EOI_VECTOR equ 0x41			; whose handler measures its EOI

start:
	mov	rsp, STACK_TOP
	call	set_handler
	xor	eax, eax		; CPUID leaf 0: the maker
	cpuid
	cmp	ecx, 0x444d4163		; "cAMD" of AuthenticAMD
	sete	[is_amd]
	call	apic_on			; in xAPIC mode, as the first row needs it
	mov	rbx, table
.row:
	cmp	rbx, table_xapic_end
	jne	.same_mode
	call	x2apic_on
.same_mode:
	mov	eax, [rbx + ROW_SAMPLES]
	mov	[samples], eax
	mov	rdi, [rbx + ROW_TWIN]
	call	median
	mov	ebp, eax
	mov	rdi, [rbx + ROW_OP]
	call	median
	sub	eax, ebp
	sub	eax, [rbx + ROW_LESS]
	mov	rsi, [rbx + ROW_NAME]
	call	report
	add	rbx, ROW_SIZE
	cmp	rbx, table_end
	jb	.row
	mov	dx, PM1A_CONTROL
	mov	ax, 0x2000		; SLP_EN, SLP_TYP 0: S5
	out	dx, ax
.off:
	hlt
	jmp	.off

; Operations and their twins. They may change rax, rcx, rdx and rsi.

nothing:
	ret

op_mmio_lapic_id:
	mov	esi, LAPIC_ID
	mov	eax, [rsi]
	ret
twin_mmio_lapic_id:
	mov	esi, LAPIC_ID
	ret

op_cpuid:
	push	rbx			; CPUID changes it
	xor	eax, eax
	xor	ecx, ecx
	cpuid
	pop	rbx
	ret
twin_cpuid:
	push	rbx
	xor	eax, eax
	xor	ecx, ecx
	pop	rbx
	ret

op_hypercall:
	mov	eax, HYPERCALL
	cmp	byte [is_amd], 0
	je	.intel
	vmmcall
	ret
.intel:
	vmcall
	ret
twin_hypercall:
	mov	eax, HYPERCALL
	cmp	byte [is_amd], 0
	je	.intel
	ret
.intel:
	ret

op_in_pic:
	in	al, 0x21
	ret
op_in_pit:
	in	al, 0x40
	ret

op_mmio_ioapic:
	mov	esi, IOAPIC_DATA
	mov	eax, [rsi]
	ret
twin_mmio_ioapic:
	mov	esi, IOAPIC_DATA
	ret

op_rdmsr:
	mov	ecx, MSR_TSC_ADJUST
	rdmsr
	ret
twin_rdmsr:
	mov	ecx, MSR_TSC_ADJUST
	ret

op_wrmsr:
	mov	ecx, MSR_TSC_ADJUST
	xor	eax, eax
	xor	edx, edx
	wrmsr
	ret
twin_wrmsr:
	mov	ecx, MSR_TSC_ADJUST
	xor	eax, eax
	xor	edx, edx
	ret

op_ipi_self:				; to its handler and back, both of them included
	mov	ecx, MSR_SELF_IPI
	mov	eax, VECTOR
	xor	edx, edx
ipi:
	mov	byte [arrived], 0
	sti
	wrmsr
.wait:
	cmp	byte [arrived], 0
	je	.wait
	cli
	ret
op_ipi_icr:
	mov	ecx, MSR_ICR
	mov	eax, ICR_SELF | VECTOR
	xor	edx, edx
	jmp	ipi

op_eoi:					; of the interrupt that is in service
	mov	eax, EOI_VECTOR
	mov	ecx, MSR_SELF_IPI
	xor	edx, edx
	call	ipi
	rdtsc				; as if it had begun when the EOI did
	sub	eax, [eoi_ticks]
	mov	r9d, eax
	ret
twin_eoi:
	push	rcx
	push	rdx
	rdtsc				; as in the handler
	mov	r11d, eax
	mov	ecx, MSR_EOI
	xor	eax, eax
	xor	edx, edx
	rdtsc
	sub	eax, r11d
	mov	[nothing_ticks], eax
	pop	rdx
	pop	rcx
	rdtsc
	sub	eax, [nothing_ticks]
	mov	r9d, eax
	ret

op_first_touch:
	mov	rsi, [next_page]
	add	qword [next_page], 0x1000
	mov	byte [rsi], 1
	ret
twin_first_touch:
	mov	rsi, [next_page]
	add	qword [twin_page], 0x1000
	ret

op_first_touch_2m:
	mov	rsi, [next_large]
	add	qword [next_large], 0x200000
	mov	byte [rsi], 1
	ret
twin_first_touch_2m:
	mov	rsi, [next_large]
	add	qword [twin_page], 0x200000
	ret

; What a kernel does from one process to another and back, without its scheduler: page tables, a page
; that is no longer mapped, the thread's base and the kernel's.
op_switch:
	mov	rsi, cr3
	mov	ecx, MSR_FS_BASE
	xor	eax, eax
	xor	edx, edx
%rep 2
	mov	cr3, rsi
	invlpg	[PAGES]
	wrmsr
	swapgs
%endrep
	ret

op_hlt_wake:					; from arming the timer to its handler and back
	mov	ecx, MSR_TSC_DEADLINE
	rdtsc
	add	eax, DELAY
	adc	edx, 0
	wrmsr
	sti				; no interrupt before HLT
	hlt
	cli
	ret

handler:
	push	rax
	push	rcx
	push	rdx
	mov	byte [arrived], 1
	mov	ecx, MSR_EOI
	xor	eax, eax
	xor	edx, edx
	wrmsr
	pop	rdx
	pop	rcx
	pop	rax
	iretq

eoi_handler:
	push	rax
	push	rcx
	push	rdx
	mov	byte [arrived], 1
	rdtsc
	mov	r11d, eax
	mov	ecx, MSR_EOI
	xor	eax, eax
	xor	edx, edx
	wrmsr
	rdtsc
	sub	eax, r11d
	mov	[eoi_ticks], eax
	pop	rdx
	pop	rcx
	pop	rax
	iretq

; rdi: operation. Returns eax: the median of its ticks.
median:
	xor	r8d, r8d		; samples taken
.next:
	lfence
	rdtsc
	mov	r9d, eax
	call	rdi
	lfence
	rdtsc
	sub	eax, r9d
	mov	r10d, r8d		; sort it in
.shift:
	test	r10d, r10d
	jz	.place
	mov	edx, [SAMPLE + r10 * 4 - 4]
	cmp	edx, eax
	jbe	.place
	mov	[SAMPLE + r10 * 4], edx
	dec	r10d
	jmp	.shift
.place:
	mov	[SAMPLE + r10 * 4], eax
	inc	r8d
	cmp	r8d, [samples]
	jb	.next
	shr	r8d, 1
	mov	eax, [SAMPLE + r8 * 4]
	ret

; rsi: name; eax: ticks, signed. Prints a line. Changes all but rbx.
report:
	push	rax
	push	rsi
	mov	rsi, text_cost
	call	print
	pop	rsi
	call	print
	mov	rsi, text_blank
	call	print
	pop	rax
	test	eax, eax
	jns	.positive
	push	rax
	mov	rsi, text_minus
	call	print
	pop	rax
	neg	eax
.positive:
	mov	rsi, number_end
	mov	ecx, 10
.digit:
	xor	edx, edx
	div	ecx
	add	dl, '0'
	dec	rsi
	mov	[rsi], dl
	test	eax, eax
	jnz	.digit
print:
	lodsb
	test	al, al
	jz	.done
	mov	ah, al
	mov	dx, COM1 + 5
.room:
	in	al, dx
	test	al, 0x20		; transmitter empty
	jz	.room
	mov	al, ah
	mov	dx, COM1
	out	dx, al
	jmp	print
.done:
	ret

set_handler:
	mov	rdi, IDT + VECTOR * 16
	mov	rax, handler
	call	.gate
	mov	rdi, IDT + EOI_VECTOR * 16
	mov	rax, eoi_handler
	call	.gate
	lidt	[idt_pointer]
	ret
.gate:
	mov	[rdi], ax
	mov	word [rdi + 2], 0x10	; the loader's code segment
	mov	word [rdi + 4], 0x8e00	; present, interrupt gate
	shr	rax, 16
	mov	[rdi + 6], ax
	mov	dword [rdi + 8], 0
	mov	dword [rdi + 12], 0
	ret

apic_on:				; xAPIC mode; its registers at their usual place
	mov	ecx, MSR_APIC_BASE
	rdmsr
	or	eax, 1 << 11
	wrmsr
	ret

x2apic_on:
	mov	ecx, MSR_APIC_BASE
	rdmsr
	or	eax, 3 << 10
	wrmsr
	mov	ecx, MSR_SPURIOUS
	mov	eax, 0x1ff		; on
	xor	edx, edx
	wrmsr
	mov	ecx, MSR_LVT_TIMER
	mov	eax, LVT_DEADLINE | VECTOR
	wrmsr
	ret

ROW_NAME equ 0
ROW_OP equ 8
ROW_TWIN equ 16
ROW_LESS equ 24
ROW_SAMPLES equ 28
ROW_SIZE equ 32

align 8
; row NAME, operation, twin, ticks of the operation to leave out, samples
%macro row 5
	dq	%1, %2, %3
	dd	%4, %5
%endmacro
table:
%ifdef ONLY
%ifidn ONLY, op_mmio_lapic_id
	row	name_only, ONLY, nothing, 0, SAMPLES
table_xapic_end equ 0
%else
table_xapic_end equ table
	row	name_only, ONLY, nothing, 0, SAMPLES
%endif
%else
	row	name_mmio_lapic_id, op_mmio_lapic_id, twin_mmio_lapic_id, 0, SAMPLES
table_xapic_end:
	row	name_cpuid, op_cpuid, twin_cpuid, 0, SAMPLES
	row	name_hypercall, op_hypercall, twin_hypercall, 0, SAMPLES
	row	name_in_pic, op_in_pic, nothing, 0, SAMPLES
	row	name_in_pit, op_in_pit, nothing, 0, SAMPLES
	row	name_mmio_ioapic, op_mmio_ioapic, twin_mmio_ioapic, 0, SAMPLES
	row	name_rdmsr, op_rdmsr, twin_rdmsr, 0, SAMPLES
	row	name_wrmsr, op_wrmsr, twin_wrmsr, 0, SAMPLES
	row	name_ipi_icr, op_ipi_icr, nothing, 0, SAMPLES
	row	name_ipi_self, op_ipi_self, nothing, 0, SAMPLES
	row	name_eoi, op_eoi, twin_eoi, 0, SAMPLES
	row	name_hlt_wake, op_hlt_wake, nothing, DELAY, SAMPLES
	row	name_switch, op_switch, nothing, 0, SAMPLES
	row	name_first_touch, op_first_touch, twin_first_touch, 0, SAMPLES
	row	name_first_touch_2m, op_first_touch_2m, twin_first_touch_2m, 0, LARGE_SAMPLES
%endif
table_end:

next_page: dq	PAGES
twin_page: dq	PAGES
next_large: dq	LARGE_PAGES
idt_pointer:
	dw	(EOI_VECTOR + 1) * 16 - 1
	dq	IDT
name_only: db	"only", 0
eoi_ticks: dd	0
nothing_ticks: dd 0
samples: dd	0
arrived: db	0
is_amd:	db	0
name_mmio_lapic_id: db "mmio-lapic-id", 0
name_cpuid: db	"cpuid", 0
name_hypercall: db "hypercall", 0
name_in_pic: db	"in-pic", 0
name_in_pit: db	"in-pit", 0
name_mmio_ioapic: db	"mmio-ioapic", 0
name_rdmsr: db	"rdmsr", 0
name_wrmsr: db	"wrmsr", 0
name_ipi_icr: db "ipi-icr", 0
name_ipi_self: db "ipi-self", 0
name_eoi: db	"eoi", 0
name_hlt_wake: db	"hlt-wake", 0
name_first_touch: db	"first-touch", 0
name_first_touch_2m: db "first-touch-2m", 0
name_switch: db	"switch", 0
text_cost: db	"cost ", 0
text_blank: db	" ", 0
text_minus: db	"-", 0
	times 10 db 0
number_end: db	10, 0
