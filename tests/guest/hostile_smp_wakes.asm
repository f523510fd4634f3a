; Half of them sleep whenever they can, the other half wakes them whenever it can.
%include "tests/guest/hostile_smp.inc"

all:	sti
	test	edi, 1
	jnz	.loop
.sleep:	hlt
	jmp	.sleep
.loop:	random_vector
	and	edi, 2
	send	edi, eax
	xor	edi, 2
	or	edi, 1
	jmp	.loop
