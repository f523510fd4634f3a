; A vector register loaded from a device: outside of what is emulated, so its bytes shall be shown.
%include "tests/guest/hostile.inc"

start:
	mov	rax, cr4
	or	eax, 0x200		; OSFXSR
	mov	cr4, rax
	mov	ebx, IOAPIC
	movdqu	xmm0, [rbx]
	jmp	bad
