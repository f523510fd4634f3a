; The way into the guest and back. The processor switches RIP, RSP, RFLAGS, segments and control
; registers (Intel SDM vol. 3, "VM Entries" and "VM Exits"); the general-purpose registers and CR2
; are ours to switch. Offsets are checked in vmx/run.c.

bits 64
default rel

REGS_RAX equ 0 * 8			; struct vcpu_regs.gpr, in the instruction encoding's order
REGS_RCX equ 1 * 8
REGS_RDX equ 2 * 8
REGS_RBX equ 3 * 8
REGS_RBP equ 5 * 8
REGS_RSI equ 6 * 8
REGS_RDI equ 7 * 8
REGS_R8  equ 8 * 8
REGS_R9  equ 9 * 8
REGS_R10 equ 10 * 8
REGS_R11 equ 11 * 8
REGS_R12 equ 12 * 8
REGS_R13 equ 13 * 8
REGS_R14 equ 14 * 8
REGS_R15 equ 15 * 8
REGS_CR2 equ 19 * 8			; struct vcpu_regs.cr2
VCPU_EXIT_TSC equ 62 * 8		; struct vcpu.exit_tsc
HVM_LAUNCHED equ 0			; struct hvm_vcpu.launched
HVM_HOST_RSP equ 8			; struct hvm_vcpu.host_rsp
HVM_HOST_SSP equ 16			; struct hvm_vcpu.host_ssp
HOST_RSP equ 0x6c14			; VMCS fields
HOST_SSP equ 0x6c1a

EXIT_REASON equ 0x4402			; VMCS field
ENTER_FAILED equ 0xffffffff		; no exit reason is as large; vmx/guest.h has the same

section .text

extern vmx_exited

global vmx_enter
global vmx_exit_label
; void vmx_enter(struct vcpu *v [rdi], struct hvm_vcpu *h [rsi], struct vm_exit *e [rdx])
vmx_enter:
	push	rbp			; callee-saved registers stay on the thread's stack
	push	rbx
	push	r12
	push	r13
	push	r14
	push	r15
	push	rdx			; e and v, for the way back
	push	rdi
	cmp	rsp, [rsi + HVM_HOST_RSP] ; the exit comes back to this stack ...
	jne	.set_rsp		; ... which is nearly always at the same depth
.rsp_set:
	xor	eax, eax		; RDSSP leaves it where there is no shadow stack
	rdsspq	rax			; the exit comes back to this one
	cmp	rax, [rsi + HVM_HOST_SSP]
	jne	.set_ssp
.ssp_set:
	mov	rax, [rdi + REGS_CR2]	; the guest's CR2 ...
	mov	rcx, cr2
	cmp	rax, rcx		; ... is mostly still there; writing it is slow
	jne	.set_cr2
.cr2_set:
	cmp	byte [rsi + HVM_LAUNCHED], 0 ; the moves below keep the flags
	mov	byte [rsi + HVM_LAUNCHED], 1 ; unless this one fails: vmx/run.c
	mov	rax, [rdi + REGS_RAX]
	mov	rcx, [rdi + REGS_RCX]
	mov	rdx, [rdi + REGS_RDX]
	mov	rbx, [rdi + REGS_RBX]
	mov	rbp, [rdi + REGS_RBP]
	mov	rsi, [rdi + REGS_RSI]
	mov	r8, [rdi + REGS_R8]
	mov	r9, [rdi + REGS_R9]
	mov	r10, [rdi + REGS_R10]
	mov	r11, [rdi + REGS_R11]
	mov	r12, [rdi + REGS_R12]
	mov	r13, [rdi + REGS_R13]
	mov	r14, [rdi + REGS_R14]
	mov	r15, [rdi + REGS_R15]
	mov	rdi, [rdi + REGS_RDI]	; last: it was the pointer
	je	.launch
	vmresume			; returns only when it fails
	jmp	.failed
.launch:
	vmlaunch			; returns only when it fails
.failed:
	mov	edx, ENTER_FAILED
	pop	rdi			; v: the guest's registers in memory are unchanged
	jmp	leave_guest

.set_rsp:
	mov	[rsi + HVM_HOST_RSP], rsp ; remembered, to write it only when it changes
	mov	eax, HOST_RSP
	vmwrite	rax, rsp
	jmp	.rsp_set
.set_ssp:
	mov	[rsi + HVM_HOST_SSP], rax ; as with RSP
	mov	ecx, HOST_SSP
	vmwrite	rcx, rax		; without that field SSP stays over an exit
	jmp	.ssp_set
.set_cr2:
	mov	cr2, rax
	jmp	.cr2_set

; HOST_RIP: all other registers hold the guest's values.
vmx_exit_label:
	push	rdi			; the guest's RDI, below v
	mov	rdi, [rsp + 8]		; v
	mov	[rdi + REGS_RAX], rax
	mov	[rdi + REGS_RCX], rcx
	mov	[rdi + REGS_RDX], rdx
	mov	[rdi + REGS_RBX], rbx
	mov	[rdi + REGS_RBP], rbp
	mov	[rdi + REGS_RSI], rsi
	pop	qword [rdi + REGS_RDI]
	mov	[rdi + REGS_R8], r8
	mov	[rdi + REGS_R9], r9
	mov	[rdi + REGS_R10], r10
	mov	[rdi + REGS_R11], r11
	mov	[rdi + REGS_R12], r12
	mov	[rdi + REGS_R13], r13
	mov	[rdi + REGS_R14], r14
	mov	[rdi + REGS_R15], r15
	mov	rax, cr2		; a fault of ours or another guest would overwrite it
	mov	[rdi + REGS_CR2], rax
	rdtsc				; when the exit was
	mov	[rdi + VCPU_EXIT_TSC], eax
	pop	rdi			; v
	mov	eax, EXIT_REASON
	vmread	rdx, rax		; cannot fail right behind an exit
leave_guest:
	pop	rsi			; e
	xor	ecx, ecx		; no value of the guest's is left to speculate with;
	xor	r8d, r8d		; the others are set, or overwritten below
	xor	r9d, r9d
	xor	r10d, r10d
	xor	r11d, r11d
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbx
	pop	rbp
	jmp	vmx_exited		; with v, e and the reason; it returns to who called vmx_enter()
