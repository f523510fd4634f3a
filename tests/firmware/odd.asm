; A program that stands between the loader and Plinth and plays odd firmware: the loader takes it for Plinth.
; It has Plinth's image within (-DIMAGE=FILE) and odd.c does the rest, on the loader's 32-bit machine state.

%define STACK_SIZE 16384

extern odd_start
global _start, image, image_end

section .header
header:
	dd 0xe85250d6, 0, header_end - header, -(0xe85250d6 + header_end - header)
	align 8
	dw 6, 0				; modules on page boundaries
	dd 8
	align 8
	dw 0, 0
	dd 8
header_end:

section .text
bits 32
_start:
	cli
	cld
	mov esp, stack_top
	push ebx
	push eax
	call odd_start			; does not come back

section .rodata
	align 4096
image:
	incbin IMAGE
image_end:

section .bss nobits
	align 16
	resb STACK_SIZE
stack_top:
