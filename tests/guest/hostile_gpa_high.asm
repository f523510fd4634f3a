; Guest physical addresses up to where page tables can point: those that the CPU has no pins for fault, in the
; others there is nothing.
%include "tests/guest/hostile.inc"

NEW_PDPT equ 0x200000
NEW_PD equ 0x201000
WINDOW equ 0x8000000000			; PML4's second entry

start:
	mov	dword [TABLES + 8], NEW_PDPT | 3
	mov	dword [NEW_PDPT], NEW_PD | 3
	mov	eax, 0x80000008
	cpuid
	movzx	r15d, al		; physical address bits
	mov	r12d, 32
.next:
	mov	eax, 1
	mov	ecx, r12d
	shl	rax, cl
	or	rax, 0x83
	mov	[NEW_PD], rax
	mov	rbx, WINDOW
	invlpg	[rbx]
	cmp	r12d, r15d
	jae	.reserved
	expect	NOTHING, mov rax, [rbx + 0x123]
	cmp	rax, -1
	hold	e
	expect	NOTHING, mov [rbx + 0x1ffff8], rax
	expect	NOTHING, mov byte [rbx], 1
	jmp	.done
.reserved:
	expect	14, mov rax, [rbx]
	expect	14, mov byte [rbx], 1
.done:	inc	r12d
	cmp	r12d, 52
	jb	.next
	jmp	pass
