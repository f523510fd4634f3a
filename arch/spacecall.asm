; A short visit to another address space: stack and CR3 change together, since the caller's stack
; may be mapped in its own space alone. NMIs use stacks of their own, mapped everywhere.

bits 64
default rel

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
	mov	rbx, rcx		; back_cr3
	mov	r12, rsp		; the caller's stack
	mov	rax, visit_stack_top	; address in the image's section ...
	add	rax, [gs:0]		; ... and in this CPU's copy
	mov	cr3, rdi		; from here the caller's stack may be gone
	mov	rsp, rax		; the visiting stack, shared by all spaces
	mov	rdi, rdx		; arg
	call	rsi
	mov	cr3, rbx		; back home
	mov	rsp, r12		; and onto the caller's stack
	pop	r12
	pop	rbx
	pop	rbp
	ret
