; What a guest may do with its CPU beside plain code, on both makers: each step checks one thing that
; exits or that the hypervisor injects. Prints "modes ok", or "F" and the letter of the step that failed,
; and switches itself off. From 64-bit mode down to real mode and back.
bits 64
org 0x100000

IDT equ 0x180000			; 32 gates
STACK equ 0x1f0000
STACK_LOW equ 0x17000			; for 32-bit and real mode
REAL_SEGMENT equ 0x1800			; real-mode code is copied there
REAL_BASE equ REAL_SEGMENT * 16
PAE_TABLE equ 0x1a0000			; page-directory-pointer table of PAE paging
PAGE_DIRECTORY equ 0xb000		; the loader's: the first GiB in pages of 2 MiB
LONG_TABLES equ 0x9000			; the loader's

CODE64 equ 0x08
DATA32 equ 0x10
CODE32 equ 0x18
CODE16 equ 0x20
DATA16 equ 0x28

CR0_PE equ 0x1
CR0_TS equ 0x8
CR0_NE equ 0x20
CR0_CD equ 0x40000000
CR0_PG equ 0x80000000
CR4_PAE equ 0x20
CR4_VMXE equ 0x2000
EFER equ 0xc0000080
EFER_LME equ 0x100
DR6_BS equ 0x4000
NO_SUCH_MSR equ 0x12345

; fail LETTER: works in every mode
%macro fail 1
	mov	dx, 0x3f8
	mov	al, 'F'
	out	dx, al
	mov	al, %1
	out	dx, al
	mov	al, 10
	out	dx, al
	mov	dx, 0x604
	mov	ax, 0x2000
	out	dx, ax
%%hang:	hlt
	jmp	%%hang
%endmacro

; expect CONDITION, LETTER
%macro expect 2
	j%+1	%%good
	fail	%2
%%good:
%endmacro

; faults VECTOR, LETTER, instruction...: must fault, with the error code 0 where there is one
%macro faults 3+
	mov	dword [seen], -1
	mov	qword [resume], %%after
	%3
%%after:
	cmp	dword [seen], %1
	expect	e, %2
%endmacro

	mov	rsp, STACK
	lgdt	[gdt_pointer]
	push	CODE64
	push	reload
	retfq
reload:
	mov	ax, DATA32
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	call	install_handlers

; a: a single step over an instruction that exits ends right behind it
	xor	eax, eax
	mov	dr6, rax
	mov	qword [resume], 0
	mov	dword [seen], -1
	pushfq
	or	dword [rsp], 0x100
	popfq
	cpuid
stepped:
	nop
	cmp	dword [seen], 1
	expect	e, 'a'
	mov	rax, stepped
	cmp	[seen_rip], rax
	expect	e, 'b'
	mov	rax, dr6
	test	eax, DR6_BS
	expect	nz, 'c'

; d: INT1, INT3 and INT n are traps
	mov	dword [seen], -1
	db	0xf1
int1_end:
	cmp	dword [seen], 1
	expect	e, 'd'
	mov	rax, int1_end
	cmp	[seen_rip], rax
	expect	e, 'e'
	int3
int3_end:
	cmp	dword [seen], 3
	expect	e, 'f'
	mov	rax, int3_end
	cmp	[seen_rip], rax
	expect	e, 'g'

; h: breakpoints on code and data
	mov	rax, breakpoint
	mov	dr0, rax
	mov	rax, watched
	mov	dr1, rax
	mov	eax, 0x10040a		; DR0 on code, DR1 on writes of a byte, both global
	mov	dr7, rax
	xor	eax, eax
	mov	dr6, rax
	mov	dword [seen], -1
	mov	byte [watched], 1
watch_end:
	cmp	dword [seen], 1
	expect	e, 'h'
	mov	rax, dr6
	and	eax, 0xf
	cmp	eax, 2
	expect	e, 'i'
	xor	eax, eax
	mov	dr6, rax
	mov	dword [seen], -1
breakpoint:
	nop
	cmp	dword [seen], 1
	expect	e, 'j'
	mov	rax, dr6
	and	eax, 0xf
	cmp	eax, 1
	expect	e, 'k'
	mov	eax, 0x400
	mov	dr7, rax

; l: what is not offered
	xor	eax, eax
	xor	ecx, ecx
	xor	edx, edx
	faults	6, 'l', monitor
	mov	ecx, NO_SUCH_MSR
	faults	13, 'm', rdmsr
	cmp	dword [seen_error], 0
	expect	e, 'n'
	mov	rax, cr4
	or	eax, CR4_VMXE
	faults	13, 'o', {mov cr4, rax}

; p: CR0: bits that the hypervisor keeps for itself look as the guest wrote them
	mov	rbx, cr0
	mov	rax, rbx
	or	eax, CR0_CD
	mov	cr0, rax
	mov	rcx, cr0
	cmp	rax, rcx
	expect	e, 'p'
	mov	rax, rbx
	and	eax, ~CR0_NE
	mov	cr0, rax
	mov	rcx, cr0
	cmp	rax, rcx
	expect	e, 'q'
	mov	cr0, rbx
	mov	rax, rbx
	or	eax, CR0_TS
	mov	cr0, rax
	clts
	mov	rax, cr0
	cmp	rax, rbx
	expect	e, 'r'
	smsw	eax
	or	eax, CR0_TS
	and	eax, ~CR0_PE		; LMSW cannot clear it
	lmsw	ax
	mov	rax, cr0
	mov	rcx, rbx
	or	ecx, CR0_TS
	cmp	rax, rcx
	expect	e, 's'
	clts
	mov	eax, CR0_PG
	faults	13, 't', {mov cr0, rax}

; u: the rest that has exits of its own
	mov	eax, 5
	mov	cr8, rax
	mov	rcx, cr8
	cmp	ecx, 5
	expect	e, 'u'
	xor	eax, eax
	mov	cr8, rax
	wbinvd
	mov	rsi, string
	mov	ecx, string_end - string
	mov	dx, 0x3f8
	rep outsb
	test	ecx, ecx
	expect	z, 'v'
	cmp	rsi, string_end
	expect	e, 'w'

; Down: compatibility mode, then without paging, then PAE paging.
	mov	rsi, real_start		; real-mode code to its place
	mov	rdi, REAL_BASE
	mov	ecx, real_end - real_start
	rep movsb
	mov	rdi, PAE_TABLE
	mov	qword [rdi], PAGE_DIRECTORY | 1
	mov	qword [rdi + 8], 0
	mov	qword [rdi + 16], 0
	mov	qword [rdi + 24], 0
	push	CODE32
	push	compatibility
	retfq

bits 32
compatibility:
	mov	esp, STACK_LOW
	mov	ebx, 0x12345678
	mov	esi, ebx
	mov	eax, 0
	cpuid
	mov	eax, cr0
	and	eax, ~CR0_PG
	mov	cr0, eax		; out of long mode
	jmp	.unpaged
.unpaged:
	mov	ecx, EFER
	rdmsr
	test	eax, 0x400		; LMA
	expect	z, 'A'
	and	eax, ~EFER_LME
	wrmsr
	mov	eax, 0
	cpuid
	test	eax, eax
	expect	nz, 'B'
	mov	eax, PAE_TABLE
	mov	cr3, eax
	mov	eax, cr0
	or	eax, CR0_PG
	mov	cr0, eax		; PAE paging: the hypervisor loads the four entries
	jmp	.paged
.paged:
	mov	eax, [PAE_TABLE]
	and	eax, ~0x20		; QEMU marks these entries as accessed
	cmp	eax, PAGE_DIRECTORY | 1
	expect	e, 'C'
	mov	eax, PAE_TABLE
	mov	cr3, eax		; and here the CPU does
	mov	eax, 0
	cpuid
	test	eax, eax
	expect	nz, 'D'
	mov	eax, cr0
	and	eax, ~CR0_PG
	mov	cr0, eax
	mov	eax, cr4
	and	eax, ~CR4_PAE
	mov	cr4, eax
	lidt	[real_idt]
	jmp	CODE16:(real_mode_entry - real_start)

; Assembled for REAL_BASE, CS base REAL_BASE in both modes.
bits 16
real_start:
real_mode_entry:
	mov	ax, DATA16
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	eax, cr0
	and	al, ~CR0_PE
	mov	cr0, eax
	jmp	REAL_SEGMENT:(.real - real_start)
.real:
	xor	ax, ax
	mov	ds, ax
	mov	ss, ax
	mov	sp, STACK_LOW & 0xffff
	mov	ax, REAL_SEGMENT
	mov	es, ax
	mov	word [13 * 4], .handler - real_start
	mov	[13 * 4 + 2], ax
	mov	word [0x40 * 4], .handler40 - real_start
	mov	[0x40 * 4 + 2], ax
	mov	eax, 0
	cpuid
	test	eax, eax
	expect	nz, 'E'
	mov	bx, 0
	int	0x40
	cmp	bx, 0x40
	expect	e, 'G'
	mov	ecx, NO_SUCH_MSR
	mov	bp, sp
	rdmsr				; #GP; without an error code here
.after_fault:
	cmp	bx, 13
	expect	e, 'H'
	cmp	sp, bp
	expect	e, 'I'
	mov	si, .text - real_start	; OUTS with an override, 16-bit addresses
	mov	cx, 2
	mov	dx, 0x3f8
	rep es outsb
	test	cx, cx
	expect	z, 'J'
	smsw	ax			; back up by LMSW
	or	al, CR0_PE
	lmsw	ax
	jmp	dword CODE32:protected
.handler:
	mov	bx, 13
	pop	ax			; IP of RDMSR: nothing lies above it
	cmp	ax, .after_fault - 2 - real_start
	expect	e, 'K'
	push	word .after_fault - real_start
	iret
.handler40:
	mov	bx, 0x40
	iret
.text:	db	"r", 10
real_end:

bits 32
protected:
	mov	ax, DATA32
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	esp, STACK_LOW
	mov	eax, cr4
	or	eax, CR4_PAE
	mov	cr4, eax
	mov	eax, LONG_TABLES
	mov	cr3, eax
	mov	ecx, EFER
	rdmsr
	or	eax, EFER_LME
	wrmsr
	mov	eax, cr0
	or	eax, CR0_PG
	mov	cr0, eax
	jmp	CODE64:long_again

bits 64
long_again:
	mov	rsp, STACK
	lidt	[idt_pointer]
	mov	ecx, EFER
	rdmsr
	test	eax, 0x400
	expect	nz, 'L'
	mov	ecx, NO_SUCH_MSR
	faults	13, 'M', rdmsr
	mov	rsi, done
	mov	ecx, done_end - done
	mov	dx, 0x3f8
	rep outsb
	mov	dx, 0x604
	mov	ax, 0x2000
	out	dx, ax
hang:	hlt
	jmp	hang

install_handlers:
	mov	rdi, IDT
	mov	rsi, stubs
	mov	ecx, 32
.gate:
	mov	[rdi], si
	mov	word [rdi + 2], CODE64
	mov	word [rdi + 4], 0x8e00
	mov	rax, rsi
	shr	rax, 16
	mov	[rdi + 6], ax
	mov	qword [rdi + 8], 0
	add	rsi, 16
	add	rdi, 16
	dec	ecx
	jnz	.gate
	lidt	[idt_pointer]
	ret

; Notes vector, error code and RIP; goes on at [resume], or for traps (0) where it was, TF and DR7
; breakpoints on code off for one instruction.
handler:
	push	rax
	mov	rax, [rsp + 8]
	mov	[seen], eax
	mov	rax, [rsp + 16]
	mov	[seen_error], eax
	mov	rax, [rsp + 24]
	mov	[seen_rip], rax
	and	dword [rsp + 40], ~0x100
	cmp	dword [seen], 1
	je	.trap
	cmp	dword [seen], 3
	je	.trap
	mov	rax, [resume]
	mov	[rsp + 24], rax
.trap:
	or	dword [rsp + 40], 0x10000 ; RF
	pop	rax
	add	rsp, 16
	iretq

align 16
stubs:
%assign vector 0
%rep 32
  %if vector = 8 || (vector >= 10 && vector <= 14) || vector = 17 || vector = 21
	nop
	nop
  %else
	push	byte 0
  %endif
	push	byte vector
	jmp	near handler
	align 16
%assign vector vector + 1
%endrep

align 8
gdt:
	dq	0
	dq	0x00af9b000000ffff	; CODE64
	dq	0x00cf93000000ffff	; DATA32
	dq	0x00cf9b000000ffff	; CODE32
	dq	0x00009b018000ffff	; CODE16: base REAL_BASE
	dq	0x000093000000ffff	; DATA16
gdt_end:
gdt_pointer:
	dw	gdt_end - gdt - 1
	dq	gdt
idt_pointer:
	dw	32 * 16 - 1
	dq	IDT
real_idt:
	dw	0x3ff
	dd	0

string:	db	"outs", 10
string_end:
done:	db	"modes ok", 10
done_end:

align 8
resume:	dq	0
seen_rip: dq	0
seen:	dd	0
seen_error: dd	0
watched: db	0
