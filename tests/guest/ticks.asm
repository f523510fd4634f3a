; Three periodic timers for SPAN of the ACPI timer, in which the guest lacks its CPU again and again: prints how often
; each came, "ticks pit N rtc N hpet N" in hexadecimal, or BAD where a clock went back or jumped.
%include "tests/guest/bare.inc"

	jmp	near main

IOAPIC		equ 0xfec00000
HPET		equ 0xfed00000
PM_TIMER	equ 0x608
PM_MASK		equ 0xffffff
SPAN		equ 1073863		; 300 ms
JUMP		equ 357954		; 100 ms: longer than it is without its CPU
PIT_PERIOD	equ 4773		; 4 ms
HPET_PERIOD	equ 400000		; the same
HPET_PIN	equ 20
HPET_PERIODIC	equ 1 << 3 | 1 << 2 | 1 << 6 | HPET_PIN << 9	; enabled, the next write sets its period
PIT_PIN		equ 2
RTC_PIN		equ 8
RTC_256_HZ	equ 0x28		; with the divider's own bits
RTC_PERIODIC	equ 0x42		; 24 hours, too

; route PIN, VECTOR: an edge to this vCPU.
%macro route 2
	mov	edi, IOAPIC
	mov	dword [rdi], 0x11 + 2 * %1
	mov	dword [rdi + 0x10], 0
	mov	dword [rdi], 0x10 + 2 * %1
	mov	dword [rdi + 0x10], %2
%endmacro

; gate VECTOR, HANDLER
%macro gate 2
	mov	rdi, IDT + (%1) * 16
	mov	rax, %2
	mov	[rdi], ax
	shr	rax, 16
	mov	[rdi + 6], ax
%endmacro

; counter NAME: of the interrupts of one timer.
%macro counter 1
	push	rax
	push	rcx
	push	rdx
	inc	dword [%1]
	write_msr X2APIC_EOI, 0, 0
	pop	rdx
	pop	rcx
	pop	rax
	iretq
%endmacro

; rtc REGISTER, VALUE
%macro rtc 2
	mov	al, %1
	out	0x70, al
	mov	al, %2
	out	0x71, al
%endmacro

main:
	cli
	mov	rsp, STACK
	call	install_handlers
	gate	VECTOR, pit_came
	gate	VECTOR + 16, rtc_came
	gate	VECTOR + 32, hpet_came
	call	enable_x2apic
	route	PIT_PIN, VECTOR
	route	RTC_PIN, VECTOR + 16
	route	HPET_PIN, VECTOR + 32
	mov	al, 0x34		; counter 0, both bytes, mode 2
	out	0x43, al
	mov	al, PIT_PERIOD & 0xff
	out	0x40, al
	mov	al, PIT_PERIOD >> 8
	out	0x40, al
	rtc	0x0a, RTC_256_HZ
	rtc	0x0b, RTC_PERIODIC
	mov	edi, HPET
	mov	dword [rdi + 0x100], HPET_PERIODIC
	mov	qword [rdi + 0x108], HPET_PERIOD
	mov	dword [rdi + 0x10], 1	; it counts
	mov	edx, PM_TIMER
	in	eax, dx
	mov	r12d, eax		; the last look
	xor	r13d, r13d		; what has passed
	call	tsc
	mov	r14, rax
	sti
	check	1
.busy:
	call	tsc
	cmp	rax, r14
	jb	bad
	mov	r14, rax
	mov	edx, PM_TIMER
	in	eax, dx
	mov	ecx, eax
	sub	eax, r12d
	and	eax, PM_MASK
	mov	r12d, ecx
	cmp	eax, JUMP		; backwards is a large number, too
	ja	bad
	add	r13d, eax
	mov	ecx, 1000
.count:
	dec	ecx
	jnz	.count
	cmp	r13d, SPAN
	jb	.busy
	cli
	say	text_pit
	mov	eax, [pit]
	call	print_number
	say	text_rtc
	mov	eax, [rtcs]
	call	print_number
	say	text_hpet
	mov	eax, [hpet]
	call	print_number
	say	text_end
	jmp	power_off

tsc:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	ret

pit_came:
	counter	pit
hpet_came:
	counter	hpet
rtc_came:
	push	rax
	mov	al, 0x0c		; read, it lets the next one come
	out	0x70, al
	in	al, 0x71
	pop	rax
	counter	rtcs

%include "tests/guest/cpu.inc"

pit:	dd	0
rtcs:	dd	0
hpet:	dd	0
text_pit: db	"ticks pit", 0
text_rtc: db	" rtc", 0
text_hpet: db	" hpet", 0
text_end: db	10, 0
text_ok: db	0
text_bad: db	"BAD", 0
