; All the others send interrupts of every vector to vCPU 0, as fast as they can.
%include "tests/guest/hostile_smp.inc"

all:	sti
	test	edi, edi
.take:	jz	.take
.loop:	random_vector
	send	0, eax
	jmp	.loop
