; Entries of all 256 vectors: each pushes its number, and 0 where the CPU pushes no error code; then
; one path saves the registers as struct trap_frame (arch/trap.h) and calls trap_handle().

SEL_CODE64	equ 0x08		; arch/desc.h
FEATURE_SMAP	equ 4			; enum cpu_feature: CPU_SMAP, asserted in trap.c
STUB_SIZE	equ 16			; trap.c computes addresses with it
FRAME_RIP	equ 17 * 8		; struct trap_frame, asserted in trap.c
HAS_ERROR	equ (1 << 8) | (1 << 10) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 14) | (1 << 17) | \
		    (1 << 21) | (1 << 29) | (1 << 30)	; exceptions with an error code

%include "arch/shstk.inc"

extern trap_handle
global trap_stubs

section .text.trap progbits alloc exec nowrite align=16
trap_stubs:
%assign vector 0
%rep 256
	endbr64				; the CPU comes here as by an indirect jump
%if vector >= 32 || !((HAS_ERROR >> vector) & 1)
	push 0				; in place of an error code
%endif
	push vector
	jmp trap_common
	times (vector + 1) * STUB_SIZE - ($ - trap_stubs) int3	; an error where a stub is too long
%assign vector vector + 1
%endrep

	align 16
trap_common:
	push rax			; struct trap_frame, from its end
	push rbx
	push rcx
	push rdx
	push rsi
	push rdi
	push rbp
	push r8
	push r9
	push r10
	push r11
	push r12
	push r13
	push r14
	push r15
	cld				; the ABI's direction; an accessor may have changed it
.clac:	nop				; CLAC with SMAP: the window is shut in handlers
	nop
	nop
	mov rdi, rsp			; the frame
	call trap_handle		; RSP is aligned: 22 words; RBP: the interrupted code's frame chain
	test al, al
	jnz .elsewhere
.leave:
	pop r15
	pop r14
	pop r13
	pop r12
	pop r11
	pop r10
	pop r9
	pop r8
	pop rbp
	pop rdi
	pop rsi
	pop rdx
	pop rcx
	pop rbx
	pop rax
	add rsp, 16			; vector, error code
	iretq				; AC returns with the flags
.elsewhere:
	ssp_read rax			; IRET compares CS, RIP and SSP with what was pushed there, in that order
	jz .leave
	mov rcx, [rsp + FRAME_RIP]
	wrssq [rax + 8], rcx
	jmp .leave

section .patch progbits alloc noexec nowrite align=8
	dq trap_common.clac
	db FEATURE_SMAP, 3, 0x0f, 0x01, 0xca, 0, 0, 0	; CLAC

section .note.GNU-stack noalloc noexec nowrite progbits
