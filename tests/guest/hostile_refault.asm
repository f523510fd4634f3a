; Exceptions and interrupts whose delivery faults, raised by the CPU and by the hypervisor: what comes of each
; is the second fault or a double fault, as the tables of the architecture say.
%include "tests/guest/hostile.inc"

TSS equ 0x20
NO_MSR equ 0x12345678
GATE_ATTR equ 5				; of a gate: present, type
UNMAPPED equ 0x140000000
NOT_CANONICAL equ 0x800000000000

; injected VECTOR, INSTRUCTION: the first of two faults comes from the hypervisor. One emulator does not take such
; for the first of two, and delivers the second.
%macro injected 2+
	mov	byte [last], NOTHING
	inc	dword [checks]
	try	%2
	cmp	byte [last], %1
	je	%%good
	cmp	byte [amd], 1
	jne	bad
	cmp	byte [last], 11
	jne	bad
%%good:
%endmacro

; gate VECTOR, ATTRIBUTES
%macro gate 2
	mov	byte [IDT + (%1) * 16 + GATE_ATTR], %2
%endmacro

start:
	xor	eax, eax
	cpuid
	cmp	ebx, 'Auth'
	sete	[amd]
	lgdt	[gdt_pointer]
	mov	ax, TSS
	ltr	ax
	mov	byte [IDT + 8 * 16 + 4], 1 ; double faults have a stack of their own
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	al, 0xff
	out	0x21, al
	out	0xa1, al
	mov	r13d, 20
round:
	xor	eax, eax
	mov	ecx, NO_MSR
	mov	r12, UNMAPPED
	mov	ebx, 0x1ff8		; no such segment
	gate	13, 0x0e		; #GP: not present
	expect	8, mov ds, bx
	injected 8, rdmsr
	gate	13, 0x8e
	gate	14, 0x85		; #PF: no such gate in 64-bit mode
	expect	8, mov rax, [r12]
	gate	14, 0x8e
	gate	6, 0x0e			; #UD: not present
	expect	11, ud2
	xor	ecx, ecx
	expect	11, monitor
	gate	6, 0x8e
	gate	0x80, 0x0e
	expect	11, int 0x80
	gate	0x80, 0x8e
	gate	3, 0x0e
	expect	11, int3
	gate	3, 0x8e
	gate	1, 0x0e			; #DB of a step
	expect	11, jmp step
	gate	1, 0x8e
	; stacks
	expect	8, jmp undefined_there
	expect	8, jmp refused_there
	mov	r12, NOT_CANONICAL
	expect	8, jmp undefined_there
	expect	8, jmp refused_there
	expect	8, jmp msr_there
	; selectors
	mov	word [IDT + 6 * 16 + 2], 0x1ff8
	expect	13, ud2
	xor	ecx, ecx
	expect	13, monitor
	mov	word [IDT + 6 * 16 + 2], CODE
	; an NMI and an interrupt
	mov	r11d, LAPIC
	gate	2, 0x0e
	mov	byte [last], NOTHING
	try	mov dword [r11 + 0x300], 0x4400	; to number 0
	call	soon
	cmp	byte [last], 11
	hold	e
	gate	2, 0x8e
	gate	0x41, 0x0e
	mov	byte [last], NOTHING
	mov	dword [r11 + 0x300], 0x40041
	try	sti
	call	soon
	cli
	cmp	byte [last], 11
	hold	e
	gate	0x41, 0x8e
	mov	dword [r11 + 0xb0], 0	; it was taken
	dec	r13d
	jnz	round
	jmp	pass

step:
	push	qword 0x102
	popfq
	nop
	jmp	bad
undefined_there:			; with the stack at R12
	mov	rsp, r12
	ud2
refused_there:
	mov	rsp, r12
	xor	ecx, ecx
	monitor
msr_there:
	mov	rsp, r12
	mov	ecx, NO_MSR
	rdmsr

; Where what is on its way comes, and goes on behind.
soon:
	mov	qword [resume], .after
	mov	ecx, 1000
.wait:	loop	.wait
.after:
	mov	ecx, NO_MSR
	ret

amd:	db	0
align 8
gdt:	dq	0, 0
	dq	0x00af9b000000ffff	; code
	dq	0x00cf93000000ffff	; data
	dw	0x67, tss - $$, 0x8910, 0, 0, 0, 0, 0
gdt_pointer:
	dw	6 * 8 - 1
	dq	gdt
align 16
tss:	dd	0
	times	8 dd 0
	dq	STACK - 0x8000		; IST1
	times	64 db 0
