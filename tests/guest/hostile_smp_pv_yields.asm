; Each yields to the others without end, and now and then to itself and to nobody.
%include "tests/guest/hostile_smp_pv.inc"

all:	begin
.loop:	call	random
	mov	ebx, eax
	and	ebx, 3
	test	eax, 0xf00
	jnz	.yield
	mov	rbx, rax
.yield:	hypercall HC_YIELD
	jmp	.loop
