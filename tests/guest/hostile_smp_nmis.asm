; NMIs from each to all the others and to itself.
%include "tests/guest/hostile_smp.inc"

all:	send	0, ICR_OTHERS | ICR_NMI
	send	edi, ICR_NMI
	jmp	all
