; A breakpoint on the stack that #DB itself is delivered on: a CPU that delivers it never gets through. The
; hypervisor must not hang with it. Writes "go", then tries; a CPU that gets through writes "through".
bits 64
org 0x100000

IDT	equ 0x180000
STACK	equ 0x1f0000
GATE	equ 0x8e00

	mov	rsp, STACK
	mov	rdi, IDT + 16		; vector 1
	mov	rax, handler
	mov	[rdi], ax
	mov	word [rdi + 2], 0x10
	mov	word [rdi + 4], GATE
	shr	rax, 16
	mov	[rdi + 6], ax
	mov	qword [rdi + 8], 0
	lidt	[idt_pointer]
	mov	al, 'g'
	mov	dx, 0x3f8
	out	dx, al
	mov	al, 'o'
	out	dx, al
	mov	rax, STACK - 64		; somewhere in what is pushed, again and again
	mov	dr0, rax
	mov	eax, 0xb0701		; DR0: writes, 8 bytes, global and local, exact
	mov	dr7, rax
	mov	rsp, STACK - 48
	push	rax			; hits, and so does each delivery
	nop
	xor	eax, eax
	mov	dr7, rax
	mov	rsp, STACK
	mov	rsi, text
	mov	dx, 0x3f8
next:	lodsb
	test	al, al
	jz	done
	out	dx, al
	jmp	next
done:	hlt
	jmp	done

handler:
	mov	rsp, STACK - 16		; the next delivery pushes over the breakpoint too
	push	rax
	push	rax
	push	rax
	push	rax
	push	rax
	push	rax
	jmp	handler

idt_pointer:
	dw	0xfff
	dq	IDT
text:	db	"through", 0
