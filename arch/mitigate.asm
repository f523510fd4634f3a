; What clears a CPU's memory of the code that ran before, where it takes instructions and not a register.

bits 64
default rel

SEL_DATA equ 0x10			; arch/desc.h has the same
ENTRIES equ 32				; a return stack of any CPU has no more

section .text

; void mitigate_fill_returns(void): each entry of the return stack buffer leads here, where nothing comes of it
; (Intel, "Retpoline: A Branch Target Injection Mitigation", "RSB Stuffing"; AMD APM vol. 2 has the same).
global mitigate_fill_returns:function
mitigate_fill_returns:
	mov	ecx, ENTRIES / 2
.next:
	call	.first
.trap_first:
	pause				; only ever speculated
	lfence
	jmp	.trap_first
.first:
	call	.second
.trap_second:
	pause
	lfence
	jmp	.trap_second
.second:
	dec	ecx
	jnz	.next
	add	rsp, ENTRIES * 8	; none of them returns
	xor	eax, eax
	rdsspq	rax			; stays 0 where there is no shadow stack
	test	rax, rax
	jz	.done
	mov	eax, ENTRIES
	incsspq	rax			; nor there
.done:
	ret

; void mitigate_clear_buffers(void): VERW with a memory operand that names a writable segment (SDM vol. 2,
; "VERW"; Intel, "Microarchitectural Data Sampling").
global mitigate_clear_buffers:function
mitigate_clear_buffers:
	verw	[selector]
	ret

section .rodata
selector:	dw SEL_DATA

section .note.GNU-stack noalloc noexec nowrite progbits
