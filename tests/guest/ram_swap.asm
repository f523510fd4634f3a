; Two pages whose translations the hypervisor swaps and swaps back while this guest reads them, without
; an exit. Prints "go", "swapped", "back", and switches itself off; "BAD" where it reads something else.
bits 64
org 0x100000

PAGE_A	equ 0x1400000			; 20 MiB
PAGE_B	equ 0x1600000			; 22 MiB
A	equ 0x1111
B	equ 0x2222

	mov	rsp, 0x1f0000
	mov	qword [PAGE_A], A
	mov	qword [PAGE_B], B
	mov	rsi, go
	call	print
	mov	rbx, A			; what PAGE_A holds
	mov	rcx, B
	call	wait_for_swap
	mov	rsi, swapped
	call	print
	xchg	rbx, rcx
	call	wait_for_swap
	mov	rsi, back
	call	print
off:
	mov	dx, 0x604		; PM1a control: S5
	mov	ax, 0x2000
	out	dx, ax
	hlt
	jmp	off

; Until PAGE_A holds RCX instead of RBX; PAGE_B then holds RBX.
wait_for_swap:
	mov	rax, [PAGE_A]
	mov	rdx, [PAGE_B]		; so that its translation is cached, too
	cmp	rax, rbx
	je	wait_for_swap
	cmp	rax, rcx
	jne	bad
	cmp	[PAGE_B], rbx
	jne	bad
	ret
bad:
	mov	rsi, wrong
	call	print
	jmp	off

print:
	mov	dx, 0x3f8
.next:
	lodsb
	test	al, al
	jz	.done
	out	dx, al
	jmp	.next
.done:
	ret

go:	db	"go", 10, 0
swapped: db	"swapped", 10, 0
back:	db	"back", 10, 0
wrong:	db	"BAD", 10, 0
