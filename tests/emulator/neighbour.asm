; The init of a Linux guest beside hostile ones: fills 32 MiB, sums them up PASSES times, says how long that took
; by its own clock and whether all was as it left it, and switches off. A static program without a library.
bits 64
global _start

SYS_WRITE equ 1
SYS_MMAP equ 9
SYS_REBOOT equ 169
SYS_CLOCK_GETTIME equ 228
CLOCK_MONOTONIC equ 1
POPULATED equ 0x8022			; MAP_PRIVATE, MAP_ANONYMOUS, MAP_POPULATE
READ_WRITE equ 3
SIZE equ 0x2000000
PASSES equ 20
VALUE equ 0x0fedcba987654321

section .text
_start:
	mov	eax, SYS_MMAP
	xor	edi, edi
	mov	esi, SIZE
	mov	edx, READ_WRITE
	mov	r10d, POPULATED
	mov	r8, -1
	xor	r9d, r9d
	syscall
	mov	r12, rax		; the memory
	test	rax, rax
	js	wrong
	mov	rbp, VALUE
	mov	rax, rbp
	mov	rdi, r12
	mov	ecx, SIZE / 8
.fill:	stosq				; each word another
	add	rax, rbp
	loop	.fill
	mov	rsi, text_up
	mov	edx, text_up_end - text_up
	call	say
	call	now
	mov	r13, rax
	mov	r14d, PASSES
.pass:
	mov	rsi, r12
	mov	ecx, SIZE / 8
	mov	rax, rbp
.word:	cmp	[rsi], rax
	jne	wrong
	add	rax, rbp
	add	rsi, 8
	dec	ecx
	jnz	.word
	dec	r14d
	jnz	.pass
	call	now
	sub	rax, r13
	mov	rdi, digits_end		; in decimal, from its end
	mov	ecx, 10
.digit:	xor	edx, edx
	div	rcx
	add	dl, '0'
	dec	rdi
	mov	[rdi], dl
	test	rax, rax
	jnz	.digit
	mov	rsi, text_passes
	mov	edx, text_end - text_passes
	call	say
off:
	mov	eax, SYS_REBOOT
	mov	edi, 0xfee1dead
	mov	esi, 672274793
	mov	edx, 0x4321fedc		; power off
	syscall
	jmp	off

wrong:
	mov	rsi, text_wrong
	mov	edx, text_wrong_end - text_wrong
	call	say
	jmp	off

say:					; RSI, EDX bytes
	mov	eax, SYS_WRITE
	mov	edi, 1
	syscall
	ret

now:					; RAX: microseconds
	mov	eax, SYS_CLOCK_GETTIME
	mov	edi, CLOCK_MONOTONIC
	mov	rsi, time
	syscall
	imul	rcx, [time], 1000000
	mov	rax, [time + 8]
	xor	edx, edx
	mov	edi, 1000
	div	rdi
	add	rax, rcx
	ret

section .data
text_up: db	"neighbour: up", 10
text_up_end:
text_wrong: db	"neighbour: WRONG", 10
text_wrong_end:
text_passes: db	"neighbour: whole, microseconds "
	times	12 db '0'
digits_end: db	10
text_end:
align 8
time:	dq	0, 0
