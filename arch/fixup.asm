; MSR accesses that may raise #GP: the exception table (arch/extable.h) turns it into an error.

EFAULT	equ 14			; lib/errno.h

global rdmsr_safe, wrmsr_safe

section .text.fixup progbits alloc exec nowrite align=16

; int rdmsr_safe(u32 msr, u64 *value)
rdmsr_safe:
	mov ecx, edi		; index
.fault:	rdmsr
	shl rdx, 32
	or rax, rdx
	mov [rsi], rax
	xor eax, eax		; 0
	ret

; int wrmsr_safe(u32 msr, u64 value)
wrmsr_safe:
	mov ecx, edi		; index
	mov eax, esi		; low half
	mov rdx, rsi
	shr rdx, 32		; high half
.fault:	wrmsr
	xor eax, eax		; 0
	ret

msr_fixup:
	mov eax, -EFAULT
	ret

section .extable progbits alloc noexec nowrite align=8
	dq rdmsr_safe.fault, msr_fixup
	dq wrmsr_safe.fault, msr_fixup

section .note.GNU-stack noalloc noexec nowrite progbits
