; Says so on COM1 and ends in a triple fault.
%include "tests/guest/bare.inc"

	say	text
	lidt	[no_idt]		; no exception can be delivered any more
	ud2

text:	db	"crashing", 10, 0
no_idt:	dw	0			; limit
	dq	0			; base
