; Exits of the dearest kinds that there are, without end: string output that sets a timer anew with each byte,
; string input from a counter, jumps of the TSC, a TLB dropped again and again.
%include "tests/guest/hostile.inc"

start:
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	dword [rax + 0x320], 0x30040 ; periodic, masked
	mov	dword [rax + 0x380], 1000
.loop:
	mov	al, 0x34		; PIT: mode 2, low and high byte
	out	0x43, al
	mov	edx, 0x40
	mov	esi, 0x100000
	mov	ecx, 0x1000
	rep outsb
	mov	edi, 0x200ffd		; over the border of two pages
	mov	ecx, 0x1000
	rep insb
	mov	edi, LAPIC - 0x100	; into a device
	mov	ecx, 0x200
	rep insb
	mov	ecx, 0x3b		; TSC_ADJUST
	call	random
	xor	edx, edx
	wrmsr
	mov	rax, cr4
	xor	eax, 0x80		; PGE: the TLB is dropped
	mov	cr4, rax
	mov	rax, cr0
	xor	eax, 0x40000000		; CD
	mov	cr0, rax
	wbinvd
	mov	ebx, IOAPIC + 0xffd	; over the border of two pages
	mov	rax, [rbx]
	jmp	.loop
