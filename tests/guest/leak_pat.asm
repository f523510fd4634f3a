; What the PAT holds when it is entered.
%include "tests/guest/hostile.inc"

start:
	mov	ecx, 0x277
	rdmsr
	cmp	eax, 0x00070406
	hold	e
	cmp	edx, 0x00070406
	hold	e
	jmp	pass
