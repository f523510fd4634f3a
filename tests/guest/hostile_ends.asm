; Takes one letter from its serial port and does the one bad thing that the letter stands for; most are the
; guest's end. vm/selftest_hostile.c says which.
%include "tests/guest/hostile.inc"

NOWHERE equ 0xd0000000			; mapped, neither RAM nor device
LAPIC equ 0xfee00000
IOAPIC equ 0xfec00000

start:
	mov	dx, COM1 + 5		; line status
.wait:	in	al, dx
	test	al, 1
	jz	.wait
	mov	dx, COM1
	in	al, dx
	sub	al, 'a'
	movzx	eax, al
	jmp	[table + rax * 8]

align 8
table:
	dq	code_device, code_nowhere, tables_device, tables_nowhere, idt_device, idt_nowhere
	dq	stack_device, gdt_device, locked, string_device, string_border, string_forever
	dq	halted, timers, ipis, nmis, output, past, ports, device_memory, no_idt, stack_gone
	dq	rex

code_device:				; a
	mov	eax, LAPIC
	jmp	rax
code_nowhere:				; b
	mov	eax, NOWHERE
	jmp	rax
tables_device:				; c
	mov	eax, IOAPIC
	mov	cr3, rax
	jmp	power_off
tables_nowhere:				; d
	mov	eax, NOWHERE
	mov	cr3, rax
	jmp	power_off
idt_device:				; e
	mov	dword [idt_pointer + 2], LAPIC
	lidt	[idt_pointer]
	int3
	jmp	power_off
idt_nowhere:				; f
	mov	rax, 0x7fff00000000
	mov	[idt_pointer + 2], rax
	lidt	[idt_pointer]
	int3
	jmp	power_off
stack_device:				; g
	mov	esp, LAPIC + 0x400
	int3
	jmp	power_off
gdt_device:				; h
	mov	dword [idt_pointer + 2], IOAPIC
	lgdt	[idt_pointer]
	mov	ax, DATA
	mov	ds, ax
	jmp	power_off
locked:					; i
	mov	ebx, LAPIC
	lock xadd [rbx + 0x80], eax
	jmp	power_off
string_device:				; j
	mov	edi, LAPIC
	mov	esi, IOAPIC
	mov	ecx, 0x1000
	mov	dx, 0x80
	rep insb
	mov	ecx, 0x400
	rep outsd
	jmp	power_off
string_border:				; k: from a page's end to where nothing is mapped
	mov	qword [0x9018], 0	; the loader's tables: no fourth GiB, no upper half of the second
	mov	qword [0xa018], 0
	mov	rax, cr3
	mov	cr3, rax
	mov	edi, 0xc0000000 - 3
	mov	ecx, 0x100
	mov	edx, 0x80
	try	rep insb
	mov	edi, 0xc0000000 - 3
	try	rep insd
	mov	esi, 0xc0000000 - 1
	try	rep outsd
	jmp	power_off
string_forever:				; l
	mov	rcx, -1
	mov	edx, 0x80
	mov	esi, 0x100000
	rep outsb
	jmp	power_off
halted:					; m
	cli
	hlt
	jmp	halted
timers:					; n: all of them, as fast as they go
	mov	qword [resume], .loop	; the PIC's vectors are still those of exceptions
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	dword [rax + 0x3e0], 0xb ; by 1
	mov	dword [rax + 0x320], 0x20040 ; periodic
	mov	dword [rax + 0x350], 0x700 ; LINT0: the PIC
	mov	dword [rax + 0x380], 1
	mov	al, 0x34		; PIT: mode 2, count 2
	out	0x43, al
	mov	al, 2
	out	0x40, al
	xor	al, al
	out	0x40, al
	out	0x21, al
	out	0xa1, al
	mov	al, 0x0a		; RTC: 122 us, all interrupts
	out	0x70, al
	mov	al, 0x21
	out	0x71, al
	mov	al, 0x0b
	out	0x70, al
	mov	al, 0x72
	out	0x71, al
	sti
.loop:	mov	al, 0x0c
	out	0x70, al
	in	al, 0x71
	jmp	.loop
ipis:					; o: to itself, also those that are none
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	dword [rax + 0x370], 3	; error interrupt: no legal vector
	sti
.loop:	call	random
	mov	ecx, eax
	and	ecx, 0xcfbff
	or	ecx, 0x20		; no exceptions
	mov	eax, LAPIC
	mov	dword [rax + 0x310], 0
	mov	[rax + 0x300], ecx
	mov	dword [rax + 0xb0], 0
	jmp	.loop
nmis:					; p
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
.loop:	mov	dword [rax + 0x300], 0x40400
	jmp	.loop
output:					; q
	mov	edx, COM1
.loop:	inc	eax
	out	dx, al
	jmp	.loop
past:					; r: deadlines that are long over, and ones that never come
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	dword [rax + 0x320], 0x40040 ; TSC deadline
	sti
.loop:	mov	ecx, 0x3b		; TSC_ADJUST
	call	random
	mov	rdx, rax
	shr	rdx, 32
	wrmsr
	mov	ecx, 0x6e0
	mov	eax, 1
	xor	edx, edx
	wrmsr
	mov	eax, -1
	mov	edx, eax
	wrmsr
	call	random
	mov	rdx, rax
	shr	rdx, 32
	wrmsr
	jmp	.loop
ports:					; s: any value to any port, but for those that end it
	mov	r13d, 500
.next:	call	random
	mov	edx, eax
	and	edx, 0xfff
	mov	ebx, edx		; not 0x5f0 to 0x60f, 0x60 to 0x67, 0x90 to 0x97, 0xcf0 to 0xcff
	and	ebx, 0xff0
	cmp	ebx, 0x5f0
	je	.read
	cmp	ebx, 0x600
	je	.read
	cmp	ebx, 0x060
	je	.read
	cmp	ebx, 0x050
	je	.read
	cmp	ebx, 0x080
	je	.read
	cmp	ebx, 0x090
	je	.read
	cmp	ebx, 0xcf0
	je	.read
	call	random
	out	dx, al
	out	dx, ax
	out	dx, eax
.read:	in	al, dx
	in	ax, dx
	in	eax, dx
	dec	r13d
	jnz	.next
	jmp	power_off
device_memory:				; t: any access to the pages of both APICs and behind them
	mov	r13d, 500
.next:	call	random
	mov	ebx, IOAPIC
	test	eax, 0x10000
	jz	.have
	mov	ebx, LAPIC
.have:	and	eax, 0x1fff
	add	ebx, eax
	call	random
	mov	[rbx], al
	mov	[rbx], ax
	mov	[rbx], eax
	mov	[rbx], rax
	and	ebx, ~15
	mov	[rbx], eax
	mov	r8d, IOAPIC
	mov	[r8], ebx
	mov	[r8 + 0x10], eax
	movzx	ecx, byte [rbx]
	movsx	rcx, word [rbx]
	mov	rcx, [rbx]
	mov	eax, [rbx]
	dec	r13d
	jnz	.next
	jmp	power_off
no_idt:					; u
	mov	word [idt_pointer], 0
	lidt	[idt_pointer]
	int	0x80
	jmp	power_off
stack_gone:				; v
	mov	rsp, 0x800000000000	; not canonical
	push	rax
	jmp	power_off
rex:					; w: instructions that exit, behind prefixes that do not count
	db	0x48, 0x66, 0x0f, 0xa2	; CPUID
	mov	esi, IDT
	mov	edx, 0x80
	db	0x4c, 0xf2, 0x6e	; OUTSB
	mov	ebx, LAPIC + 0x30
	db	0x49, 0x3e, 0x8b, 0x03	; MOV EAX, [RBX]
	jmp	power_off
