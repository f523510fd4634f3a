; Half of them halt with interrupts off whenever they can, the other half kicks them whenever it can, and anyone else.
%include "tests/guest/hostile_smp_pv.inc"

all:	begin
	test	ebp, 1
	jnz	.loop
.sleep:	cli
	hlt
	jmp	.sleep
.loop:	call	random
	mov	rcx, rax
	test	eax, 0x100
	jz	.any
	and	ecx, 2
.any:	hypercall HC_KICK
	jmp	.loop
