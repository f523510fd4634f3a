; Breakpoints on what runs and on what handlers use, and any DR6 and DR7.
%include "tests/guest/hostile.inc"

ROUNDS equ 1000

start:
	mov	r13d, ROUNDS
round:
	mov	rax, .here
	mov	dr0, rax
	lea	rax, [rsp - 64]		; the handler's, not the delivery's
	mov	dr1, rax
	call	random
	mov	dr2, rax
	mov	rax, watched
	mov	dr3, rax
	call	random
	try	mov dr6, rax
	try	mov dr4, rax
	call	random
	try	mov dr7, rax
	call	random
	mov	eax, eax
	try	mov dr7, rax
.here:	cpuid
	inc	qword [watched]
	try	mov rax, dr7
	mov	eax, DR7_OFF
	try	mov dr7, rax
	mov	dr7, rax
	mov	rax, dr0
	mov	rbx, .here
	cmp	rax, rbx
	hold	e
	dec	r13d
	jnz	round
	jmp	pass

align 8
watched: dq	0
