; Access to memory that may fault (arch/uaccess.h). A function opens the user mapping with STAC once,
; closes it with CLAC, and a fault at one of its user accesses resumes at its fix-up, which closes it
; too and returns -EFAULT. STAC and CLAC are NOPs until patch_apply() finds SMAP.
; Arguments in RDI, RSI, RDX, RCX; only these and RAX are changed.

bits 64

FEATURE_SMAP equ 4			; enum cpu_feature: CPU_SMAP, asserted in trap.c
EAGAIN	equ 11				; lib/errno.h
EFAULT	equ 14
BULK	equ 128				; bytes from which string instructions pay

global ucopy_in, ucopy_out, uzero, uload, ustore, ucas

; A NOP of three bytes that patch_apply() replaces by 0f 01 %1 where there is SMAP.
%macro SMAP_PATCH 1
%%at:	db 0x0f, 0x1f, 0x00
[section .patch progbits alloc noexec nowrite align=8]
	dq %%at
	db FEATURE_SMAP, 3, 0x0f, 0x01, %1, 0, 0, 0
__?SECT?__
%endmacro
%define WINDOW_OPEN  SMAP_PATCH 0xcb	; STAC
%define WINDOW_CLOSE SMAP_PATCH 0xca	; CLAC

; An instruction that may fault.
%macro USER 1+
%%at:	%1
[section .extable progbits alloc noexec nowrite align=8]
	dq %%at, fixup
__?SECT?__
%endmacro

section .text
align 16
fixup:					; the one end of all that faulted
	WINDOW_CLOSE
	mov eax, -EFAULT
	ret

; int ucopy_in(void *dst, const void *user_src, size_t n)
align 16
ucopy_in:
	WINDOW_OPEN
	cmp rdx, BULK
	jae .bulk
.words:
	sub rdx, 8			; as long as a word is left
	jb .tail
	USER mov rax, [rsi]
	mov [rdi], rax
	add rsi, 8
	add rdi, 8
	jmp .words
.bulk:
	mov rcx, rdx
	shr rcx, 3
	USER rep movsq
	and edx, 7
	sub rdx, 8
.tail:					; RDX: bytes left, minus 8
	add edx, 8
	jz .done
	test edx, 4
	jz .byte
	USER mov eax, [rsi]
	mov [rdi], eax
	add rsi, 4
	add rdi, 4
	sub edx, 4
	jz .done
.byte:
	USER mov al, [rsi]
	mov [rdi], al
	inc rsi
	inc rdi
	dec edx
	jnz .byte
.done:
	WINDOW_CLOSE
	xor eax, eax
	ret

; int ucopy_out(void *user_dst, const void *src, size_t n)
align 16
ucopy_out:
	WINDOW_OPEN
	cmp rdx, BULK
	jae .bulk
.words:
	sub rdx, 8			; as long as a word is left
	jb .tail
	mov rax, [rsi]
	USER mov [rdi], rax
	add rsi, 8
	add rdi, 8
	jmp .words
.bulk:
	mov rcx, rdx
	shr rcx, 3
	USER rep movsq
	and edx, 7
	sub rdx, 8
.tail:					; RDX: bytes left, minus 8
	add edx, 8
	jz .done
	test edx, 4
	jz .byte
	mov eax, [rsi]
	USER mov [rdi], eax
	add rsi, 4
	add rdi, 4
	sub edx, 4
	jz .done
.byte:
	mov al, [rsi]
	USER mov [rdi], al
	inc rsi
	inc rdi
	dec edx
	jnz .byte
.done:
	WINDOW_CLOSE
	xor eax, eax
	ret

; int uzero(void *user_dst, size_t n)
align 16
uzero:
	WINDOW_OPEN
	xor eax, eax
	mov rcx, rsi
	shr rcx, 3
	USER rep stosq
	mov ecx, esi
	and ecx, 7
	USER rep stosb
	WINDOW_CLOSE
	ret

; int uload(u64 *value, const void *user_src, size_t size): size is 1, 2, 4 or 8
align 16
uload:
	WINDOW_OPEN
	cmp edx, 4
	je .dword
	ja .qword
	cmp edx, 2
	je .word
	USER movzx eax, byte [rsi]
	jmp .done
.word:
	USER movzx eax, word [rsi]
	jmp .done
.dword:
	USER mov eax, [rsi]
	jmp .done
.qword:
	USER mov rax, [rsi]
.done:
	WINDOW_CLOSE
	mov [rdi], rax
	xor eax, eax
	ret

; int ustore(void *user_dst, u64 value, size_t size)
align 16
ustore:
	WINDOW_OPEN
	cmp edx, 4
	je .dword
	ja .qword
	cmp edx, 2
	je .word
	USER mov [rdi], sil
	jmp .done
.word:
	USER mov [rdi], si
	jmp .done
.dword:
	USER mov [rdi], esi
	jmp .done
.qword:
	USER mov [rdi], rsi
.done:
	WINDOW_CLOSE
	xor eax, eax
	ret

; int ucas(void *user_dst, u64 *expected, u64 value, size_t size)
align 16
ucas:
	mov rax, [rsi]			; what should be there
	WINDOW_OPEN
	cmp ecx, 4
	je .dword
	ja .qword
	cmp ecx, 2
	je .word
	USER lock cmpxchg [rdi], dl
	movzx ecx, al			; MOVZX and MOV leave the flags
	jmp .done
.word:
	USER lock cmpxchg [rdi], dx
	movzx ecx, ax
	jmp .done
.dword:
	USER lock cmpxchg [rdi], edx
	mov ecx, eax
	jmp .done
.qword:
	USER lock cmpxchg [rdi], rdx
	mov rcx, rax
.done:
	WINDOW_CLOSE			; CLAC changes AC alone
	jne .differs
	xor eax, eax
	ret
.differs:
	mov [rsi], rcx			; what is there
	mov eax, -EAGAIN
	ret

section .note.GNU-stack noalloc noexec nowrite progbits
