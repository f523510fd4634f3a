; Takes exceptions all the time. An exit between the delivery of one and its handler must find the
; handler's RIP beside the handler's stack.
%define OWN_FAULT
%include "tests/guest/pi.inc"

UD_VECTOR equ 6

guest:
	mov	r8, rsp
	sti
.next:
	inc	qword [abs dword SHARED + SHARED_LOOPS]
faulting:
	ud2
	jmp	guest.next

; From handler, with RAX: the vector.
fault:
	cmp	eax, UD_VECTOR
	jne	bad_fault
	cmp	qword [rsp + 32], faulting	; RIP: #UD has no error code
	jne	bad_fault
	cmp	[rsp + 56], r8		; RSP: deeper if it was delivered twice
	jne	bad_fault
	add	qword [rsp + 32], 2	; behind UD2
	pop	rdx
	pop	rcx
	pop	rax
	add	rsp, 8
	iretq
