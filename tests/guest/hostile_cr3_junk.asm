; A CR3 with bits above the physical addresses: not legal in long mode.
%include "tests/guest/hostile.inc"

start:
	mov	eax, 0x80000008
	cpuid
	movzx	ecx, al
.next:	mov	rdx, cr3
	bts	rdx, rcx
	expect	13, mov cr3, rdx
	xor	eax, eax
	push	rcx
	cpuid
	pop	rcx
	inc	ecx
	cmp	ecx, 63			; which says that nothing needs flushing
	jb	.next
	jmp	pass
