; Start-up code of the other CPUs (Intel SDM vol. 3, "Typical AP Initialization Sequence"): copied to a
; page below 1 MiB, entered there in real mode, it goes to long mode on the boot path's page tables and
; jumps into the image. Its variables are filled by smp.c before each CPU is started.

CR0_PE		equ 1
CR0_PG		equ 1 << 31
CR0_WP		equ 1 << 16
CR4_PAE		equ 1 << 5
MSR_EFER	equ 0xc0000080
EFER_ENABLE	equ (1 << 8) | (1 << 11)	; long mode, no-execute
MSR_GS_BASE	equ 0xc0000101

AP_WAITING	equ 1			; struct ap_start: smp.c holds the same numbers
AP_TAKEN	equ 2

extern smp_ap_main, ap_start
global trampoline_start, trampoline_end, trampoline_pml4

section .rodata.trampoline progbits alloc noexec nowrite align=16
bits 16
trampoline_start:
	cli
	cld
	mov ax, cs			; CS is the page's address >> 4
	mov ds, ax
	movzx ebx, ax
	shl ebx, 4			; EBX: the page's address
	lea eax, [ebx + .gdt - trampoline_start]
	mov [.gdtr - trampoline_start + 2], eax
	lea eax, [ebx + .mode32 - trampoline_start]
	mov [.far32 - trampoline_start], eax
	lea eax, [ebx + .mode64 - trampoline_start]
	mov [.far64 - trampoline_start], eax
	o32 lgdt [.gdtr - trampoline_start]
	mov eax, cr0
	or eax, CR0_PE
	mov cr0, eax
	jmp dword far [.far32 - trampoline_start]

bits 32
.mode32:
	mov ax, 0x10
	mov ds, ax
	mov es, ax
	mov ss, ax
	mov eax, CR4_PAE
	mov cr4, eax
	mov eax, [ebx + trampoline_pml4 - trampoline_start]
	mov cr3, eax			; below 4 GiB: the image's own boot tables
	mov ecx, MSR_EFER
	xor edx, edx
	mov eax, EFER_ENABLE
	wrmsr
	mov eax, CR0_PE | CR0_PG | CR0_WP | (1 << 4)	; ET reads as 1
	mov cr0, eax
	jmp far [ebx + .far64 - trampoline_start]

bits 64
.mode64:
	mov rax, ap_entry
	jmp rax				; into the image

	align 8
.far32:	dd 0				; offset
	dw 0x18				; 32-bit code
	align 4
.far64:	dd 0
	dw 0x08				; 64-bit code
	align 8
.gdt:	dq 0
	dq 0x00af9b000000ffff		; 0x08: 64-bit code
	dq 0x00cf93000000ffff		; 0x10: data
	dq 0x00cf9b000000ffff		; 0x18: 32-bit code
.gdt_end:
.gdtr:	dw .gdt_end - .gdt - 1
	dd 0
	align 4
trampoline_pml4: dd 0			; physical address of boot_pml4
trampoline_end:

; struct ap_start of smp.c
AP_STATE	equ 0			; dword
AP_APIC_ID	equ 4			; dword
AP_CR3		equ 8
AP_STACK	equ 16
AP_GS_BASE	equ 24

; In the image, on boot_pml4, without a stack. Only the CPU that was asked for may go on: one that comes
; late, after it was given up, finds another state or another id and halts here.
section .text.ap progbits alloc exec nowrite align=16
ap_entry:
	mov r8, ap_start
	xor eax, eax
	cpuid
	cmp eax, 0xb			; extended topology leaf: 32-bit APIC id
	jb .old_id
	mov eax, 0xb
	xor ecx, ecx
	cpuid
	test ebx, ebx			; not reported
	jnz .id
.old_id:
	mov eax, 1
	cpuid
	mov edx, ebx
	shr edx, 24			; 8-bit initial APIC id
.id:
	cmp edx, [r8 + AP_APIC_ID]
	jne .stray
	mov eax, AP_WAITING
	mov ecx, AP_TAKEN
	lock cmpxchg [r8 + AP_STATE], ecx	; pairs with the exchanges in smp_start_cpu()
	jne .stray
	mov rax, [r8 + AP_CR3]
	mov rsp, [r8 + AP_STACK]
	mov rdx, [r8 + AP_GS_BASE]
	mov cr3, rax			; the hypervisor's own tables
	mov rax, rdx
	shr rdx, 32
	mov ecx, MSR_GS_BASE
	wrmsr
	; Segments stay as loaded above: the GDT of the low page is mapped no longer, and the one that
	; trap_init_cpu() loads has the same at these selectors.
	xor ebp, ebp			; backtraces end here
	call smp_ap_main		; never returns
.stray:
	cli
	hlt
	jmp .stray

section .note.GNU-stack noalloc noexec nowrite progbits
