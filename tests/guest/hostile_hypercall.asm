; Hypercalls with any numbers and arguments: those that are not known are answered so, and each changes RAX
; alone. The other maker's instruction is none.
%include "tests/guest/hostile.inc"

UNKNOWN equ -1000
KNOWN equ 1 << 1 | 1 << 5 | 1 << 10 | 1 << 11

start:
	xor	eax, eax
	cpuid
	cmp	ebx, 'Auth'
	je	.rounds
	mov	byte [call_insn + 2], 0xc1 ; VMCALL, not VMMCALL
	mov	byte [other_insn + 2], 0xd9
.rounds:
	xor	r12d, r12d
.next:
	call	random
	mov	rbx, rax
	call	random
	mov	rcx, rax
	call	random
	mov	rdx, rax
	mov	rsi, rbx
	mov	rdi, rcx
	mov	r8, rdx
	mov	r9, rax
	not	r9
	mov	r10, r9
	mov	rax, r12
	test	r12d, 1
	jz	.call
	mov	eax, r12d
	bswap	eax
	test	r12d, 2
	jz	.call
	mov	rax, r14
.call:
	mov	r11, rax
	call	call_insn
	cmp	r11, 12
	jae	.unknown
	mov	r13, KNOWN
	bt	r13, r11
	jc	.same
.unknown:
	cmp	rax, UNKNOWN
	hold	e
.same:
	cmp	rbx, rsi
	hold	e
	cmp	rcx, rdi
	hold	e
	cmp	rdx, r8
	hold	e
	cmp	r9, r10
	hold	e
	expect	6, call other_insn
	add	rsp, 8
	inc	r12d
	cmp	r12d, 20000
	jb	.next
	jmp	pass

call_insn:
	vmmcall
	ret
other_insn:
	vmcall
	ret
