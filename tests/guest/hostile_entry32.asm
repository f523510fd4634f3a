; State of 32-bit modes that VM entries check, or that has no name: segments without limits, expand-down, of
; other sizes, virtual-8086 mode, PAE paging whose tables have reserved bits set. With an exit in each.
%include "tests/guest/hostile32.inc"

PDPT equ 0x200000
CR0_PG equ 0x80000000

; exit: one that changes no register that counts
%macro exit 0
	xor	eax, eax
	xor	ecx, ecx
	cpuid
%endmacro

start:
	mov	edx, 255		; all data and code segments that there are, in DS and SS
.attr:	mov	[attr], dl
	mov	dword [gdt + FREE], 0xffff
	mov	dword [gdt + FREE + 4], 0x00cf0000
	mov	[gdt + FREE + 5], dl
	mov	ax, FREE
	try	mov es, ax
	try	mov fs, ax
	exit
	mov	ax, FREE
	try	mov gs, ax
	exit
	mov	dl, [attr]
	xor	byte [gdt + FREE + 6], 0x40 ; 16 bits
	mov	ax, FREE
	try	mov ds, ax
	mov	ax, DATA32
	mov	ds, ax
	exit
	mov	ax, FREE
	try	lldt ax
	exit
	mov	ax, 0
	lldt	ax
	movzx	edx, byte [attr]
	dec	edx
	jns	.attr

	mov	ax, DATA32
	mov	es, ax
	mov	fs, ax
	mov	dword [gdt + FREE + 4], 0x00009600 ; expand-down, 16 bits: none below 64 KiB
	mov	ax, FREE
	mov	ss, ax
	exit
	mov	ax, DATA32
	mov	ss, ax

	; Virtual-8086 mode, at any segments
	mov	edi, 0x8000
	mov	dword [edi], 0xf4f4a20f	; CPUID, HLT: which faults
	mov	byte [last], NOTHING
	mov	dword [resume], .v86
	mov	[resume_esp], esp
	push	dword 0xffff		; GS, FS, DS, ES
	push	dword 0x1234
	push	dword 0
	push	dword 0xfedc
	push	dword 0xf000		; SS
	push	dword 0xfffe
	push	dword 0x20002 | 0x3000	; VM, IOPL 3
	push	dword 0x800		; CS
	push	dword 0
	xor	eax, eax
	iretd
.v86:	cmp	byte [last], 13
	hold	e
	test	ebx, ebx		; it was told a vendor
	hold	nz

	; PAE paging: entries of the first table with reserved bits, where the CPU keeps them
	mov	eax, cr4
	or	eax, 0x20
	mov	cr4, eax
	mov	eax, PDPT
	mov	cr3, eax
	xor	eax, eax
	cpuid
	cmp	ebx, 'Auth'		; this maker's CPUs read them when they walk
	je	pass
	mov	dword [PDPT], PDPT + 0x1000 + 0x1e7
	mov	dword [PDPT + 4], 0x7fffffff
	mov	eax, cr0
	or	eax, CR0_PG
	expect	13, mov cr0, eax
	mov	eax, cr0
	test	eax, eax
	hold	ns
	mov	dword [PDPT], PDPT + 0x1001 ; a right one
	mov	dword [PDPT + 4], 0
	mov	dword [PDPT + 0x1000], 0x83
	mov	dword [PDPT + 0x1004], 0
	mov	dword [PDPT + 0x1008], 0x200083
	mov	dword [PDPT + 0x100c], 0
	or	eax, CR0_PG
	expect	NOTHING, mov cr0, eax
	mov	dword [PDPT], PDPT + 0x1fe7 ; wrong again, but not looked at
	exit
	mov	eax, PDPT
	expect	13, mov cr3, eax
	mov	eax, cr0		; looks, where it exits
	xor	eax, 0x40000000		; CD
	expect	13, mov cr0, eax
	mov	eax, cr4
	xor	eax, 0x80		; PGE
	expect	13, mov cr4, eax
	exit
	jmp	pass

attr:	dd	0
