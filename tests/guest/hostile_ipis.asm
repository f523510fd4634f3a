; IPIs to itself of every kind, also such as there are none, with an error interrupt that is an error itself.
%include "tests/guest/hostile.inc"

start:
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	dword [rax + 0x370], 3	; error interrupt: no legal vector
	sti
.loop:	call	random
	mov	ecx, eax
	and	ecx, 0xcfbff
	or	ecx, 0x20		; no exceptions
	mov	eax, LAPIC
	mov	dword [rax + 0x310], 0
	mov	[rax + 0x300], ecx
	mov	dword [rax + 0xb0], 0
	jmp	.loop
