; Has interrupts off nearly all the time.
%include "tests/guest/pi.inc"

MASKED_ROUNDS equ 200

guest:
	cli
	mov	ecx, MASKED_ROUNDS
.work:
	inc	qword [abs dword SHARED + SHARED_LOOPS]
	dec	ecx
	jnz	.work
	sti
	nop				; in the shadow of STI
	nop				; here they come
	jmp	guest
