; Reads every port and writes a random value to it, with every size. Where that would reset it or switch it
; off, it writes zeroes.
%include "tests/guest/hostile.inc"

start:
	xor	r12d, r12d
.next:
	mov	edx, r12d
	in	al, dx
	in	ax, dx
	in	eax, dx
	call	value
	out	dx, al
	out	dx, ax
	out	dx, eax
	inc	r12d
	cmp	r12d, 0x10000
	jb	.next
	mov	dx, COM1 + 3		; what the report needs: no divisor latch,
	xor	eax, eax
	out	dx, al
	mov	dx, COM1 + 4		; no loop
	out	dx, al
	jmp	pass

; EAX: what to write to the port EDX. It keeps that.
value:
	mov	ebx, edx
	and	ebx, ~15
	xor	eax, eax
	cmp	ebx, 0x50		; i8042: resets, and an access may begin at a port before
	je	.end
	cmp	ebx, 0x60
	je	.end
	cmp	ebx, 0x80		; fast reset
	je	.end
	cmp	ebx, 0x90
	je	.end
	cmp	ebx, 0x5f0		; ACPI: off
	je	.end
	cmp	ebx, 0x600
	je	.end
	cmp	ebx, 0xcf0		; reset control
	je	.end
	call	random
.end:	ret
