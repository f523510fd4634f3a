; Interrupts for ids, clusters and members that there are not: nobody gets one.
%include "tests/guest/hostile_smp.inc"

ROUNDS equ 2000

all:	sti
	mov	ebp, ROUNDS
.loop:	call	random
	mov	edx, eax
	or	edx, 0x100
	btr	edx, 31			; not all ones
	mov	ecx, X2APIC_ICR
	mov	eax, 0x41
	wrmsr
	call	random
	mov	edx, eax
	or	edx, 0x10000		; another cluster
	btr	edx, 31
	mov	ecx, X2APIC_ICR
	mov	eax, ICR_LOGICAL | 0x42
	wrmsr
	send	0xfff0, ICR_LOGICAL | 0x143 ; the lowest priority of nobody
	send	0x40, ICR_NMI
	send	0x7fffffff, ICR_INIT
	send	0xfffffffe, ICR_SIPI
	dec	ebp
	jnz	.loop
	lock inc dword [done]
	test	edi, edi
.end:	jnz	.end
	mov	ebp, [others]
	inc	ebp
.wait:	cmp	[done], ebp
	jne	.wait
	mov	eax, [seen + 2 * 4]
	or	eax, [seen + 0x41 * 4]
	or	eax, [seen + 0x42 * 4]
	or	eax, [seen + 0x43 * 4]
	jnz	bad
	send	0xffffffff, 0x44	; but what is for all comes
.come:	cmp	dword [seen + 0x44 * 4], 1
	jb	.come
	jmp	pass

align 4
done:	dd	0
