; Halts for good.
%include "tests/guest/hostile.inc"

start:
	cli
	hlt
	jmp	start
