; A guest that always has something to do: prints "go", then counts, and asks for CPUID now and then.
bits 64
org 0x100000

	mov	rsp, 0x1f0000
	mov	rsi, text
	mov	dx, 0x3f8
.next:	lodsb
	test	al, al
	jz	count
	out	dx, al
	jmp	.next

count:
	mov	r8d, 100000
.loop:	dec	r8d
	jnz	.loop
	xor	eax, eax
	cpuid
	jmp	count

text: db	"go", 10, 0
