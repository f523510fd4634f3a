; A guest that puts new values into every register that stays in the CPU across exits, looks for a while
; whether they are still there, and does so again with others, until something is wrong. It prints
; "go" when it begins, "state BAD n" with the number of the check that failed, then switches off.
; What an old copy of its state would have is never right: selftest=lazy-moved.
bits 64
org 0x100000

LOOKS	equ 40				; at one set of values

	mov	rsp, 0x1f0000
	mov	rax, cr0
	and	rax, ~4			; EM off
	or	rax, 2			; MP
	mov	cr0, rax
	mov	rax, cr4
	or	rax, 0x40600		; OSFXSR, OSXMMEXCPT, OSXSAVE
	mov	cr4, rax
	xor	ecx, ecx
	xor	edx, edx
	mov	eax, 7			; x87, SSE, AVX
	xsetbv
	rdtsc
	mov	r15d, eax		; the values' seed: every guest has its own
	mov	rsi, text_go
	call	print

; The MSRs that the hypervisor leaves in the CPU or switches with the guest; each gets r15 and its number.
%macro each_msr 1
	%1	1, 0xc0000081		; STAR
	%1	2, 0xc0000082		; LSTAR
	%1	3, 0xc0000083		; CSTAR
	%1	4, 0xc0000084		; SFMASK
	%1	5, 0xc0000102		; KERNEL_GS_BASE
	%1	6, 0xc0000100		; FS base
	%1	7, 0xc0000101		; GS base
	%1	8, 0x175		; SYSENTER_ESP
	%1	9, 0x176		; SYSENTER_EIP
	%1	10, 0xc0000103		; TSC_AUX
%endmacro

%macro set_msr 2
	mov	ecx, %2
	lea	eax, [r15 + %1]
	xor	edx, edx
	wrmsr
%endmacro

%macro check_msr 2
	mov	ebp, %1
	mov	ecx, %2
	rdmsr
	lea	ebx, [r15 + %1]
	cmp	eax, ebx
	jne	bad
	test	edx, edx
	jnz	bad
%endmacro

round:
	imul	r15d, r15d, 1103515245
	add	r15d, 12345
	and	r15d, 0x3fffffff	; canonical, and no carry from the numbers added

	each_msr set_msr
%macro set_reg 2
	lea	rax, [r15 + %1]
	mov	%2, rax
%endmacro
	set_reg	20, dr0
	set_reg	21, dr1
	set_reg	22, dr2
	set_reg	23, dr3
	set_reg	24, cr2
	mov	eax, r15d
	and	eax, 15
	or	eax, 0xffff0ff0
	mov	dr6, rax
	fninit
	mov	[number], r15d
	fild	dword [number]
	mov	eax, r15d
	and	eax, 3
	shl	eax, 13			; rounding control
	or	eax, 0x1f80
	mov	[mxcsr], eax
	ldmxcsr	[mxcsr]
	mov	rdi, pattern		; 16 registers of 32 bytes
	mov	rax, r15
	mov	rdx, 0x0807060504030201
	mov	ecx, 16 * 4
.fill:	mov	[rdi], rax
	add	rax, rdx
	add	rdi, 8
	loop	.fill
%assign i 0
%rep 16
	vmovdqu	ymm %+ i, [pattern + i * 32]
%assign i i + 1
%endrep
	mov	r14d, LOOKS

look:
	each_msr check_msr
%macro check_reg 2
	mov	ebp, %1
	mov	rax, %2
	lea	rbx, [r15 + %1]
	cmp	rax, rbx
	jne	bad
%endmacro
	check_reg 20, dr0
	check_reg 21, dr1
	check_reg 22, dr2
	check_reg 23, dr3
	check_reg 24, cr2
	mov	ebp, 25
	mov	rax, dr6
	and	eax, 15
	mov	ebx, r15d
	and	ebx, 15
	cmp	eax, ebx
	jne	bad
	mov	ebp, 26
	fist	dword [number]
	cmp	[number], r15d
	jne	bad
	mov	ebp, 27
	stmxcsr	[number]
	mov	eax, [number]
	and	eax, 0x6000
	mov	ebx, [mxcsr]
	and	ebx, 0x6000
	cmp	eax, ebx
	jne	bad
	mov	ebp, 30
%assign i 0
%rep 16
	vmovdqu	[copy + i * 32], ymm %+ i
%assign i i + 1
%endrep
	mov	rsi, pattern
	mov	rdi, copy
	mov	ecx, 16 * 4
	repe	cmpsq
	jne	bad
	dec	r14d
	jnz	look
	jmp	round

bad:
	mov	eax, ebp
	mov	ecx, 10
	xor	edx, edx
	div	ecx
	add	al, '0'
	add	dl, '0'
	mov	[text_number], al
	mov	[text_number + 1], dl
	mov	rsi, text_bad
	call	print
	mov	dx, 0x604		; PM1a control: S5
	mov	ax, 0x2000
	out	dx, ax
.dead:	hlt
	jmp	.dead

print:
	mov	dx, 0x3f8
.next:	lodsb
	test	al, al
	jz	.done
	out	dx, al
	jmp	.next
.done:	ret

text_go: db	"go", 10, 0
text_bad: db	"state BAD "
text_number: db	"00", 10, 0
align 8
number:	dd	0
mxcsr:	dd	0
align 32
pattern: times 512 db 0
copy:	times 512 db 0
