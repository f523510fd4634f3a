; Instructions that exit and are replaced all the time, by stores, by aliases, by another page at their address,
; and by themselves: each must be executed as it stands there now.
%include "tests/guest/hostile.inc"

ROUNDS equ 3000
CODE_AREA equ 0x200000			; here it is patched ...
NEW_PDPT equ 0x210000
NEW_PD equ 0x211000
NEW_PT equ 0x212000
PAGE_A equ 0x220000			; ... and these two take turns
PAGE_B equ 0x221000
WINDOW equ 0x8000000000			; PML4's second entry: one of the pages
UNKNOWN equ -1000

start:
	mov	dword [TABLES + 8], NEW_PDPT | 3
	mov	dword [NEW_PDPT], NEW_PD | 3
	mov	dword [NEW_PD], NEW_PT | 3
	xor	eax, eax
	cpuid
	mov	[vendor], ebx
	cmp	ebx, 'Auth'
	je	.patch
	mov	byte [call_insn + 2], 0xc1 ; VMCALL, not VMMCALL
.patch:
	mov	r13d, ROUNDS
.next:
	call	random
	and	eax, 7
	mov	r12d, eax
	mov	rsi, [insns + rax * 8]
	mov	edi, CODE_AREA
	mov	ecx, 2
	rep movsq
	mov	eax, CODE_AREA
	call	check
	dec	r13d
	jnz	.next

	; Two pages in turn at one address
	mov	rsi, cpuid_insn
	mov	edi, PAGE_A
	mov	ecx, 2
	rep movsq
	mov	rsi, cpuid_long
	mov	edi, PAGE_B
	mov	ecx, 2
	rep movsq
	mov	r13d, ROUNDS
.turn:
	mov	eax, PAGE_A | 3
	xor	r12d, r12d
	test	r13d, 1
	jz	.map
	mov	eax, PAGE_B | 3
	inc	r12d
.map:	mov	[NEW_PT], rax
	mov	rbx, WINDOW
	invlpg	[rbx]
	mov	rax, rbx
	call	check
	dec	r13d
	jnz	.turn

	; String input over itself: what it has done, it has done
	mov	word [CODE_AREA + 0x40], 0x6cf3 ; REP INSB
	mov	byte [CODE_AREA + 0x42], 0xc3
	mov	edi, CODE_AREA
	mov	ecx, 0x1000
	mov	edx, 0x80
	mov	eax, CODE_AREA + 0x40
	try	call rax
	mov	rsp, STACK
	lea	eax, [rdi + rcx]
	cmp	eax, CODE_AREA + 0x1000
	hold	e
	cmp	edi, CODE_AREA + 0x40
	hold	ae
	jmp	pass

; Calls what is at RAX, which is number R12 of the list.
check:
	call	registers
	call	rax
	cmp	r15d, 1			; all of it was executed, and nothing else
	hold	e
	jmp	[checks_of + r12 * 8]
is_vendor:
	cmp	ebx, [vendor]
	hold	e
	ret
is_input:
	cmp	al, 0xff
	hold	e
	ret
is_call:
	cmp	rax, UNKNOWN
	hold	e
	ret
is_version:
	test	edi, edi
	hold	nz
	ret
is_nothing:
	ret

; For all of them; keeps RAX.
registers:
	xor	ecx, ecx
	mov	edx, 0x80
	mov	r8d, LAPIC
	xor	edi, edi
	xor	r15d, r15d
	ret

align 8
vendor:	dq	0
insns:	dq	cpuid_insn, cpuid_long, input, output, call_code, version, halt_not, cpuid_insn
checks_of: dq	is_vendor, is_vendor, is_input, is_nothing, is_call, is_version, is_nothing, is_vendor

align 16
cpuid_insn:
	xor	eax, eax
	cpuid
	inc	r15d
	ret
align 16
cpuid_long:
	xor	eax, eax
	db	0x66, 0x66
	cpuid
	inc	r15d
	ret
align 16
input:
	xor	eax, eax
	in	al, dx
	inc	r15d
	ret
align 16
output:
	xor	eax, eax
	out	0x80, eax
	inc	r15d
	ret
align 16
call_code:
	xor	eax, eax
call_insn:
	vmmcall
	inc	r15d
	ret
align 16
version:
	mov	eax, eax
	mov	edi, [r8 + 0x30]
	inc	r15d
	ret
align 16
halt_not:
	xor	eax, eax
	wbinvd
	inc	r15d
	ret
align 16
