; Waits, halted, for its power button (ACPI 6.5, 4.8.2.2.1): the SCI, which the MADT describes as a level on
; the IOAPIC's pin 9. Then it says so and switches itself off.
bits 64
org 0x100000

PM1_STS		equ 0x600
PM1_EN		equ 0x602
PM1_CNT		equ 0x604
PWRBTN		equ 1 << 8
S5		equ 0x2000		; SLP_EN, SLP_TYP 0
LAPIC		equ 0xfee00000
LAPIC_EOI	equ 0xb0
LAPIC_SVR	equ 0xf0
IOAPIC		equ 0xfec00000
PIN		equ 9
VECTOR		equ 0x50
LEVEL		equ 1 << 15
IDT		equ 0x200000

	mov	rsp, 0x180000
	mov	rdi, IDT + VECTOR * 16
	mov	rax, sci
	mov	[rdi], ax		; offset 15:0
	mov	word [rdi + 2], 0x10	; code selector
	mov	word [rdi + 4], 0x8e00	; interrupt gate
	shr	rax, 16
	mov	[rdi + 6], ax		; offset 31:16
	mov	qword [rdi + 8], 0
	lidt	[idt_pointer]

	mov	edi, LAPIC
	mov	dword [rdi + LAPIC_SVR], 0x1ff
	mov	edi, IOAPIC
	mov	dword [rdi], 0x11 + 2 * PIN	; where it goes: APIC 0
	mov	dword [rdi + 0x10], 0
	mov	dword [rdi], 0x10 + 2 * PIN
	mov	dword [rdi + 0x10], VECTOR | LEVEL

	mov	dx, PM1_STS
	mov	ax, PWRBTN
	out	dx, ax
	mov	dx, PM1_EN
	out	dx, ax
	mov	rsi, text_waiting
	call	print
sleep:
	sti
	hlt
	cli
	cmp	byte [pressed], 0
	je	sleep
	mov	rsi, text_pressed
	call	print
	mov	dx, PM1_CNT
	mov	ax, S5
	out	dx, ax
hang:
	hlt
	jmp	hang

sci:
	push	rax
	push	rdx
	push	rdi
	mov	dx, PM1_STS
	in	ax, dx
	test	ax, PWRBTN
	jz	.eoi			; not the button: the guest waits on
	mov	ax, PWRBTN
	out	dx, ax			; lets the line go before the EOI
	mov	byte [pressed], 1
.eoi:
	mov	edi, LAPIC
	mov	dword [rdi + LAPIC_EOI], 0
	pop	rdi
	pop	rdx
	pop	rax
	iretq

print:
	mov	dx, 0x3f8
.next:	lodsb
	test	al, al
	jz	.end
	out	dx, al
	jmp	.next
.end:	ret

text_waiting: db "waiting for the button", 10, 0
text_pressed: db "button pressed", 10, 0
pressed: db	0
align 8
idt_pointer:
	dw	256 * 16 - 1
	dq	IDT
