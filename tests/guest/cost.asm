; What exits cost: each operation 1000 times between two RDTSC, the median less that of nothing at all. On
; emulators whose TSC counts instructions these are instructions from exit to entry, and the one that exits.
; Prints "cost NAME TICKS" lines on COM1 and switches itself off.
bits 64
org 0x100000

SAMPLES	equ 1000
ARRAY	equ 0x200000			; u32 samples
HANDLER_VECTOR equ 0x40
IDT	equ 0x180000
HYPERCALL_AMD equ 1

	lidt	[idt_pointer]
	mov	rsp, 0x1f0000
	call	install_handler
	call	enable_x2apic
	mov	eax, 0			; AMD's VMMCALL or Intel's VMCALL?
	cpuid
	mov	byte [is_amd], 0
	cmp	ecx, 0x444d4163		; "cAMD"
	jne	not_amd
	mov	byte [is_amd], 1
not_amd:

%macro measure 2			; name, label of the operation
	mov	rdi, %2
	call	sample_all
	mov	rsi, %1
	call	report
%endmacro

	mov	rdi, op_nothing
	call	sample_all
	mov	[baseline], eax
	measure	name_cpuid, op_cpuid
	measure	name_hypercall, op_hypercall
	measure	name_pic, op_pic
	measure	name_pit, op_pit
	measure	name_ioapic, op_ioapic
	measure	name_rdmsr, op_rdmsr
	measure	name_wrmsr, op_wrmsr
	measure	name_selfipi, op_selfipi
	mov	dx, 0x604		; PM1a control: S5
	mov	ax, 0x2000
	out	dx, ax
dead:	hlt
	jmp	dead

; Operations: may change rax, rbx, rcx, rdx.
op_nothing:
	ret
op_cpuid:
	xor	eax, eax
	xor	ecx, ecx
	cpuid
	ret
op_hypercall:
	mov	eax, 0x1000
	cmp	byte [is_amd], 0
	je	.intel
	vmmcall
	ret
.intel:
	vmcall
	ret
op_pic:
	in	al, 0x21
	ret
op_pit:
	in	al, 0x40
	ret
op_ioapic:
	mov	ebx, 0xfec00010
	mov	eax, [rbx]
	ret
op_rdmsr:
	mov	ecx, 0x3b		; TSC_ADJUST
	rdmsr
	ret
op_wrmsr:
	mov	ecx, 0x3b
	xor	eax, eax
	xor	edx, edx
	wrmsr
	ret
op_selfipi:				; to its handler and back
	mov	byte [arrived], 0
	mov	ecx, 0x83f
	mov	eax, HANDLER_VECTOR
	xor	edx, edx
	sti
	wrmsr
.wait:	cmp	byte [arrived], 0
	je	.wait
	cli
	ret

handler:
	push	rax
	push	rcx
	push	rdx
	mov	byte [arrived], 1
	mov	ecx, 0x80b		; EOI
	xor	eax, eax
	xor	edx, edx
	wrmsr
	pop	rdx
	pop	rcx
	pop	rax
	iretq

; rdi: operation. Returns eax: the median.
sample_all:
	xor	r8d, r8d
.next:
	lfence
	rdtsc
	mov	r9d, eax
	call	rdi
	lfence
	rdtsc
	sub	eax, r9d
	mov	r10d, r8d		; insert into the sorted array
.shift:
	test	r10d, r10d
	jz	.place
	mov	edx, [ARRAY + r10 * 4 - 4]
	cmp	edx, eax
	jbe	.place
	mov	[ARRAY + r10 * 4], edx
	dec	r10d
	jmp	.shift
.place:
	mov	[ARRAY + r10 * 4], eax
	inc	r8d
	cmp	r8d, SAMPLES
	jb	.next
	mov	eax, [ARRAY + SAMPLES / 2 * 4]
	ret

; rsi: name; eax: ticks. Prints a line.
report:
	sub	eax, [baseline]
	push	rax
	push	rsi
	mov	rsi, text_cost
	call	print
	pop	rsi
	call	print
	pop	rax
	mov	rdi, number_end
	mov	ecx, 10
.digit:
	xor	edx, edx
	div	ecx
	add	dl, '0'
	dec	rdi
	mov	[rdi], dl
	test	eax, eax
	jnz	.digit
	mov	rsi, rdi
print:
	mov	dx, 0x3f8
.next:
	lodsb
	test	al, al
	jz	.done
	push	rax
.room:	mov	dx, 0x3fd		; line status: transmitter empty
	in	al, dx
	test	al, 0x20
	jz	.room
	pop	rax
	mov	dx, 0x3f8
	out	dx, al
	jmp	.next
.done:
	ret

install_handler:
	mov	rdi, IDT
	xor	eax, eax
	mov	ecx, 256 * 2
	rep stosq
	mov	rdi, IDT + HANDLER_VECTOR * 16
	mov	rax, handler
	mov	[rdi], ax
	mov	word [rdi + 2], 0x10
	mov	word [rdi + 4], 0x8e00
	shr	rax, 16
	mov	[rdi + 6], ax
	ret

enable_x2apic:
	mov	ecx, 0x1b
	rdmsr
	or	eax, 0xc00
	wrmsr
	mov	ecx, 0x80f		; spurious vector: on
	mov	eax, 0x1ff
	xor	edx, edx
	wrmsr
	ret

idt_pointer:
	dw	256 * 16 - 1
	dq	IDT
baseline: dd	0
arrived: db	0
is_amd:	db	0
text_cost: db	"cost ", 0
name_cpuid: db	"cpuid ", 0
name_hypercall: db "hypercall ", 0
name_pic: db	"in-pic ", 0
name_pit: db	"in-pit ", 0
name_ioapic: db	"mmio-ioapic ", 0
name_rdmsr: db	"rdmsr ", 0
name_wrmsr: db	"wrmsr ", 0
name_selfipi: db "self-ipi ", 0
	times 10 db 0
number_end: db	10, 0
