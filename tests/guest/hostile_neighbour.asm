; Beside hostile guests: sums up its memory, slice by slice, looks at its registers and whether its timer goes
; on, and writes a letter for each slice: "." when all is as it left it; "m", "r" or "t" for memory,
; registers or timer.
%include "tests/guest/hostile.inc"

AREA equ 0x200000
AREA_END equ 0x600000			; 6 MiB
SLICE equ 0x8000			; vm/selftest_hostile.c knows how many there are
VALUE equ 0x0fedcba987654321
TICK equ 0x40				; vector
TICK_COUNT equ 25000			; of 40 ns: 1 ms

start:
	mov	rax, cr4
	or	eax, 0x600		; OSFXSR, OSXMMEXCPT
	mov	cr4, rax
	mov	eax, LAPIC
	mov	dword [rax + 0xf0], 0x1ff
	mov	dword [rax + 0x3e0], 0xb ; by 1
	mov	dword [rax + 0x320], 0x20000 | TICK ; periodic
	mov	dword [rax + 0x380], TICK_COUNT
	mov	edi, AREA
	mov	ecx, (AREA_END - AREA) / 8
	mov	rax, VALUE
	mov	rdx, rax
.fill:	stosq				; each word another
	add	rax, rdx
	loop	.fill
	mov	rax, VALUE
	movq	xmm0, rax
	movq	xmm15, rax
	mov	dr0, rax
	mov	dr3, rax
	mov	cr2, rax
	mov	rbp, rax
	mov	r8, rax
	mov	r15, rax
	sti
pass_begins:
	mov	esi, AREA
	mov	r12, VALUE		; what is at RSI
	mov	r13d, [seen + TICK * 4]
slice:
	mov	ecx, SLICE / 8 / 4
	xor	ebx, ebx
.word:	mov	rax, [rsi]		; all differences from what it should be
	xor	rax, r12
	or	rbx, rax
	add	r12, rbp
	mov	rax, [rsi + 8]
	xor	rax, r12
	or	rbx, rax
	add	r12, rbp
	mov	rax, [rsi + 16]
	xor	rax, r12
	or	rbx, rax
	add	r12, rbp
	mov	rax, [rsi + 24]
	xor	rax, r12
	or	rbx, rax
	add	r12, rbp
	add	esi, 32
	dec	ecx
	jnz	.word
	mov	r11b, 'm'
	test	rbx, rbx
	jnz	.say
	mov	r11b, 'r'
	movq	rcx, xmm0
	cmp	rcx, rbp
	jne	.say
	movq	rcx, xmm15
	cmp	rcx, rbp
	jne	.say
	mov	rcx, dr0
	cmp	rcx, rbp
	jne	.say
	mov	rcx, dr3
	cmp	rcx, rbp
	jne	.say
	mov	rcx, cr2
	cmp	rcx, rbp
	jne	.say
	cmp	r8, rbp
	jne	.say
	cmp	r15, rbp
	jne	.say
	mov	rcx, VALUE
	cmp	rcx, rbp
	jne	.say
	mov	r11b, '.'
	cmp	esi, AREA_END
	jb	.say
	cmp	r13d, [seen + TICK * 4]	; in a whole pass there was a tick
	jne	.say
	mov	r11b, 't'
.say:	mov	al, r11b
	mov	edx, COM1
	out	dx, al
	cmp	esi, AREA_END
	jb	slice
	jmp	pass_begins
