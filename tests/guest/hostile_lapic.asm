; Junk to the local APIC's registers, and every vector and mode to ICR but INIT, which would be this guest's end.
%include "tests/guest/hostile.inc"
PAGE equ LAPIC
%include "tests/guest/hostile_page.inc"

	mov	r12d, LAPIC
	mov	r13d, 0xfff
.icr:	mov	dword [r12 + 0xf0], 0x1ff
	mov	dword [r12 + 0x310], 0
	mov	eax, r13d		; each vector and mode, then with each shorthand
	and	eax, 0x700
	cmp	eax, 0x500
	je	.skip
	mov	eax, r13d
	mov	[r12 + 0x300], eax
	call	random
	and	eax, 0xc8800
	or	eax, r13d
	mov	[r12 + 0x310], eax
	mov	[r12 + 0x300], eax
.skip:	dec	r13d
	jns	.icr
	mov	eax, [r12 + 0x30]	; it still has its version
	test	eax, eax
	hold	ne
	jmp	pass
