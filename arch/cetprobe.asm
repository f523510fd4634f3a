; An indirect jump to where it must not go, for self-tests. Contract: arch/cet.h.

bits 64
default rel

EFAULT	equ 14			; lib/errno.h

global cet_probe, cet_probe_landing, cet_probe_caught

section .text

; int cet_probe(void)
cet_probe:
	lea	rax, [cet_probe_landing]
	jmp	rax
cet_probe_landing:			; no ENDBR64
	xor	eax, eax		; nobody minded
	ret
cet_probe_caught:			; trap.c comes here after #CP
	mov	eax, -EFAULT
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
