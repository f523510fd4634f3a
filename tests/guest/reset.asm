; Says so on COM1 and resets its machine by the keyboard controller.
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
	mov	al, 0xfe		; pulse the reset line
	out	0x64, al		; the controller's command port
hang:
	hlt
	jmp	hang

text:	db	"resetting", 10, 0
