; What general-purpose, segment and control registers hold when it is entered: what a reset and the loader say,
; and nothing that another guest or the hypervisor left there.
%macro at_start 0
%assign n 0
%rep 8
	mov	[saved + (n + 8) * 8], r %+ %eval(n + 8)
%assign n n + 1
%endrep
	mov	[saved], rax
	mov	[saved + 8], rcx
	mov	[saved + 16], rdx
	mov	[saved + 24], rbx
	mov	[saved + 32], rsp
	mov	[saved + 40], rbp
	mov	[saved + 48], rsi
	mov	[saved + 56], rdi
	mov	rsp, 0x1f0000
	pushfq
	pop	qword [flags]
%endmacro
%include "tests/guest/hostile.inc"

RESET_RDX equ 0x600			; family 6
LOADER_RSP equ 0x100000

start:
	xor	ecx, ecx
.next:	mov	rax, [saved + rcx * 8]
	xor	edx, edx
	cmp	ecx, 2
	jne	.not_rdx
	mov	edx, RESET_RDX
.not_rdx:
	cmp	ecx, 4
	jne	.compare
	mov	edx, LOADER_RSP
.compare:
	cmp	rax, rdx
	hold	e
	inc	ecx
	cmp	ecx, 16
	jb	.next
	cmp	qword [flags], 2
	hold	e
	mov	rax, cr2
	test	rax, rax
	hold	z
	mov	rax, cr8
	test	rax, rax
	hold	z
	mov	rax, cr3
	cmp	rax, TABLES
	hold	e
	mov	rax, cr4
	and	rax, ~0x40		; MCE is the host's, and one emulator shows it
	cmp	rax, 0x20		; PAE
	hold	e
	mov	rax, cr0
	cmp	eax, 0x80000031		; PG, NE, ET, PE
	hold	e
	sldt	eax
	test	eax, eax
	hold	z
	str	eax
	test	eax, eax
	hold	z
	mov	eax, gs
	cmp	eax, DATA
	hold	e
	sgdt	[table]
	cmp	qword [table + 2], 0x500
	hold	e
	jmp	pass

align 8
saved:	times 16 dq 0
flags:	dq	0
table:	times 10 db 0
