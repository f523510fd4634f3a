; vCPU 0 has instructions emulated while the others change their bytes, and where their code and what they access
; are mapped.
%include "tests/guest/hostile_smp.inc"

PAGE_TABLE	equ 0x300000		; for the 2 MiB at ALIAS
ALIAS		equ 0x40000000
ALIAS_PDE	equ TABLES + 0x3000	; the second GiB's directory
CODE_COPY	equ 0x310000

all:	test	edi, edi
	jnz	.change
	mov	edi, PAGE_TABLE
	xor	eax, eax
	mov	ecx, 1024
	rep	stosd
	mov	dword [PAGE_TABLE], CODE_COPY | 3
	mov	dword [ALIAS_PDE], PAGE_TABLE | 3
	mov	esi, victim
	mov	edi, CODE_COPY
	mov	ecx, victim_end - victim
	rep	movsb
	mov	rax, cr3
	mov	cr3, rax
	mov	byte [ready], 1
.run:	mov	qword [resume], .run
	mov	rsp, STACK
	mov	[resume_rsp], rsp
	mov	rax, cr3		; what they did to the tables counts now
	mov	cr3, rax
	mov	ebx, LAPIC
	mov	esi, ALIAS + 0x1000
	mov	eax, ALIAS
	call	rax
	jmp	.run

.change:
	cmp	byte [ready], 1
	jne	.change
	cmp	edi, 2
	je	.map
.bytes:	call	random			; to or from ...
	and	eax, 2
	or	eax, 0x89
	mov	[CODE_COPY], al
	call	random			; ... another register
	and	eax, 0x18
	or	eax, 0x83
	mov	[CODE_COPY + 1], al
	jmp	.bytes
.map:	mov	dword [PAGE_TABLE + 8], LAPIC | 3
	mov	dword [PAGE_TABLE + 8], CODE_COPY + 0x1000 | 3
	mov	dword [PAGE_TABLE + 8], IOAPIC | 3
	mov	dword [PAGE_TABLE + 8], NOWHERE | 3
	mov	dword [PAGE_TABLE + 8], 0
	mov	dword [PAGE_TABLE], 0
	mov	dword [PAGE_TABLE], CODE_COPY | 3
	jmp	.map

victim:
	mov	[rbx + 0x80], eax	; the task priority: its bytes are changed
	mov	rcx, [rsi]
	mov	edi, ALIAS + 0x1000
	movsd				; from there to there
	mov	[rsi + 0xffe], rax	; across the end of the page
	ret
victim_end:

ready:	db	0
