; Leaves a value of its own in every register that there is, and in its memory, says so, and goes on with exits
; in between. What comes after it on its CPU, or gets its memory, must not find any of that.
%include "tests/guest/hostile.inc"

SECRET equ 0x5ec2e7c0
MEMORY equ 0x200000
MEMORY_END equ 0x2000000		; 32 MiB

; msr NUMBER, HIGH, LOW
%macro msr 3
	mov	ecx, %1
	mov	eax, %3
	mov	edx, %2
	try	wrmsr
%endmacro

start:
	mov	rax, SECRET << 32 | SECRET
	mov	edi, MEMORY
	mov	ecx, (MEMORY_END - MEMORY) / 8
	rep stosq
	mov	rax, cr0
	and	eax, ~4			; EM
	or	eax, 2			; MP
	mov	cr0, rax
	mov	eax, 1
	cpuid
	mov	rax, cr4
	or	eax, 0x600		; OSFXSR, OSXMMEXCPT
	mov	cr4, rax
	test	ecx, 1 << 26		; XSAVE
	jz	.vectors
	or	eax, 0x40000		; OSXSAVE
	mov	cr4, rax
	mov	eax, 0xd
	xor	ecx, ecx
	cpuid
	and	eax, 7
	xor	ecx, ecx
	xor	edx, edx
	xsetbv
	test	eax, 4
	jz	.vectors
	mov	r8d, MEMORY
%assign i 0
%rep 16
	vmovdqu	ymm %+ i, [r8]
%assign i i + 1
%endrep
	jmp	.x87
.vectors:
	mov	r8d, MEMORY
%assign i 0
%rep 16
	movdqu	xmm %+ i, [r8]
%assign i i + 1
%endrep
.x87:	fninit
%rep 8
	fld	qword [r8]
%endrep
	mov	word [value], 0x0f40	; another rounding and precision, exceptions on
	fldcw	[value]
	mov	dword [value], 0xff80	; another rounding, flush to zero
	ldmxcsr	[value]

	mov	rax, SECRET
	mov	dr0, rax
	mov	dr1, rax
	mov	dr2, rax
	mov	dr3, rax
	mov	eax, 0xffff0ff0 | 0xe00f
	mov	dr6, rax
	mov	eax, 0x7fff0400		; kinds and lengths, but none on
	mov	dr7, rax
	mov	rax, SECRET
	mov	cr2, rax
	mov	eax, 7
	mov	cr8, rax

	msr	0x277, 0x01040506, 0x06050401 ; PAT
	msr	0x174, 0, SECRET & 0xffff
	msr	0x175, 0, SECRET
	msr	0x176, 0, SECRET
	msr	0x3b, 0, SECRET		; TSC_ADJUST
	msr	0x2ff, 0, 0xc06
	msr	0xc0000081, SECRET, SECRET
	msr	0xc0000082, 0, SECRET
	msr	0xc0000083, 0, SECRET
	msr	0xc0000084, 0, SECRET
	msr	0xc0000100, 0, SECRET
	msr	0xc0000101, 0, SECRET
	msr	0xc0000102, 0, SECRET
	msr	0xc0000103, 0, SECRET
	msr	0xc0000080, 0, 0xd01	; EFER: NXE and SCE
	mov	r12d, 0x200		; MTRRs, as far as they take it
.mtrr:	mov	ecx, r12d
	mov	eax, 0x06060606
	mov	edx, eax
	cmp	ecx, 0x250
	jae	.put
	mov	eax, 0x06
	test	ecx, 1
	jz	.low
	mov	eax, 0x800
.low:	xor	edx, edx
.put:	try	wrmsr
	inc	r12d
	cmp	r12d, 0x270
	jb	.mtrr
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	dword [rax + 0x80], 0x70
	mov	dword [rax + 0x320], 0x10040
	mov	rsi, text
	call	print
	mov	rax, SECRET << 32 | SECRET
	mov	rbx, rax
	mov	rbp, rax
	mov	rdi, rax
	mov	rsi, rax
	mov	r8, rax
	mov	r9, rax
	mov	r10, rax
	mov	r11, rax
	mov	r12, rax
	mov	r13, rax
	mov	r14, rax
	mov	r15, rax
.loop:
	mov	rdx, r15
	mov	rcx, 1000
.spin:	loop	.spin
	mov	rcx, r15
	mov	rax, r15
	out	0x80, al		; an exit
	jmp	.loop

align 16
value:	dq	0
text:	db	"ready", 10, 0
