; Never leaves guest mode by itself.
bits 64
org 0x100000

	jmp	$
