; All but one spin with interrupts off and never leave guest mode; that one sends them interrupts without end.
%include "tests/guest/hostile_smp.inc"

all:	cli
	test	edi, edi
.spin:	jnz	.spin
.loop:	random_vector
	or	eax, ICR_OTHERS
	send	0, eax
	jmp	.loop
