; An ELF program to be Linux's /init: prints the TSC at its first instruction and /proc/uptime
; (seconds since start, and of these idle), then the ticks of a byte's way to another process and back through
; two pipes, two switches of context, and switches the machine off. It needs no libraries.
bits 64
org 0x400000

SYS_READ equ 0
SYS_WRITE equ 1
SYS_OPEN equ 2
SYS_IOCTL equ 16
SYS_PIPE equ 22
SYS_FORK equ 57
SYS_EXIT equ 60
SYS_MOUNT equ 165
SYS_REBOOT equ 169
REBOOT_MAGIC1 equ 0xfee1dead
REBOOT_MAGIC2 equ 672274793
POWER_OFF equ 0x4321fedc
ROUNDS equ 2000			; of the byte
TCSBRK equ 0x5409			; with 1: waits until the terminal has sent all

elf:	db	0x7f, "ELF", 2, 1, 1, 0	; 64 bits, little-endian, version 1
	dq	0
	dw	2, 62			; an executable, x86-64
	dd	1
	dq	start, program - elf, 0
	dd	0
	dw	program - elf, program_end - program, 1, 0, 0, 0
program:
	dd	1, 7			; PT_LOAD; read, write, execute
	dq	0, elf, elf, end - elf, end - elf, 0x1000
program_end:

start:
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	mov	rsi, text
	mov	edx, text_end - text
	call	report
	mov	edi, proc
	mov	esi, slash_proc
	mov	edx, proc
	xor	r10d, r10d
	xor	r8d, r8d
	mov	eax, SYS_MOUNT
	syscall
	mov	edi, uptime
	xor	esi, esi
	mov	eax, SYS_OPEN
	syscall
	mov	edi, eax
	mov	esi, buffer
	mov	edx, buffer_end - buffer
	mov	eax, SYS_READ
	syscall
	test	eax, eax
	jle	pipes			; a line less
	mov	ebx, eax
	mov	esi, text_uptime
	mov	edx, text_uptime_end - text_uptime
	call	write
	mov	esi, buffer
	mov	edx, ebx
	call	write
pipes:
	mov	edi, there
	mov	eax, SYS_PIPE
	syscall
	mov	edi, back
	mov	eax, SYS_PIPE
	syscall
	mov	eax, SYS_FORK
	syscall
	test	eax, eax
	jz	echo
	mov	ebx, ROUNDS
	rdtsc
	shl	rdx, 32
	lea	rbp, [rax + rdx]
round:
	mov	edi, [there + 4]
	mov	eax, SYS_WRITE
	call	byte_io
	mov	edi, [back]
	mov	eax, SYS_READ
	call	byte_io
	dec	ebx
	jnz	round
	rdtsc
	shl	rdx, 32
	or	rax, rdx
	sub	rax, rbp
	xor	edx, edx
	mov	ecx, ROUNDS
	div	rcx
	mov	rsi, text_pipe
	mov	edx, text_pipe_end - text_pipe
	call	report
off:
	mov	edi, 1
	mov	esi, TCSBRK
	mov	edx, 1
	mov	eax, SYS_IOCTL
	syscall
	mov	edi, REBOOT_MAGIC1
	mov	esi, REBOOT_MAGIC2
	mov	edx, POWER_OFF
	mov	eax, SYS_REBOOT
	syscall
dead:
	jmp	dead

echo:					; the other process
	mov	edi, [there]
	mov	eax, SYS_READ
	call	byte_io
	mov	edi, [back + 4]
	mov	eax, SYS_WRITE
	call	byte_io
	jmp	echo

; eax: SYS_READ or SYS_WRITE; edi: the file. Ends the process where it fails.
byte_io:
	mov	esi, buffer
	mov	edx, 1
	syscall
	cmp	eax, 1
	jne	gone
	ret
gone:
	mov	edi, 1
	mov	eax, SYS_EXIT
	syscall

; rsi: text, edx: bytes; rax: a number that is printed behind it, in decimal.
report:
	push	rax
	call	write
	pop	rax
	mov	rsi, number_end
	mov	ecx, 10
digit:
	xor	edx, edx
	div	rcx
	add	dl, '0'
	dec	rsi
	mov	[rsi], dl
	test	rax, rax
	jnz	digit
	mov	edx, number_stop
	sub	edx, esi

; rsi: text, edx: bytes.
write:
	mov	edi, 1
	mov	eax, SYS_WRITE
	syscall
	ret

text:	db	"guest: init reached, tsc "
text_end:
text_pipe: db "guest: pipe "
text_pipe_end:
	times 20 db 0
number_end: db	10
number_stop:
text_uptime: db "guest: uptime "
text_uptime_end:
proc:	db	"proc", 0
slash_proc: db	"/proc", 0
uptime:	db	"/proc/uptime", 0
there:	dd	0, 0			; where to read, where to write
back:	dd	0, 0
buffer:	times 64 db 0
buffer_end:
end:
