; Several vCPUs: application processors started by INIT and SIPI from real mode to long mode, interrupts between
; vCPUs with every shorthand, to those that run and those that halt; one TSC for all; a changed translation that
; all are told of; INIT and SIPI again and again. Prints "smp ok", or "smp BAD n" with the number of the check, and
; switches itself off.
%include "tests/guest/bare.inc"
%include "tests/guest/smp.inc"
%include "tests/guest/smp_checks.inc"

TLB_VECTOR	equ 0x42
TSC_ROUNDS	equ 2000
TLB_ROUNDS	equ 100
STORM		equ 500

; What the application processors do.
DO_SPIN		equ 0
DO_HALT		equ 1
DO_TSC		equ 2
DO_READ		equ 3

; All the others have been interrupted so often since the start: waits for it. Changes EAX, ECX.
%macro until_others 1			; how often
	mov	ecx, 1
%%next:
	pause
	cmp	dword [counts + rcx * 4], %1
	jne	%%next
	inc	ecx
	cmp	ecx, [cpus]
	jne	%%next
%endmacro

main:
	cli
	mov	rsp, STACK
	call	install_handlers
	mov	edi, VECTOR
	mov	rax, counted
	call	set_gate
	mov	edi, 2
	mov	rax, counted_nmi
	call	set_gate
	mov	edi, TLB_VECTOR
	mov	rax, flushed
	call	set_gate
	call	enable_x2apic
	call	copy_trampoline
	call	count_cpus
	mov	[cpus], eax
	dec	eax
	mov	[others], eax

	check 1				; they start, once
	send	0, ICR_OTHERS | ICR_INIT
	send	0, ICR_OTHERS | ICR_SIPI | TRAMPOLINE >> 12
	until	alive, [others]
	send	0, ICR_OTHERS | ICR_SIPI | TRAMPOLINE >> 12	; they run: nothing comes of it
	sti

	check 2				; to each by its number
	mov	ebx, 0
.each:	send	ebx, VECTOR
	inc	ebx
	cmp	ebx, [cpus]
	jne	.each
	until_others 1
	until	counts, 1
	check 3				; shorthands
	send	0, ICR_SELF | VECTOR
	until	counts, 2
	send	0, ICR_ALL | VECTOR
	until_others 2
	until	counts, 3
	send	0, ICR_OTHERS | VECTOR
	until_others 3
	check 4				; logical destinations: all of cluster 0
	mov	ecx, [cpus]
	mov	edx, 1
	shl	edx, cl
	dec	edx
	mov	ecx, X2APIC_ICR
	mov	eax, ICR_LOGICAL | VECTOR
	wrmsr
	until_others 4
	until	counts, 4
	check 5				; NMIs
	send	0, ICR_OTHERS | ICR_NMI
	until	nmis_of_others, [others]
	check 6				; halted ones
	mov	dword [what], DO_HALT
	mov	ebx, 5
.halted:
	send	0, ICR_OTHERS | VECTOR
	until_others ebx
	inc	ebx
	cmp	ebx, 25
	jne	.halted
	cmp	dword [counts], 4	; none of them came here
	jne	bad
	cmp	dword [alive_again], 0
	jne	bad

	check 7				; time
	mov	dword [what], DO_TSC
	send	0, ICR_OTHERS | VECTOR
	call	compare_tsc
	until	done, [cpus]
	cmp	dword [backwards], 0
	jne	bad

	check 8				; translations
	call	find_entry
	mov	dword [PAGE], 1
	mov	dword [OTHER_PAGE], 2
	mov	dword [what], DO_READ
	mov	ebp, TLB_ROUNDS
.change:
	mov	rdi, [entry]
	xor	dword [rdi], LARGE
	xor	dword [expected], 3
	mov	dword [flushes], 0
	invlpg	[PAGE]
	send	0, ICR_OTHERS | TLB_VECTOR
	until	flushes, [others]
	mov	dword [answers], 0
	inc	dword [question]
	until	answers, [others]
	dec	ebp
	jnz	.change
	cmp	dword [stale], 0
	jne	bad

	check 9				; started from elsewhere, after storms of both
	mov	ebx, STORM
.storm:
	send	1, ICR_INIT
	test	ebx, 3
	jz	.next
	send	1, ICR_SIPI | TRAMPOLINE >> 12
.next:	dec	ebx
	jnz	.storm
	send	1, ICR_INIT
	send	1, ICR_SIPI | (TRAMPOLINE >> 12) + 1
	until	started_from + 4, (TRAMPOLINE >> 12) + 1
	check 10			; it takes interrupts as before
	mov	dword [what], DO_HALT
	mov	dword [counts + 4], 0
	send	1, VECTOR
	until	counts + 4, 1
	check 11			; an INIT ends a halt; only a SIPI what follows
	send	1, ICR_INIT
	send	1, VECTOR
	send	1, ICR_SIPI | TRAMPOLINE >> 12
	until	started_from + 4, TRAMPOLINE >> 12
	cmp	dword [counts + 4], 1
	jne	bad
	jmp	pass

flushed:
	push	rax
	push	rcx
	push	rdx
	invlpg	[PAGE]
	lock inc dword [flushes]
	write_msr X2APIC_EOI, 0, 0
	pop	rdx
	pop	rcx
	pop	rax
	iretq

; Takes turns with the others: nobody's TSC is behind what another has seen.
compare_tsc:
	mov	r8d, TSC_ROUNDS
.round:
	xor	eax, eax
	mov	edx, 1
	lock cmpxchg [lock_word], edx
	jz	.locked
	pause
	jmp	.round
.locked:
	lfence
	rdtsc
	lfence
	shl	rdx, 32
	or	rax, rdx
	cmp	rax, [last_tsc]
	jae	.forward
	lock inc dword [backwards]
.forward:
	mov	[last_tsc], rax
	mov	dword [lock_word], 0
	pause
	dec	r8d
	jnz	.round
	lock inc dword [done]
	ret

ap_main:
	cmp	dword [started_from + rdi * 4], 0
	je	.first
	lock inc dword [alive_again]
.first:
	mov	[started_from + rdi * 4], ebx
	lock inc dword [alive]
	xor	r9d, r9d		; the last question that was answered
	xor	r10d, r10d		; whether TSCs were compared
	sti
.loop:
	mov	eax, [what]
	cmp	eax, DO_HALT
	je	.halt
	cmp	eax, DO_TSC
	je	.tsc
	cmp	eax, DO_READ
	je	.read
	pause
	jmp	.loop
.halt:
	cli				; what wakes it comes after this look
	cmp	dword [what], DO_HALT
	jne	.other
	sti
	hlt
	jmp	.loop
.other:
	sti
	jmp	.loop
.tsc:
	pause
	test	r10d, r10d
	jnz	.loop
	inc	r10d
	call	compare_tsc
	jmp	.loop
.read:
	pause
	mov	edx, [PAGE]		; so that it has a translation
	mov	eax, [question]
	cmp	eax, r9d
	je	.loop
	mov	r9d, eax
	mov	edx, [PAGE]
	cmp	edx, [expected]
	je	.right
	lock inc dword [stale]
.right:
	lock inc dword [answers]
	jmp	.loop

%include "tests/guest/cpu.inc"

align 8
last_tsc: dq	0
started_from: times MAX_CPUS dd 0
cpus:	dd	0
others:	dd	0
alive:	dd	0
alive_again: dd	0
what:	dd	DO_SPIN
lock_word: dd	0
done:	dd	0
backwards: dd	0
flushes: dd	0
expected: dd	1
question: dd	0
answers: dd	0
stale:	dd	0
text_ok:
	db	"smp ok", 10, 0
text_bad:
	db	"smp BAD", 0
