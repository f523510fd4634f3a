; The first step onto a shadow stack, and a return that goes astray, for self-tests. Contract: arch/shstk.h.

bits 64
default rel

%include "arch/shstk.inc"

EFAULT		equ 14			; lib/errno.h
MSR_S_CET	equ 0x6a2

extern shstk_prepare
global shstk_start, shstk_probe, shstk_probe_ret, shstk_probe_caught

section .text

; void shstk_start(void *top [rdi], void (*fn)(void) [rsi])
shstk_start:
	mov	rsp, rdi
	xor	ebp, ebp		; backtraces end here
	mov	rbx, rdi
	mov	r12, rsi
	call	shstk_prepare		; what S_CET shall be, 0: as it is
	test	rax, rax
	jz	.go
	pushfq
	cli				; an interrupt would be pushed to where SSP points
	mov	rdx, rax
	shr	rdx, 32
	mov	ecx, MSR_S_CET
	wrmsr				; SSP is 0 from here ...
	lea	rax, [rbx - 1]
	and	rax, -SHSTK_SLOT
	add	rax, SHSTK_TOP
	ssp_token rax, rcx
	ssp_enter rax			; ... to here
	popfq
.go:
	call	r12			; never returns
	ud2

; int shstk_probe(void)
shstk_probe:
	mov	rdx, [rsp]		; where to return
	lea	rax, [shstk_probe_ret.astray]
	mov	[rsp], rax
shstk_probe_ret:
	ret
.astray:
	push	rdx
	xor	eax, eax		; nobody minded
	ret
shstk_probe_caught:			; trap.c comes here after #CP
	mov	[rsp], rdx
	mov	eax, -EFAULT
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
