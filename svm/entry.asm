; The way into a guest and out of it (AMD APM vol. 2, "VMRUN Instruction", "Global Interrupt Flag").
; VMRUN switches what the VMCB holds; FS, GS, TR, LDTR and the SYSCALL state go by VMLOAD and VMSAVE,
; the general-purpose registers by hand. From CLGI to STGI nothing can interrupt: the per-CPU base
; and the interrupt stacks are the guest's for a moment.

bits 64
default rel

GPR_RCX equ 1 * 8 ; enum gpr
GPR_RDX equ 2 * 8
GPR_RBX equ 3 * 8
GPR_RBP equ 5 * 8
GPR_RSI equ 6 * 8
GPR_RDI equ 7 * 8
GPR_R8 equ 8 * 8
GPR_R9 equ 9 * 8
GPR_R10 equ 10 * 8
GPR_R11 equ 11 * 8
GPR_R12 equ 12 * 8
GPR_R13 equ 13 * 8
GPR_R14 equ 14 * 8
GPR_R15 equ 15 * 8
VCPU_EXIT_TSC equ 62 * 8 ; struct vcpu.exit_tsc; svm/run.c checks it

section .text

extern svm_exited

; void svm_enter(struct vcpu *v [rdi], struct vm_exit *e [rsi], u64 vmcb_pa [rdx], u64 host_pa [rcx])
global svm_enter:function
svm_enter:
	push rbp			; what a function must preserve
	push rbx
	push r12
	push r13
	push r14
	push r15
	push rsi			; e, for after the exit
	push rdi			; v, whose registers come first
	push rcx			; host_pa
	mov rax, rdx			; VMLOAD, VMRUN and VMSAVE take the address in RAX
	mov rcx, [rdi + GPR_RCX]	; the guest's registers
	mov rdx, [rdi + GPR_RDX]
	mov rbx, [rdi + GPR_RBX]
	mov rbp, [rdi + GPR_RBP]
	mov rsi, [rdi + GPR_RSI]
	mov r8, [rdi + GPR_R8]
	mov r9, [rdi + GPR_R9]
	mov r10, [rdi + GPR_R10]
	mov r11, [rdi + GPR_R11]
	mov r12, [rdi + GPR_R12]
	mov r13, [rdi + GPR_R13]
	mov r14, [rdi + GPR_R14]
	mov r15, [rdi + GPR_R15]
	mov rdi, [rdi + GPR_RDI]	; the pointer itself last
	clgi				; from here nothing interrupts, not even an NMI
	sti				; what VMRUN saves: host interrupts end the guest's run
	vmload			; the guest's FS, GS, TR, LDTR and SYSCALL state; also ends STI's shadow
	vmrun			; the guest runs; RAX comes back as it was
	cli				; GIF is 0: nothing was taken in between
	vmsave			; what VMLOAD loaded may have changed
	pop rax				; host_pa
	vmload			; the host's per-CPU base and interrupt stacks again
	pop rax				; v
	mov [rax + GPR_RCX], rcx	; the guest's registers
	mov [rax + GPR_RDX], rdx
	mov [rax + GPR_RBX], rbx
	mov [rax + GPR_RBP], rbp
	mov [rax + GPR_RSI], rsi
	mov [rax + GPR_RDI], rdi
	mov [rax + GPR_R8], r8
	mov [rax + GPR_R9], r9
	mov [rax + GPR_R10], r10
	mov [rax + GPR_R11], r11
	mov [rax + GPR_R12], r12
	mov [rax + GPR_R13], r13
	mov [rax + GPR_R14], r14
	mov [rax + GPR_R15], r15
	mov rdi, rax			; v
	rdtsc				; when the exit was; EDX and EAX are the host's from here on
	mov [rdi + VCPU_EXIT_TSC], eax
	pop rsi				; e
	xor ecx, ecx			; no guest value steers what the host speculates;
					; the others are set or popped
	xor r8d, r8d
	xor r9d, r9d
	xor r10d, r10d
	xor r11d, r11d
	stgi				; an NMI that ended the guest's run is taken here
	pop r15				; the host's registers
	pop r14
	pop r13
	pop r12
	pop rbx
	pop rbp
	jmp svm_exited			; with v and e; it returns to who called svm_enter()

section .note.GNU-stack noalloc noexec nowrite progbits
