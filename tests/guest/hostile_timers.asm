; All timers as fast as they go: local APIC, PIT, RTC.
%include "tests/guest/hostile.inc"

start:
	mov	qword [resume], .loop	; the PIC's vectors are still those of exceptions
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	dword [rax + 0x3e0], 0xb ; by 1
	mov	dword [rax + 0x320], 0x20040 ; periodic
	mov	dword [rax + 0x350], 0x700 ; LINT0: the PIC
	mov	dword [rax + 0x380], 1
	mov	al, 0x34		; PIT: mode 2, count 2
	out	0x43, al
	mov	al, 2
	out	0x40, al
	xor	al, al
	out	0x40, al
	out	0x21, al
	out	0xa1, al
	mov	al, 0x0a		; RTC: 122 us, all interrupts
	out	0x70, al
	mov	al, 0x21
	out	0x71, al
	mov	al, 0x0b
	out	0x70, al
	mov	al, 0x72
	out	0x71, al
	sti
.loop:	mov	al, 0x0c
	out	0x70, al
	in	al, 0x71
	jmp	.loop
