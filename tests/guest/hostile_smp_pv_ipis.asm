; Interrupts of every vector for everybody, and for many ids that there are not, by hypercall, as fast as they can.
%include "tests/guest/hostile_smp_pv.inc"

all:	begin
	sti
.loop:	random_vector
	mov	esi, eax
	mov	rbx, -1
	mov	rcx, -1
	xor	edx, edx
	hypercall HC_SEND_IPI
	jmp	.loop
