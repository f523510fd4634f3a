; A triple fault: an exception without an IDT.
bits 64
org 0x100000

	lidt	[no_idt]
	int3
	hlt
no_idt:
	dw	0
	dq	0
