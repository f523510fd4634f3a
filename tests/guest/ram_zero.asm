; Whether the memory that a guest gets is zero: prints "zero" or "dirty", leaves a pattern everywhere
; above 2 MiB, and switches itself off.
bits 64
org 0x100000

FIRST	equ 0x200000
LAST	equ 0x2000000			; 32 MiB
PATTERN	equ 0x5ec2e7c0ffee1234

	mov	rdi, FIRST
	mov	rcx, (LAST - FIRST) / 8
	xor	eax, eax
	cld
	repe	scasq			; ends at what is not zero
	mov	rsi, zero
	je	say
	mov	rsi, dirty
say:
	mov	dx, 0x3f8
next:
	lodsb
	test	al, al
	jz	fill
	out	dx, al
	jmp	next
fill:
	mov	rdi, FIRST
	mov	rcx, (LAST - FIRST) / 8
	mov	rax, PATTERN
	rep	stosq
	mov	dx, 0x604		; PM1a control: S5
	mov	ax, 0x2000
	out	dx, ax
hang:
	hlt
	jmp	hang

zero:	db	"zero", 10, 0
dirty:	db	"dirty", 10, 0
