; The smallest guest: says hello on COM1, asks CPUID, and switches itself off by ACPI (PM1a control).
%include "tests/guest/bare.inc"

	say	text
	mov	eax, 0
	cpuid				; an exit with an answer
	test	ebx, ebx
	jz	hang			; no vendor: something is wrong
	switch_off
hang:
	hlt
	jmp	hang

text:	db	"hello from a guest", 10, 0
