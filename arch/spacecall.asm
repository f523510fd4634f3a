; A short visit to another address space: stack and CR3 change together, since the caller's stack
; may be mapped in its own space alone. NMIs use stacks of their own, mapped everywhere.

bits 64
default rel

%include "arch/shstk.inc"

extern shstk_visit_top

VISIT_STACK_SIZE equ 4096

section .percpu write noexec alloc align=16
visit_stack:
	times VISIT_STACK_SIZE db 0
visit_stack_top:

section .text

global space_call
; void space_call(u64 cr3 [rdi], void (*fn)(void *) [rsi], void *arg [rdx], u64 back_cr3 [rcx])
space_call:
	push	rbp			; frame for backtraces
	mov	rbp, rsp
	push	rbx			; callee-saved registers hold what survives the call
	push	r12
	push	r13
	push	r14
	mov	rbx, rcx		; back_cr3
	ssp_read r13			; the caller's shadow stack, 0: none
	jz	.no_shadow
	push	rdi			; arguments that are still needed
	push	rsi
	push	rdx
	sub	rsp, 8			; alignment
	call	shstk_visit_top
	add	rsp, 8
	pop	rdx
	pop	rsi
	pop	rdi
	mov	r14, rax		; where the visiting one ends
	ssp_token r13, rax		; for the way back
.no_shadow:
	mov	r12, rsp		; the caller's stack
	mov	rax, visit_stack_top	; address in the image's section ...
	add	rax, [gs:0]		; ... and in this CPU's copy
	mov	cr3, rdi		; from here the caller's stack may be gone
	mov	rsp, rax		; the visiting stack, shared by all spaces
	test	r13, r13
	jz	.call
	ssp_token r14, rax		; and its shadow stack, empty each time
	ssp_enter r14
.call:
	mov	rdi, rdx		; arg
	call	rsi
	mov	cr3, rbx		; back home
	mov	rsp, r12		; and onto the caller's stack
	test	r13, r13
	jz	.home
	ssp_enter r13			; onto its shadow stack, too
.home:
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	ret
