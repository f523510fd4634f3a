; The last one switches the machine off while the others never leave guest mode.
%include "tests/guest/hostile_smp.inc"

all:	cli
	cmp	edi, [others]
.spin:	jne	.spin
	jmp	pass
