; Has its steal time shown at 300000H, says "go", and then never leaves guest mode by itself.
%include "tests/guest/bare.inc"

	write_msr 0x4b564d03, 0, 0x300000 | 1
	say	text
	jmp	$

text:	db	"go", 10, 0
