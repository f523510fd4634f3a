; The thread switch: stack and address space change together. A VM's stacks are mapped in that VM's
; address space only, so between the two moves no stack is touched. Contract: arch/switch.h.

bits 64
default rel

%include "arch/shstk.inc"

section .text

; Saves what the C calling convention wants preserved, and where it is.
%macro save_context 0
	push	rbp			; frame pointer first: the backtrace goes on through it
	push	rbx			; callee-saved
	push	r12			; callee-saved
	push	r13			; callee-saved
	push	r14			; callee-saved
	push	r15			; callee-saved
	ssp_read rax
	jz	%%none
	ssp_token rax, r8		; the shadow stack is left, as the stack is
%%none:
	push	rax			; 0, or where its token is
	mov	[rdi], rsp		; save: where to go on
%endmacro

; Moves to the address space in rdx and the stack in rsi.
%macro enter_context 0
	test	rdx, rdx		; 0: the address space stays
	jz	%%same
	mov	cr3, rdx		; the old stack may be gone from here ...
%%same:
	mov	rsp, rsi		; ... and is not used any more
%endmacro

global switch_stack:function (switch_stack.end - switch_stack)
switch_stack:				; rdi save, rsi resume, rdx cr3
	save_context
	enter_context
	pop	rax			; in reverse order
	test	rax, rax
	jz	.no_shadow
	ssp_enter rax
.no_shadow:
	pop	r15			;
	pop	r14			;
	pop	r13			;
	pop	r12			;
	pop	rbx			;
	pop	rbp			;
	ret				; to the caller that saved this stack
.end:

global switch_first:function (switch_first.end - switch_first)
switch_first:				; rdi save, rsi top, rdx cr3, rcx entry
	save_context
	enter_context
	ssp_read rax
	jz	.no_shadow
	lea	rax, [rsp - 1]
	and	rax, -SHSTK_SLOT
	add	rax, SHSTK_TOP
	ssp_token rax, r8		; the new one is empty
	ssp_enter rax
.no_shadow:
	xor	ebp, ebp		; the backtrace ends here
	push	rbp			; a return address of 0, which also aligns as after a call
	jmp	rcx			; entry never returns
.end:
