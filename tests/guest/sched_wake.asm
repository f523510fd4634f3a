; A vCPU that sleeps nearly always: its timer wakes it COUNT times, PAUSE_MIN to PAUSE_MIN + PAUSE_MORE ticks apart; it then says in
; hexadecimal how many ticks after the deadline it ran, at most and on the average. tools/measure/sched.py sets the numbers.
%include "tests/guest/bare.inc"

	jmp	near main
	align 8
count:	dd	100			; at byte 8, as the others behind it
pause_min:
	dd	2000000
pause_more:
	dd	1000000
settle:	dd	20000000		; the TSC's when it begins

MSR_TSC_DEADLINE equ 0x6e0
X2APIC_LVT_TIMER equ 0x832
LVT_DEADLINE	equ 1 << 18

; RAX: the TSC. Changes RDX.
%macro tsc 0
	rdtsc
	shl	rdx, 32
	or	rax, rdx
%endmacro

main:
	cli
	mov	rsp, STACK
	call	install_handlers
	mov	rdi, IDT + VECTOR * 16
	mov	rax, woken
	mov	[rdi], ax
	shr	rax, 16
	mov	[rdi + 6], ax
	call	enable_x2apic
	write_msr X2APIC_LVT_TIMER, 0, LVT_DEADLINE | VECTOR
	mov	ebp, [settle]
	call	sleep_until
	mov	qword [most], 0
	mov	qword [all], 0
	mov	r12d, [count]
.next:
	imul	r13d, r13d, 1664525	; a linear congruential generator's upper half
	add	r13d, 1013904223
	mov	eax, r13d
	shr	eax, 16
	mul	dword [pause_more]
	shrd	eax, edx, 16
	mov	ebp, [pause_min]
	add	rbp, rax
	tsc
	add	rbp, rax
	call	sleep_until
	dec	r12d
	jnz	.next
	mov	rsi, text_wakes
	call	print
	mov	rax, [most]
	call	print_number
	mov	rax, [all]
	xor	edx, edx
	mov	ecx, [count]
	div	rcx
	call	print_number
	mov	rsi, text_ok
	call	print
.end:
	hlt
	jmp	.end

; Halts until the TSC is RBP.
sleep_until:
	mov	dword [awake], 0
	mov	ecx, MSR_TSC_DEADLINE
	mov	eax, ebp
	mov	rdx, rbp
	shr	rdx, 32
	wrmsr
.halt:
	sti
	hlt
	cli
	cmp	dword [awake], 0
	je	.halt
	ret

; With interrupts on at a HLT only: all registers but RBP, RSP and those of .next may change.
woken:
	tsc
	sub	rax, rbp
	add	[all], rax
	cmp	rax, [most]
	jbe	.less
	mov	[most], rax
.less:
	mov	dword [awake], 1
	write_msr X2APIC_EOI, 0, 0
	iretq

%include "tests/guest/cpu.inc"

align 8
most:	dq	0
all:	dq	0
awake:	dd	0
text_wakes:
	db	"wakes", 0
text_ok:
	db	10, 0
text_bad:
	db	"BAD", 0
