; State of 64-bit mode that VM entries check, or that is rare: each with an exit. What is not legal faults.
%include "tests/guest/hostile.inc"

NO_ADDRESS equ 0x0000800000000000	; not canonical
CODE32 equ 0x20
CONFORMING equ 0x28
TSS equ 0x30
USER_DATA equ 0x40 | 3
USER_CODE equ 0x48 | 3
SYSENTER_EIP equ 0x176
STAR equ 0xc0000081
LSTAR equ 0xc0000082
FS_BASE equ 0xc0000100
KERNEL_GS_BASE equ 0xc0000102

%macro exit 0
	xor	eax, eax
	xor	ecx, ecx
	cpuid
%endmacro

; refused MSR: an address that is not canonical. One emulator does not look; then the entry shall not, either.
%macro refused 1
	mov	ecx, %1
	mov	eax, NO_ADDRESS & 0xffffffff
	mov	edx, NO_ADDRESS >> 32
	cmp	byte [amd], 0
	jne	%%try
	expect	13, wrmsr
%%try:	try	wrmsr
	exit
	mov	ecx, %1
	xor	eax, eax
	xor	edx, edx
	wrmsr
%endmacro

; user VECTOR, CODE: what comes of that code in ring 3
%macro user 2
	mov	r12, %2
	expect	%1, jmp ring3
%endmacro

start:
	xor	eax, eax
	cpuid
	cmp	ebx, 'Auth'
	sete	[amd]
	refused	FS_BASE
	refused	FS_BASE + 1
	refused	KERNEL_GS_BASE
	refused	LSTAR
	refused	LSTAR + 1
	mov	ecx, SYSENTER_EIP	; one maker's CPUs take what they can keep
	mov	eax, NO_ADDRESS & 0xffffffff
	mov	edx, NO_ADDRESS >> 32
	try	wrmsr
	exit
	xor	eax, eax		; null segments, SS too
	mov	ds, ax
	mov	es, ax
	mov	fs, ax
	mov	gs, ax
	mov	ss, ax
	lldt	ax
	exit
	mov	ebx, LAPIC + 0x30
	mov	al, [rbx]
	mov	rax, ~0x100		; all flags but TF
	push	rax
	expect	NOTHING, popfq
	exit
	push	qword 2
	popfq
	mov	r12d, 15
.cr8:	mov	cr8, r12
	exit
	dec	r12d
	jns	.cr8
	mov	eax, 16
	cmp	byte [amd], 0
	jne	.cr8_any
	expect	13, mov cr8, rax
.cr8_any:
	try	mov cr8, rax
	xor	eax, eax
	mov	cr8, rax
	lgdt	[gdt_pointer]
	mov	ax, DATA
	mov	ss, ax
	mov	ds, ax
	push	qword CONFORMING
	push	qword .conforming
	retfq
.conforming:
	exit
	push	qword CODE32
	push	qword .compatible
	retfq
bits 32
.compatible:
	exit
	mov	eax, [LAPIC + 0x30]
	jmp	CODE:.long
bits 64
.long:	exit
	mov	ax, TSS
	ltr	ax
	mov	rdx, cr0		; without paging in 64-bit code: not legal
	btr	edx, 31
	expect	13, mov cr0, rdx
	mov	rdx, cr4		; nor without PAE
	btr	edx, 5
	expect	13, mov cr4, rdx
	mov	rdx, cr4
	bts	rdx, 32
	expect	13, mov cr4, rdx
	cmp	byte [amd], 0		; that emulator cuts it off
	jne	.nw
	mov	rdx, cr0
	bts	rdx, 32
	expect	13, mov cr0, rdx
.nw:
	mov	rdx, cr0
	bts	edx, 29			; NW without CD
	expect	13, mov cr0, rdx
	mov	eax, 1			; a bit above the 32 that DR7 has
	shl	rax, 32
	expect	13, mov dr7, rax
	expect	13, mov dr6, rax
	; Ring 3: exits that it may make, and those that it may not
	or	byte [TABLES], 4	; user pages
	or	byte [TABLES + 0x1000], 4
	or	byte [TABLES + 0x2000], 4
	or	byte [TABLES + 0x2008], 4
	mov	rax, cr3
	mov	cr3, rax
	user	6, user_cpuid
	user	13, user_port
	user	13, user_msr
	user	13, user_cr
	user	13, user_halt
	user	6, user_xsetbv		; CR4.OSXSAVE is 0
	user	13, user_nowhere
	jmp	pass

ring3:					; R12
	push	qword USER_DATA
	push	qword STACK - 0x4000
	push	qword 2
	push	qword USER_CODE
	push	r12
	iretq
user_cpuid:
	exit
	test	ebx, ebx
	jz	user_port
	ud2
user_port:
	in	al, 0x80
user_msr:
	mov	ecx, STAR
	rdmsr
user_cr:
	mov	rax, cr0
user_halt:
	hlt
user_xsetbv:
	xsetbv
user_nowhere:
	mov	rax, NO_ADDRESS
	mov	rax, [rax]

amd:	db	0
align 8
gdt:	dq	0, 0
	dq	0x00af9b000000ffff	; code
	dq	0x00cf93000000ffff	; data
	dq	0x00cf9b000000ffff	; 32-bit code
	dq	0x00af9f000000ffff	; conforming code
	dw	0x67, tss - $$, 0x8910, 0, 0, 0, 0, 0
	dq	0x00cff3000000ffff	; user data
	dq	0x00affb000000ffff	; user code
gdt_pointer:
	dw	10 * 8 - 1
	dq	gdt
align 16
tss:	dd	0
	dq	STACK - 0x8000		; RSP0
	times	92 db 0
