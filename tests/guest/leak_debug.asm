; What the debug registers hold when it is entered.
%include "tests/guest/hostile.inc"

start:
	mov	rax, dr0
	test	rax, rax
	hold	z
	mov	rax, dr1
	test	rax, rax
	hold	z
	mov	rax, dr2
	test	rax, rax
	hold	z
	mov	rax, dr3
	test	rax, rax
	hold	z
	mov	rax, dr6
	mov	ecx, 0xffff0ff0
	cmp	rax, rcx
	hold	e
	mov	rax, dr7
	cmp	rax, DR7_OFF
	hold	e
	mov	ecx, 0x1d9		; DEBUGCTL
	rdmsr
	or	eax, edx
	hold	z
	jmp	pass
