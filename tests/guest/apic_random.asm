; Random operations on the local APIC of the CPU that it runs on, the same for the same seed: on a bare machine,
; booted by Multiboot2, and as a guest, by Multiboot. Each is a line on COM1 that begins with "~"; what
; tests/emulator/apic.py compares. Interrupts come in windows only, so that their order is the APIC's alone.
;
; "SEED" in the image, then the first seed, how many there are, and what to leave out: the test writes these.
bits 32
org 0x200000

COM1		equ 0x3f8		; transmitter; + 5 is the line status
IDT		equ 0x280000
TABLES		equ 0x290000		; PML4, PDPT, four page directories
STACK		equ 0x2f0000
APIC		equ 0xfee00000
MSR_APIC_BASE	equ 0x1b
MSR_EFER	equ 0xc0000080
MSR_X2APIC	equ 0x800
OPS_PER_SEED	equ 400
WITHOUT_CR8	equ 1
WITHOUT_OFF	equ 2			; it is not switched off, so that it stays in x2APIC mode
WITHOUT_X2APIC	equ 4

; registers of the APIC: offset / 16
R_ID		equ 0x02
R_VERSION	equ 0x03
R_TPR		equ 0x08
R_PPR		equ 0x0a
R_EOI		equ 0x0b
R_LDR		equ 0x0d
R_DFR		equ 0x0e
R_SVR		equ 0x0f
R_ISR		equ 0x10
R_TMR		equ 0x18
R_IRR		equ 0x20
R_ESR		equ 0x28
R_ICR		equ 0x30
R_ICR_HIGH	equ 0x31
R_TIMER		equ 0x32
R_LINT0		equ 0x35
R_ERROR		equ 0x37
R_INITIAL	equ 0x38
R_CURRENT	equ 0x39
R_DIVIDE	equ 0x3e
R_SELF		equ 0x3f

MASKED		equ 0x10000
SPURIOUS	equ 0xff

image:
	jmp	entry
align 4
multiboot:
	dd	0x1badb002, 0x10000, -(0x1badb002 + 0x10000)
	dd	multiboot, image, image_end, 0, entry
align 8
multiboot2:
	dd	0xe85250d6, 0, multiboot2_end - multiboot2, -(0xe85250d6 + multiboot2_end - multiboot2)
	dw	2, 0			; where it goes
	dd	24, multiboot2, image, image_end, 0
	dw	3, 0			; its entry
	dd	12, entry
	align 8, db 0
	dw	0, 0
	dd	8
multiboot2_end:

	db	"SEED"
seed:	dd	1
seeds:	dd	4
without: dd	0

entry:
	cli
	mov	esp, STACK
	mov	edi, TABLES		; 4 GiB, in 2 MiB pages, as they are
	mov	ecx, 6 * 1024
	xor	eax, eax
	rep	stosd
	mov	dword [TABLES], TABLES + 0x1003
	mov	edi, TABLES + 0x1000
	mov	eax, TABLES + 0x2003
	mov	ecx, 4
.directory:
	mov	[edi], eax
	add	edi, 8
	add	eax, 0x1000
	loop	.directory
	mov	edi, TABLES + 0x2000
	mov	eax, 0x83		; present, writable, large
	mov	ecx, 2048
.page:
	mov	[edi], eax
	add	edi, 8
	add	eax, 0x200000
	loop	.page
	mov	eax, cr4
	or	eax, 1 << 5		; PAE
	mov	cr4, eax
	mov	eax, TABLES
	mov	cr3, eax
	mov	ecx, MSR_EFER
	rdmsr
	or	eax, 1 << 8		; LME
	wrmsr
	mov	eax, cr0
	or	eax, 1 << 31		; PG
	mov	cr0, eax
	lgdt	[gdt_pointer]
	jmp	0x08:long_mode

bits 64
long_mode:
	mov	ax, 0x10
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	rsp, STACK
	mov	al, 0xff		; no PIC
	out	0x21, al
	out	0xa1, al
	call	set_handlers
	call	to_xapic_first
.seed:
	mov	eax, [seed]
	mov	rdx, 0x9e3779b97f4a7c15
	imul	rax, rdx
	or	rax, 1
	mov	[random_state], rax
	mov	esi, text_seed
	call	begin
	mov	eax, [seed]
	call	hex32
	call	end_line
	mov	r12d, OPS_PER_SEED
.op:
	call	random
	xor	edx, edx
	mov	ecx, (ops_end - ops) / 8
	div	rcx
	call	[ops + rdx * 8]
	dec	r12d
	jnz	.op
	call	drain
	inc	dword [seed]
	dec	dword [seeds]
	jnz	.seed
	mov	esi, text_end
	call	begin
	call	end_line
	mov	dx, COM1 + 5
.sent:	in	al, dx
	test	al, 0x40		; all of it
	jz	.sent
	mov	rsi, text_shutdown	; Bochs ends
	mov	ecx, 8
	mov	dx, 0x8900
	rep	outsb
	mov	dx, 0x604		; PM1a control: SLP_EN, S5
	mov	ax, 0x2000
	out	dx, ax
.off:	cli
	hlt
	jmp	.off

; --- operations: each prints a line; all registers but r12 and rsp are theirs -----------------------------

op_tpr:
	call	random
	movzx	ebx, al
	mov	esi, text_tpr
	call	begin
	mov	ecx, R_TPR
	mov	eax, ebx
	call	write_apic
	mov	eax, ebx
	call	hex8
	jmp	priority

op_cr8:
	test	byte [without], WITHOUT_CR8
	jnz	op_tpr
	call	random
	and	eax, 15
	mov	rbx, rax
	mov	esi, text_cr8
	call	begin
	mov	cr8, rbx
	mov	eax, ebx
	call	hex8
	jmp	priority

op_tpr_none:
	mov	esi, text_tpr
	call	begin
	xor	eax, eax
	mov	ecx, R_TPR
	call	write_apic
	xor	eax, eax
	call	hex8
priority:				; TPR and PPR end the line
	call	arrow
	mov	ecx, R_TPR
	call	read_apic
	call	hex8
	mov	ecx, R_PPR
	call	read_apic
	call	hex8
	mov	rax, cr8
	call	hex8
	jmp	end_line

; An interrupt to itself, by one of seven ways, or to nobody.
op_ipi:
	call	random
	mov	rbx, rax
	shr	rax, 8
	call	legal_vector
	mov	ebp, eax
	and	ebx, 7
	mov	esi, text_ipi
	call	begin
	mov	eax, ebx
	call	hex8
	mov	eax, ebp
	call	hex8
	call	end_line
	mov	eax, ebp
	cmp	ebx, 1
	jb	.self
	je	.all
	cmp	ebx, 3
	jb	.physical
	je	.logical
	cmp	ebx, 5
	jb	.lowest
	je	.nobody
	cmp	ebx, 6
	je	.others
	cmp	byte [x2apic], 0
	je	.self
	mov	ecx, R_SELF
	jmp	write_apic
.self:	or	eax, 1 << 18
	jmp	.send
.all:	or	eax, 2 << 18
	jmp	.send
.others:
	or	eax, 3 << 18
	jmp	.send
.lowest:
	or	eax, 1 << 8
.logical:
	or	eax, 1 << 11
	mov	edx, 1			; the logical id, in both modes
	jmp	send
.nobody:
	mov	edx, 0x55
	jmp	send
.physical:
	push	rax
	mov	ecx, R_ID
	call	read_apic
	mov	edx, eax
	cmp	byte [x2apic], 0
	jne	.id
	shr	edx, 24
.id:	pop	rax
	jmp	send
.send:	xor	edx, edx
	jmp	send

op_window:
	mov	esi, text_window
	call	begin
	call	end_line
window:
	sti
%rep 8
	nop
	jmp	$ + 2
%endrep
	cli
	ret

op_eoi:
	mov	esi, text_eoi
	call	begin
	mov	ecx, R_EOI
	xor	eax, eax
	call	write_apic
	call	arrow
	mov	ecx, R_PPR
	call	read_apic
	call	hex8
	jmp	end_line

; A register that is only read, or any that holds what was written.
op_read:
	call	random
	xor	edx, edx
	mov	ecx, read_list_end - read_list
	div	rcx
	movzx	ebx, byte [read_list + rdx]
	mov	esi, text_read
	call	begin
	mov	eax, ebx
	call	hex8
	call	arrow
	mov	ecx, ebx
	call	read_apic
	call	hex32
	jmp	end_line

; All requests and all in service.
op_arrays:
	mov	esi, text_arrays
	call	begin
	mov	ebx, R_ISR
.word:
	mov	ecx, ebx
	call	read_apic
	test	bl, 15
	jnz	.whole
	xor	ax, ax			; illegal vectors: see handler
.whole:	call	hex32
	inc	ebx
	cmp	ebx, R_ISR + 8
	jne	.next
	add	ebx, 8			; TMR stays what it was
.next:	cmp	ebx, R_IRR + 8
	jb	.word
	jmp	end_line

; An entry of the LVT, masked; its legal bits.
op_lvt:
	call	random
	mov	rbx, rax
	xor	edx, edx
	mov	ecx, 6
	div	rcx
	mov	ebp, edx
	shr	rbx, 20
	and	ebx, [lvt_bits + rbp * 4]
	mov	eax, ebx
	and	al, 0xe0		; a legal vector
	or	al, 0x20
	mov	bl, al
	or	ebx, MASKED
	add	ebp, R_TIMER
	mov	esi, text_lvt
	call	begin
	mov	eax, ebp
	call	hex8
	mov	eax, ebx
	call	hex32
	mov	ecx, ebp
	mov	eax, ebx
	call	write_apic
	call	arrow
	mov	ecx, ebp
	call	read_apic
	call	hex32
	jmp	end_line

op_divide:
	call	random
	and	eax, 11
	mov	ebx, eax
	mov	esi, text_divide
	call	begin
	mov	eax, ebx
	call	hex8
	mov	ecx, R_DIVIDE
	mov	eax, ebx
	call	write_apic
	call	arrow
	mov	ecx, R_DIVIDE
	call	read_apic
	call	hex8
	jmp	end_line

; Off by software: the LVT's masks, which stay.
op_svr:
	mov	esi, text_svr
	call	begin
	mov	ecx, R_SVR
	mov	eax, SPURIOUS
	call	write_apic
	mov	ecx, R_LINT0
	mov	eax, 0x700		; unmasked, if one may
	call	write_apic
	call	arrow
	mov	ecx, R_LINT0
	call	read_apic
	call	hex32
	mov	ecx, R_SVR
	mov	eax, 0x100 | SPURIOUS
	call	write_apic
	mov	ecx, R_SVR
	call	read_apic
	call	hex32
	mov	ecx, R_LINT0
	call	read_apic
	call	hex32
	mov	ebx, R_TIMER		; so that all go on alike
.mask:	mov	ecx, ebx
	mov	eax, MASKED
	call	write_apic
	inc	ebx
	cmp	ebx, R_ERROR
	jbe	.mask
	jmp	end_line

; One shot of the timer, till it is requested.
op_timer:
	call	random
	mov	rbx, rax
	shr	rbx, 8
	call	legal_vector
	mov	ebp, eax
	and	ebx, 1023
	add	ebx, 100
	mov	esi, text_timer
	call	begin
	mov	eax, ebp
	call	hex8
	call	arrow
	mov	ecx, R_DIVIDE
	mov	eax, 11
	call	write_apic
	mov	ecx, R_TIMER
	mov	eax, ebp
	call	write_apic
	mov	ecx, R_INITIAL
	mov	eax, ebx
	call	write_apic
	mov	ecx, R_INITIAL
	call	read_apic
	sub	eax, ebx
	call	hex32
	mov	r13d, 10000000
.wait:
	mov	ecx, R_CURRENT
	call	read_apic
	test	eax, eax
	jz	.over
	dec	r13d
	jnz	.wait
.over:
	mov	r13d, 1000000
.requested:
	mov	ecx, ebp
	shr	ecx, 5
	add	ecx, R_IRR
	call	read_apic
	mov	ecx, ebp
	shr	eax, cl
	and	eax, 1
	jnz	.done
	dec	r13d
	jnz	.requested
.done:	call	hex8
	mov	ecx, R_TIMER
	lea	eax, [rbp + MASKED]
	call	write_apic
	jmp	end_line

; An illegal vector.
op_error:
	mov	ecx, R_ESR
	xor	eax, eax
	call	write_apic
	call	random
	and	eax, 7			; none that has an error code as an exception: see handler
	mov	ebx, eax
	mov	esi, text_error
	call	begin
	mov	eax, ebx
	call	hex8
	lea	eax, [rbx + (1 << 18)]
	xor	edx, edx
	call	send
	mov	ecx, R_ESR
	xor	eax, eax
	call	write_apic
	call	arrow
	mov	ecx, R_ESR
	call	read_apic
	call	hex8
	mov	ecx, R_ESR
	xor	eax, eax
	call	write_apic
	jmp	end_line

; To x2APIC mode, or by off to xAPIC mode again; with nothing under way.
op_mode:
	call	drain
	cmp	byte [x2apic], 0
	jne	.off
	test	byte [without], WITHOUT_X2APIC
	jnz	op_window
	mov	esi, text_to_x2apic
	call	begin
	call	to_x2apic
	jmp	.show
.off:	test	byte [without], WITHOUT_OFF
	jnz	op_window
	mov	esi, text_to_xapic
	call	begin
	mov	ecx, MSR_APIC_BASE
	rdmsr
	and	eax, ~0xc00
	wrmsr
	or	eax, 0x800
	wrmsr
	mov	byte [x2apic], 0
	mov	ecx, R_SVR		; as after power-up
	call	read_apic
	call	hex32
	mov	ecx, R_LINT0
	call	read_apic
	call	hex32
	mov	ecx, R_TPR
	call	read_apic
	call	hex32
	call	set_up
.show:	call	arrow
	mov	ecx, R_ID
	call	read_apic
	call	hex32
	mov	ecx, R_LDR
	call	read_apic
	call	hex32
	mov	ecx, R_SVR
	call	read_apic
	call	hex32
	jmp	end_line

; What must raise #GP in x2APIC mode, and MSRs of it in the other.
op_illegal:
	call	random
	xor	edx, edx
	mov	ecx, (illegal_end - illegal) / 12
	div	rcx
	imul	ebx, edx, 12
	mov	ebp, edx
	mov	esi, text_illegal
	call	begin
	mov	al, [x2apic]
	call	hex8
	mov	eax, ebp
	call	hex8
	call	arrow
	mov	byte [faulted], 0
	mov	qword [resume], .after
	mov	ecx, [illegal + rbx]
	mov	eax, [illegal + rbx + 4]
	xor	edx, edx
	cmp	dword [illegal + rbx + 8], 0
	je	.read
	wrmsr
	jmp	.after
.read:	rdmsr
.after:
	mov	qword [resume], 0
	mov	al, [faulted]
	call	hex8
	jmp	end_line

%include "tests/guest/apic_random.inc"

; --- data ----------------------------------------------------------------------------------------------------

align 8
gdt:	dq	0, 0x00209a0000000000, 0x0000920000000000
gdt_pointer:
	dw	23
	dq	gdt
idt_pointer:
	dw	4095
	dq	IDT
align 8
ops:	dq	op_tpr, op_tpr, op_tpr_none, op_tpr_none, op_cr8, op_ipi, op_ipi, op_ipi, op_ipi, op_ipi, op_ipi
	dq	op_window, op_window, op_window, op_window, op_eoi, op_eoi, op_eoi, op_read, op_read, op_read
	dq	op_arrays, op_lvt, op_divide, op_svr, op_timer, op_error, op_mode, op_illegal
ops_end:
lvt_bits:				; timer (one-shot or periodic), thermal, performance, LINT0, LINT1, error
	dd	0x200ff, 0x007ff, 0x007ff, 0x0a7ff, 0x0a7ff, 0x000ff
; MSR, value, 1 to write it. Each is reserved, or has a reserved bit; taken all the same, they disturb nothing.
illegal:
	dd	0x80b, 0, 0, 0x828, 1, 1, 0x830, 0x10005, 1, 0x83f, 0x105, 1, 0x802, 0, 1, 0x80d, 0, 1
	dd	0x80e, 0, 0, 0x831, 0, 0, 0x80f, 0x21ff, 1, 0x803, 0, 1, 0x820, 0, 1, 0x83f, 0, 0
	dd	0x8ff, 0, 0, MSR_APIC_BASE, 0xfee00400, 1
illegal_end:
read_list:
	db	R_ID, R_TPR, R_PPR, R_LDR, R_SVR, R_ICR, R_DIVIDE, R_INITIAL, R_TIMER, R_LINT0, R_ERROR
	db	0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
	db	0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27
read_list_end:
random_state: dq 0
resume:	dq	0
x2apic:	db	0
quiet:	db	0
faulted: db	0
text_seed: db	"seed", 0
text_end: db	"end", 0
text_tpr: db	"tpr", 0
text_cr8: db	"cr8", 0
text_ipi: db	"ipi", 0
text_window: db	"window", 0
text_eoi: db	"eoi", 0
text_read: db	"read", 0
text_arrays: db	"arrays", 0
text_lvt: db	"lvt", 0
text_divide: db	"divide", 0
text_svr: db	"svr", 0
text_timer: db	"timer", 0
text_error: db	"error", 0
text_to_x2apic: db "to x2apic", 0
text_to_xapic: db "to xapic", 0
text_illegal: db "illegal", 0
text_interrupt: db "interrupt", 0
text_exception: db "exception", 0
text_shutdown: db "Shutdown"
image_end:
