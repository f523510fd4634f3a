; Accesses across the borders of pages and regions: what lies in RAM is read and written, the rest is not
; there.
%include "tests/guest/hostile.inc"

start:
	mov	rbx, RAM_END - 4
	mov	dword [rbx], 0x12345678
	mov	rax, [rbx]		; RAM, then nothing
	mov	rdx, 0xffffffff12345678
	cmp	rax, rdx
	hold	e
	mov	rax, 0x1122334455667788
	mov	[rbx], rax
	cmp	dword [rbx], 0x55667788
	hold	e
	mov	ax, [rbx + 3]
	cmp	ax, 0xff55
	hold	e
	mov	word [rbx + 3], 0x6699
	cmp	dword [rbx], 0x99667788
	hold	e
	mov	ebx, IOAPIC - 4		; nothing, then the I/O APIC
	mov	rax, [rbx]
	cmp	eax, -1
	hold	e
	mov	[rbx], rax
	mov	ebx, IOAPIC + 0xffd	; the other way
	mov	rax, [rbx]
	mov	[rbx], rax
	movzx	eax, word [rbx + 2]
	mov	ebx, LAPIC - 2		; nothing, then the local APIC
	mov	rax, [rbx]
	cmp	ax, -1
	hold	e
	mov	[rbx], eax
	mov	ebx, LAPIC + 0xffc
	mov	rax, [rbx]
	mov	[rbx], rax
	mov	rbx, 0xfffffffc		; to where nothing is mapped
	expect	14, mov rax, [rbx]
	mov	rax, cr2
	mov	rcx, 0x100000000
	cmp	rax, rcx
	hold	e
	expect	14, mov [rbx], rcx
	mov	rax, cr2
	cmp	rax, rcx
	hold	e
	jmp	pass
