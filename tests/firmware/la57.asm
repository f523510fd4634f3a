; void la57_on(void *pml5): from 4 levels of page tables to 5, as firmware that uses them has; the table's first
; entry is the one of before. All of it lies below 4 GiB. (SDM volume 3, 5.5.1.2.)

CR0_PG		equ 1 << 31
CR4_LA57	equ 1 << 12

default rel
global la57_on

section .text
bits 64
la57_on:
	push rbx
	pushfq
	cli
	mov eax, edi
	lea rbx, [old_gdt]
	sgdt [rbx]
	mov [old_cs], cs
	mov [old_data], ss
	mov [old_data + 2], ds
	mov [old_data + 4], es
	mov [old_rsp], rsp
	mov [old_rbp], rbp
	lea rsp, [stack_top]
	lea rcx, [gdt]
	mov [gdt_base], rcx
	lgdt [gdt_limit]
	push 0x08
	lea rcx, [.long]
	push rcx
	push 0x18
	lea rcx, [.compatible]
	push rcx
	retfq
bits 32
.compatible:
	mov ecx, 0x10
	mov ss, ecx
	mov ecx, cr0
	and ecx, ~CR0_PG
	mov cr0, ecx
	mov cr3, eax
	mov ecx, cr4
	or ecx, CR4_LA57
	mov cr4, ecx
	mov ecx, cr0
	or ecx, CR0_PG
	mov cr0, ecx
	mov eax, [esp]
	mov ecx, [esp + 8]
	add esp, 16
	push ecx
	push eax
	retf
bits 64
.long:
	lgdt [old_gdt]
	mov rsp, [old_rsp]
	mov ss, [old_data]
	mov ds, [old_data + 2]
	mov es, [old_data + 4]
	mov rbp, [old_rbp]
	movzx eax, word [old_cs]
	push rax
	lea rax, [.again]
	push rax
	retfq
.again:
	popfq
	pop rbx
	ret

section .data
	align 16
gdt:
	dq 0
	dq 0x00af9b000000ffff
	dq 0x00cf93000000ffff
	dq 0x00cf9b000000ffff
gdt_limit: dw 31
gdt_base: dq 0
old_gdt: dw 0
	dq 0
old_cs:	dw 0
old_data: dw 0, 0, 0
	align 16
old_rsp: dq 0
old_rbp: dq 0
	times 512 db 0
stack_top:

section .note.GNU-stack noalloc noexec nowrite progbits
