; Each sends interrupts to all, itself included: by shorthand, to the lowest priority of a cluster, by broadcast.
%include "tests/guest/hostile_smp.inc"

all:	sti
.loop:	random_vector
	or	eax, ICR_ALL
	send	0, eax
	random_vector
	or	eax, ICR_LOGICAL | 0x100
	send	0xffff, eax
	random_vector
	send	0xffffffff, eax
	jmp	.loop
