; The last one has no handler for its own exception while the others send it interrupts.
%include "tests/guest/hostile_smp.inc"

all:	cmp	edi, [others]
	je	.fault
.loop:	random_vector
	send	[others], eax
	jmp	.loop
.fault:	lidt	[nothing]
	sti
.wait:	jmp	.wait

align 8
nothing: dq	0, 0
