; Says so on COM1 and resets its machine by the keyboard controller.
%include "tests/guest/bare.inc"

	say	text
	mov	al, 0xfe		; pulse the reset line
	out	0x64, al		; the controller's command port
hang:
	hlt
	jmp	hang

text:	db	"resetting", 10, 0
