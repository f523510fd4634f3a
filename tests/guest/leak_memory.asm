; Whether all memory that it was given is zero, but for what the loader put there.
%include "tests/guest/hostile.inc"

FIRST equ 0x200000			; its own image and stack lie below
LAST equ 0x2000000			; 32 MiB

start:
	mov	edi, 0x10000		; behind the loader's tables, before the image; ACPI's are from E0000H on
	mov	ecx, (0xe0000 - 0x10000) / 8
	xor	eax, eax
	repe	scasq
	hold	e
	mov	edi, FIRST
	mov	ecx, (LAST - FIRST) / 8
	repe	scasq
	hold	e
	jmp	pass
