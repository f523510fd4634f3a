; Says so on COM1 and ends in a triple fault.
bits 64
org 0x100000

	mov	rsi, text
	mov	dx, 0x3f8		; COM1's transmit register
next:
	lodsb				; the next character
	test	al, al
	jz	done
	out	dx, al
	jmp	next
done:
	lidt	[no_idt]		; no exception can be delivered any more
	ud2

text:	db	"crashing", 10, 0
no_idt:	dw	0			; limit
	dq	0			; base
