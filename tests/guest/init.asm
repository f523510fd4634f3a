; An ELF program to be Linux's /init: prints the TSC at its first instruction and /proc/uptime
; (seconds since start, and of these idle), then switches the machine off. It needs no libraries.
bits 64
org 0x400000

SYS_READ equ 0
SYS_WRITE equ 1
SYS_OPEN equ 2
SYS_IOCTL equ 16
SYS_MOUNT equ 165
SYS_REBOOT equ 169
REBOOT_MAGIC1 equ 0xfee1dead
REBOOT_MAGIC2 equ 672274793
POWER_OFF equ 0x4321fedc
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
	mov	rdi, number_end		; in decimal
	mov	ecx, 10
digit:
	xor	edx, edx
	div	rcx
	add	dl, '0'
	dec	rdi
	mov	[rdi], dl
	test	rax, rax
	jnz	digit
	mov	rbx, rdi
	mov	rsi, text
	mov	edx, text_end - text
	call	write
	mov	rsi, rbx
	mov	edx, number_stop
	sub	edx, ebx
	call	write
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
	jle	off			; a line less
	mov	ebx, eax
	mov	esi, text_uptime
	mov	edx, text_uptime_end - text_uptime
	call	write
	mov	esi, buffer
	mov	edx, ebx
	call	write
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

; rsi: text, edx: bytes.
write:
	mov	edi, 1
	mov	eax, SYS_WRITE
	syscall
	ret

text:	db	"guest: init reached, tsc "
text_end:
	times 20 db 0
number_end: db	10
number_stop:
text_uptime: db "guest: uptime "
text_uptime_end:
proc:	db	"proc", 0
slash_proc: db	"/proc", 0
uptime:	db	"/proc/uptime", 0
buffer:	times 64 db 0
buffer_end:
end:
