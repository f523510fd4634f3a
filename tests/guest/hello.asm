; The smallest guest: says hello on COM1, asks CPUID, and switches itself off by ACPI (PM1a control).
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
	mov	eax, 0
	cpuid				; an exit with an answer
	test	ebx, ebx
	jz	hang			; no vendor: something is wrong
	mov	dx, 0x604		; PM1a control
	mov	ax, 0x2000		; SLP_EN; SLP_TYP 0 is S5, as the DSDT says
	out	dx, ax
hang:
	hlt
	jmp	hang

text:	db	"hello from a guest", 10, 0
