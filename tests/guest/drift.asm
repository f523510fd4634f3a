; A minute of a busy guest's time by KVM's clock and by the ACPI timer, which Plinth makes of its own clock, the
; host's TSC: prints "drift ok TICKS" where they are not apart by more than a millionth, or "drift BAD TICKS": those of the
; ACPI timer that it is ahead, in hexadecimal.
%include "tests/guest/bare.inc"

MSR_CLOCK	equ 0x4b564d01
CLOCKS		equ 0x300000
PM_TIMER	equ 0x608
PM_HZ		equ 3579545
PM_MASK		equ 0xffffff
SECONDS		equ 60
AT_ONCE		equ 50000		; ns: both were read within
LIMIT		equ SECONDS * PM_HZ / 1000000

start:
	mov	rsp, STACK
	write_msr MSR_CLOCK, 0, CLOCKS | 1
	call	sample
	mov	r12, rsi		; the clock
	mov	r13d, edi		; the timer
	mov	r14, SECONDS * 1000000000
	add	r14, rsi
.busy:	call	clock
	mov	ecx, 10000
.count:	dec	ecx
	jnz	.count
	cmp	rax, r14
	jb	.busy
	call	sample
	sub	rsi, r12
	sub	edi, r13d
	mov	rax, rsi		; in ticks
	mov	ecx, PM_HZ
	mul	rcx
	mov	rcx, 1000000000
	div	rcx
	sub	edi, eax
	shl	edi, 8			; it has 24 bits
	sar	edi, 8
	mov	eax, edi
	neg	eax
	cmovs	eax, edi
	mov	ebx, edi
	mov	rsi, text_ok
	mov	rcx, text_bad
	cmp	eax, LIMIT
	cmova	rsi, rcx
	say	rsi
	mov	ecx, 8
.digit:	rol	ebx, 4
	mov	al, bl
	and	al, 15
	add	al, '0'
	cmp	al, '9'
	jbe	.out
	add	al, 'a' - '9' - 1
.out:	out	dx, al
	loop	.digit
	mov	al, 10
	out	dx, al
	switch_off
.end:	hlt
	jmp	.end

; RSI: the clock, EDI: the ACPI timer, at the same time.
sample:
	call	clock
	mov	rsi, rax
	mov	edx, PM_TIMER
	in	eax, dx
	mov	edi, eax
	call	clock
	sub	rax, rsi
	cmp	rax, AT_ONCE
	ja	sample
	shr	rax, 1			; in the middle
	add	rsi, rax
	ret

%include "tests/guest/kvmclock.inc"

text_ok: db	"drift ok ", 0
text_bad: db	"drift BAD ", 0
