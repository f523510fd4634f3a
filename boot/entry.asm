; Where the loader enters: the multiboot2 header, the 32-bit entry (BIOS), the 64-bit entry (UEFI, boot
; services still there), and the page tables on which both reach the image at its linked address.
; Both end in boot_main(), on boot_stack, on boot_pml4, with interrupts off.
; (Multiboot2 specification, "OS image format" and "I386 machine state", "AMD64 machine state".)

IMAGE_BASE	equ 0xffffffff80000000	; mm/layout.h
LINK_PHYS	equ 0x200000		; linker.ld: IMAGE_LINK_PHYS
MB2_MAGIC	equ 0xe85250d6		; of the header
MB2_BOOTED	equ 0x36d76289		; in EAX at entry
COM1		equ 0x3f8
VGA_TEXT	equ 0xb8000		; 25 rows of 80 characters with their colours
VGA_LAST_ROW	equ 24 * 80 * 2
VGA_COLOUR	equ 0x4f		; white on red
STACK_SIZE	equ 16384
IMAGE_PAGES	equ 4			; large pages that cover the image: linker.ld asserts it

ADDRESS_MASK	equ 0x000ffffffffff000	; of an entry's or CR3's address
PTE_TABLE	equ 0x03		; present, writable
PTE_LARGE	equ 0x83		; present, writable, 2 MiB
CR0_PG		equ 1 << 31
CR0_WP		equ 1 << 16
CR4_PAE		equ 1 << 5
CR4_LA57	equ 1 << 12
CR4_CET		equ 1 << 23
MSR_EFER	equ 0xc0000080
EFER_LME	equ 1 << 8
MSR_GS_BASE	equ 0xc0000101
EFLAGS_ID	equ 1 << 21
CPUID_LM	equ 29			; 0x80000001 EDX: long mode
CPUID_PAE	equ 6			; 1 EDX: physical address extension
CPUID_RDRAND	equ 30			; 1 ECX

; Distance of a symbol from the image's start, which is its load address in EBP or RBP.
%define off(sym) ((sym) - IMAGE_BASE)

extern boot_main, boot_efi, percpu_start, percpu_end, percpu_template, image_start
global boot_entry32, boot_pml4, boot_pdpt_low, boot_pd_low, boot_stack, boot_stack_top, __stack_chk_guard

section .boot progbits alloc exec nowrite align=8
; --- multiboot2 header --------------------------------------------------------------------------
header:
	dd MB2_MAGIC
	dd 0				; architecture: i386
	dd header_end - header
	dd -(MB2_MAGIC + (header_end - header)) & 0xffffffff

	align 8
	dw 1, 0				; information request: fail where one is not known
	dd .request_end - ($ - 4)
	dd 1, 3, 21			; command line, modules, load base address
.request_end:
	align 8
	dw 1, 1				; the same, optional
	dd .optional_end - ($ - 4)
	dd 6, 8, 12, 14, 15, 17, 18, 20	; memory map, framebuffer, EFI table, ACPI, EFI map, boot services, EFI handle
.optional_end:
	align 8
	dw 3, 0				; entry address, 32-bit
	dd 12
	dd boot_entry32 - header + LINK_PHYS
	align 8
	dw 5, 1				; a framebuffer, of any size and depth (optional)
	dd 20
	dd 0, 0, 0
	align 8
	dw 6, 0				; modules on page boundaries
	dd 8
	align 8
	dw 7, 1				; EFI boot services: leave them running (optional: BIOS has none)
	dd 8
	align 8
	dw 9, 1				; entry address, EFI AMD64
	dd 12
	dd boot_entry_efi - header + LINK_PHYS
	align 8
	dw 10, 0			; relocatable: 2 MiB aligned, from 2 MiB to 4 GiB, lowest preferred
	dd 24
	dd 0x200000, 0xffffffff, 0x200000, 1
	align 8
	dw 0, 0				; end
	dd 8
header_end:

; --- 32-bit entry -------------------------------------------------------------------------------
bits 32
boot_entry32:
	cli
	cld
	lea esp, [ebx + 8]		; no stack yet: the reserved word of the boot information
	call .here			; takes the one return address
.here:
	pop ebp
	sub ebp, .here - header		; EBP: the image's load address
	lea esp, [ebp + off(boot_stack_top)]
	cmp eax, MB2_BOOTED
	mov esi, msg_magic - header
	jne fail32
	test ebp, 0x1fffff		; large pages map the image
	mov esi, msg_align - header
	jnz fail32

	pushfd				; CPUID exists where EFLAGS.ID can be changed
	pop eax
	mov ecx, eax
	xor eax, EFLAGS_ID
	push eax
	popfd
	pushfd
	pop eax
	xor eax, ecx
	test eax, EFLAGS_ID
	mov esi, msg_long - header
	jz fail32
	mov edi, ebx			; CPUID overwrites EBX
	mov eax, 0x80000000
	cpuid
	cmp eax, 0x80000001
	jb fail32
	mov eax, 0x80000001
	cpuid
	bt edx, CPUID_LM
	jnc fail32
	mov eax, 1
	cpuid
	bt edx, CPUID_PAE
	jnc fail32
	mov ebx, edi			; EBX: the boot information again

	call fill_tables32
	mov eax, cr4
	or eax, CR4_PAE
	mov cr4, eax
	lea eax, [ebp + off(boot_pml4)]
	mov cr3, eax
	mov ecx, MSR_EFER
	rdmsr
	or eax, EFER_LME
	wrmsr
	mov eax, cr0
	or eax, CR0_PG | CR0_WP
	mov cr0, eax			; long mode, in a 32-bit segment

	lea eax, [ebp + gdt - header]	; the descriptor's base: its physical address, for now
	push dword 0
	push eax
	push word gdt_end - gdt - 1
	lgdt [esp]
	push dword 0x08
	lea eax, [ebp + long_mode - header]
	push eax
	retf				; to 64-bit code at its physical address

bits 64
long_mode:
	mov edi, ebx			; boot information, zero-extended
	mov esi, ebp			; load address
	xor edx, edx			; not EFI
	mov rax, high_entry
	jmp rax				; to the linked address

bits 32
; Tables: 0..4 GiB at its own address, the image at IMAGE_BASE. EBP: load address. Uses EAX ECX EDI.
fill_tables32:
	lea eax, [ebp + off(boot_pdpt_low) + PTE_TABLE]
	mov [ebp + off(boot_pml4)], eax
	lea eax, [ebp + off(boot_pdpt_image) + PTE_TABLE]
	mov [ebp + off(boot_pml4) + 511 * 8], eax
	lea eax, [ebp + off(boot_pd_image) + PTE_TABLE]
	mov [ebp + off(boot_pdpt_image) + 510 * 8], eax
	lea eax, [ebp + off(boot_pd_low) + PTE_TABLE]
	xor ecx, ecx
.directory:
	mov [ebp + ecx * 8 + off(boot_pdpt_low)], eax
	add eax, 4096
	inc ecx
	cmp ecx, 4
	jb .directory
	mov eax, PTE_LARGE
	xor ecx, ecx
.low:
	mov [ebp + ecx * 8 + off(boot_pd_low)], eax
	add eax, 0x200000		; wraps after the last, at 4 GiB
	inc ecx
	cmp ecx, 4 * 512
	jb .low
	lea eax, [ebp + PTE_LARGE]
	xor ecx, ecx
.image:
	mov [ebp + ecx * 8 + off(boot_pd_image)], eax
	add eax, 0x200000
	inc ecx
	cmp ecx, IMAGE_PAGES
	jb .image
	ret

; Prints the text at header + ESI on COM1 and on the VGA's text screen, if there are any, and halts.
fail32:
	add esi, ebp
	mov edi, VGA_TEXT + VGA_LAST_ROW
	mov dx, COM1 + 1		; no interrupts
	xor eax, eax
	out dx, al
	mov dx, COM1 + 3		; divisor latch
	mov al, 0x80
	out dx, al
	mov dx, COM1			; 115200 baud
	mov al, 1
	out dx, al
	inc dx
	xor eax, eax
	out dx, al
	mov dx, COM1 + 3		; 8 data bits, no parity, one stop bit
	mov al, 3
	out dx, al
.next:
	lodsb
	test al, al
	jz .halt
	mov ah, VGA_COLOUR
	cmp al, ' '
	jb .sent			; the line's end
	mov [edi], ax
	add edi, 2
.sent:
	mov ah, al
	mov ecx, 100000			; a bounded wait: there may be no UART
.wait:
	mov dx, COM1 + 5
	in al, dx
	test al, 0x20			; transmitter holding register empty
	loopz .wait
	mov al, ah
	mov dx, COM1
	out dx, al
	jmp .next
.halt:
	cli
	hlt
	jmp .halt

msg_magic	db "plinth: not started by a multiboot2 loader", 13, 10, 0
msg_align	db "plinth: the loader did not align the image to 2 MiB", 13, 10, 0
msg_long	db "plinth: this CPU has no long mode (64-bit), which Plinth needs", 13, 10, 0
msg_la57	db "plinth: the firmware's 5-level page tables map nothing at address 0", 13, 10, 0
msg_efi_magic	db "plinth: not started by a multiboot2 loader (UEFI)", 13, 10, 0

; --- UEFI entry ---------------------------------------------------------------------------------
; Long mode on the firmware's identity map and stack, boot services running. The image is mapped at
; IMAGE_BASE beside the firmware's own entries, so that C code can call the firmware from there.
bits 64
boot_entry_efi:
	endbr64				; the firmware may track indirect branches
	cld
	lea rbp, [rel header]		; RBP: load address
	cmp eax, MB2_BOOTED
	lea rsi, [rel msg_efi_magic]
	jne fail64
	test ebp, 0x1fffff
	lea rsi, [rel msg_align]
	jnz fail64
	and rsp, -16			; the firmware's stack, aligned for calls
	mov r12d, ebx			; boot information
	mov rsi, cr3			; the firmware's top-level table
	mov r13, ADDRESS_MASK
	and rsi, r13
	mov r14, cr4
	test r14d, CR4_LA57
	jz .four_levels
	mov rsi, [rsi]			; with 5 levels: the one below for the lowest 256 TiB, where all is
	test sil, 1
	mov rax, rsi
	lea rsi, [rel msg_la57]
	jz fail64
	mov rsi, rax
	and rsi, r13
.four_levels:
	lea rdi, [rel boot_pml4]	; distances within the image hold at either address
	mov ecx, 512
	rep movsq
	lea rax, [rel boot_pdpt_image + PTE_TABLE]
	mov [rel boot_pml4 + 511 * 8], rax
	lea rax, [rel boot_pd_image + PTE_TABLE]
	mov [rel boot_pdpt_image + 510 * 8], rax
	lea rdi, [rel boot_pd_image]
	lea rax, [rbp + PTE_LARGE]
	xor ecx, ecx
.image:
	mov [rdi + rcx * 8], rax
	add rax, 0x200000
	inc ecx
	cmp ecx, IMAGE_PAGES
	jb .image
	lea rax, [rel boot_pml4]
	test r14d, CR4_LA57
	jnz .leave_la57
	mov cr3, rax
.mapped:
	mov rax, .high
	jmp rax

; From 5 levels of page tables to 4, with which the firmware does as well, as it uses low addresses only. That
; takes paging off, hence 32-bit code, without interrupts (SDM volume 3, 5.5.1.2 "5-Level Paging"). RAX: boot_pml4.
.leave_la57:
	pushfq
	cli
	sgdt [rel firmware_gdt]
	mov [rel firmware_cs], cs
	mov [rel firmware_data], ss
	mov [rel firmware_data + 2], ds
	mov [rel firmware_data + 4], es
	mov [rel firmware_rsp], rsp
	mov [rel firmware_rbp], rbp	; of long registers, 32-bit code keeps half
	mov [rel firmware_rbp + 8], r12
	lea rsp, [rel boot_stack_top]	; below 4 GiB, as all of the image
	lea rcx, [rel gdt]
	sub rsp, 16
	mov word [rsp], gdt_end - gdt - 1
	mov [rsp + 2], rcx
	lgdt [rsp]
	push 0x08			; where 32-bit code goes on
	lea rcx, [rel .long]
	push rcx
	push 0x18
	lea rcx, [rel .compatible]
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
	and ecx, ~CR4_LA57
	mov cr4, ecx
	mov ecx, cr0
	or ecx, CR0_PG
	mov cr0, ecx
	mov eax, [esp]			; 8 bytes each, pushed by 64-bit code
	mov ecx, [esp + 8]
	add esp, 16
	push ecx
	push eax
	retf
bits 64
.long:
	lgdt [rel firmware_gdt]
	mov rsp, [rel firmware_rsp]
	mov ss, [rel firmware_data]
	mov ds, [rel firmware_data + 2]
	mov es, [rel firmware_data + 4]
	mov rbp, [rel firmware_rbp]
	mov r12, [rel firmware_rbp + 8]
	movzx eax, word [rel firmware_cs]
	push rax
	lea rax, [rel .firmware_again]
	push rax
	retfq
.firmware_again:
	popfq
	jmp .mapped
.high:
	endbr64
	mov edi, r12d			; boot information
	mov rsi, rbp			; load address
	call early_cpu			; canary and per-CPU base, before any C
	call percpu_base
	call boot_efi			; copies what is needed, exits boot services; fails by halting
	cli				; the firmware's handlers are gone
	mov rax, cr4
	and eax, ~CR4_CET		; and its shadow stack, if it had one, goes
	mov cr4, rax
	mov rax, .own_stack		; off the firmware's stack, whose mapping goes
	mov rsp, boot_stack_top
	jmp rax
.own_stack:
	xor ecx, ecx			; the tables of the BIOS path: identity for 0..4 GiB
	mov eax, PTE_LARGE
	mov rdx, boot_pd_low
.low:
	mov [rdx + rcx * 8], rax
	add rax, 0x200000
	inc ecx
	cmp ecx, 4 * 512
	jb .low
	lea rax, [rel boot_pd_low + PTE_TABLE]
	mov rsi, IMAGE_BASE
	sub rax, rsi
	add rax, rbp			; its physical address
	mov rdx, boot_pdpt_low
	xor ecx, ecx
.directory:
	mov [rdx + rcx * 8], rax
	add rax, 4096
	inc ecx
	cmp ecx, 4
	jb .directory
	mov rdi, boot_pml4
	lea rax, [rel boot_pdpt_low + PTE_TABLE]
	sub rax, rsi
	add rax, rbp
	stosq				; entry 0
	xor eax, eax
	mov ecx, 510
	rep stosq			; all others but the image's
	mov rax, cr3
	mov cr3, rax
	xor edi, edi			; the boot information was read already
	mov rsi, rbp
	mov edx, 1			; EFI
	jmp high_entry

; Prints the text at RSI on COM1, as the firmware left it, and halts.
fail64:
	lodsb
	test al, al
	jz .halt
	mov ah, al
	mov ecx, 100000
.wait:
	mov dx, COM1 + 5
	in al, dx
	test al, 0x20
	loopz .wait
	mov al, ah
	mov dx, COM1
	out dx, al
	jmp fail64
.halt:
	cli
	hlt
	jmp .halt

; --- both, at the linked address -----------------------------------------------------------------
; RDI: boot information or 0; RSI: load address; EDX: 1 for EFI.
high_entry:
	mov rsp, boot_stack_top
	mov rax, gdt			; the table at its linked address
	sub rsp, 16
	mov word [rsp], gdt_end - gdt - 1
	mov [rsp + 2], rax
	lgdt [rsp]
	add rsp, 16
	mov eax, 0x10			; data segments
	mov ds, eax
	mov es, eax
	mov ss, eax
	xor eax, eax
	mov fs, eax
	mov gs, eax
	push 0x08			; CS may be the firmware's
	mov rax, .code
	push rax
	retfq
.code:
	test edx, edx			; on the UEFI path it was done before, and C code has run since
	jnz .main
	call early_cpu
.main:
	call percpu_base		; loading GS cleared it
	xor ebp, ebp			; backtraces end here
	call boot_main
.halt:
	cli
	hlt
	jmp .halt

; Stack canary, and a copy of the per-CPU section's first content. Keeps RDI, RSI, RDX, RBP, R12.
early_cpu:
	push rdi
	push rsi
	push rdx
	mov eax, 1
	cpuid
	mov r8d, ecx
	rdtsc
	shl rdx, 32
	or rax, rdx
	mov rcx, 0x9e3779b97f4a7c15	; spreads the counter's few random bits
	imul rax, rcx
	bt r8d, CPUID_RDRAND
	jnc .canary
	mov ecx, 10			; it may fail a few times
.random:
	rdrand rdx
	jc .mix
	loop .random
	jmp .canary
.mix:
	xor rax, rdx
.canary:
	xor al, al			; a zero byte stops string functions
	mov [rel __stack_chk_guard], rax
	mov rsi, percpu_start
	mov rdi, percpu_template
	mov rcx, percpu_end
	sub rcx, rsi
	rep movsb
	pop rdx
	pop rsi
	pop rdi
	ret

; The boot CPU's per-CPU area is the section itself. Keeps RDI, RSI, RDX, RBP, R12.
percpu_base:
	push rdx
	mov rax, percpu_start
	mov rdx, rax
	shr rdx, 32
	mov ecx, MSR_GS_BASE
	wrmsr
	pop rdx
	ret

	align 16
gdt:					; until trap_init_cpu()
	dq 0
	dq 0x00af9b000000ffff		; 0x08: 64-bit code
	dq 0x00cf93000000ffff		; 0x10: data
	dq 0x00cf9b000000ffff		; 0x18: 32-bit code
gdt_end:

section .bss nobits alloc noexec write align=4096
boot_pml4:	resb 4096
boot_pdpt_low:	resb 4096
boot_pdpt_image: resb 4096
boot_pd_image:	resb 4096
boot_pd_low:	resb 4 * 4096
boot_stack:	resb STACK_SIZE
boot_stack_top:
		alignb 8
__stack_chk_guard: resq 1
firmware_rsp:	resq 1			; of the firmware with 5-level paging
firmware_rbp:	resq 2
firmware_gdt:	resb 10
firmware_cs:	resw 1
firmware_data:	resw 3

section .note.GNU-stack noalloc noexec nowrite progbits
