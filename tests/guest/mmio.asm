; Every kind of instruction that Plinth emulates, on registers of devices: the local APIC's initial count, 32 bits
; that can be written and read while the timer is masked, and the I/O APIC. Compares with what the same
; instruction does to memory, in 64-, 32- and 16-bit code. Prints "mmio ok", or "mmio BAD n" with the number
; of the check, and switches itself off.
%include "tests/guest/bare.inc"

MSR_GS_BASE	equ 0xc0000101
APIC		equ 0xfee00000
APIC_VERSION	equ APIC + 0x30
APIC_SVR	equ APIC + 0xf0
APIC_LVT_TIMER	equ APIC + 0x320
DEV		equ APIC + 0x380	; the initial count
MASKED		equ 1 << 16
IOREGSEL	equ 0xfec00000
IOWIN		equ 0xfec00010
IO_DEST		equ 0x11		; redirection entry 0, upper half: bits 31 to 24 can be written
RAM_END		equ 32 << 20
CF		equ 1
ZF		equ 0x40
TF		equ 0x100
STATUS		equ 0x8d5		; OF SF ZF AF PF CF
START		equ 0x89abcdef

; The instruction, whose memory operand is [rdi], on memory and on the device from the same state: the same
; results and flags. RBX, RAX and RDX are operands; R14 and R15 hold what it began with.
%macro same 1+
	mov	dword [memory], START
	mov	rdi, memory
	call	load_state
	%1
	call	save_state
	mov	edi, DEV
	mov	dword [rdi], START
	call	load_state
	%1
	call	compare_state
%endmacro

origin:
	cli
	mov	rsp, STACK
	call	install_handlers
	mov	ecx, MSR_APIC_BASE
	rdmsr
	or	eax, 0x800		; on, in xAPIC mode
	wrmsr
	mov	edi, APIC_SVR
	mov	dword [rdi], 0x1ff
	mov	edi, APIC_LVT_TIMER
	mov	dword [rdi], MASKED | VECTOR

; --- moves ------------------------------------------------------------------------------------------
	check 1
	mov	edi, DEV
	mov	dword [rdi], START
	mov	eax, [rdi]
	cmp	eax, START
	jne	bad
	movzx	rax, word [rdi]
	cmp	rax, 0xcdef
	jne	bad
	movsx	rax, word [rdi]
	cmp	rax, -0x3211
	jne	bad
	movsxd	rax, dword [rdi]
	mov	rbx, -0x76543211
	cmp	rax, rbx
	jne	bad
	xor	eax, eax
	mov	ah, [rdi + 1]
	cmp	eax, 0xcd00
	jne	bad
	movbe	eax, [rdi]
	cmp	eax, 0xefcdab89
	jne	bad
	movnti	[rdi], eax
	cmp	[rdi], eax
	jne	bad

; --- arithmetic and logic ---------------------------------------------------------------------------
	mov	r14, 0x0123456789abcdef
	mov	r15d, CF
	check 10
	same	add [rdi], ebx
	check 11
	same	adc [rdi], ebx
	check 12
	same	sub dword [rdi], 0x77
	check 13
	same	sbb dword [rdi], 0x12345678
	check 14
	same	and [rdi], ebx
	check 15
	same	or dword [rdi], 0x40
	check 16
	same	xor [rdi], ebx
	check 17
	same	cmp [rdi], ebx
	check 18
	same	cmp ebx, [rdi]
	check 19
	same	add ebx, [rdi]
	check 20
	same	test [rdi], ebx
	check 21
	same	test dword [rdi], 0x80000000
	check 22
	same	inc dword [rdi]
	check 23
	same	dec dword [rdi]
	check 24
	same	not dword [rdi]
	check 25
	same	neg dword [rdi]
	check 26
	same	lock add [rdi], ebx
	check 27
	same	lock dec dword [rdi]

; --- exchanges and bits -----------------------------------------------------------------------------
	check 30
	same	xchg [rdi], ebx
	check 31
	same	lock xadd [rdi], ebx
	check 32			; EAX is what is there
	mov	r14, START
	same	lock cmpxchg [rdi], edx
	check 33			; it is not
	mov	r14, 0x0123456789abcd00
	same	cmpxchg [rdi], edx
	check 34
	mov	r14d, 31
	same	lock bts [rdi], ebx
	check 35
	same	btr [rdi], ebx
	check 36
	same	btc dword [rdi], 4
	check 37
	same	bt [rdi], ebx
	check 38			; 64 bytes further down
	mov	edi, DEV + 64
	mov	dword [rdi - 64], 0
	mov	rbx, -512 + 5
	bts	dword [rdi], ebx
	jc	bad
	cmp	dword [rdi - 64], 1 << 5
	jne	bad
	check 39			; push and pop, which use memory beside
	mov	edi, DEV
	mov	dword [rdi], START
	push	qword [rdi]
	pop	rax
	cmp	eax, START
	jne	bad
	push	word [rdi]
	pop	ax
	cmp	ax, START & 0xffff
	jne	bad

; --- addresses --------------------------------------------------------------------------------------
	check 40			; GS, an index, 32-bit addresses
	write_msr MSR_GS_BASE, 0, APIC
	mov	edi, DEV
	mov	dword [rdi], 7
	add	dword [gs:0x380], 8
	mov	ebx, 0x70
	mov	esi, APIC
	add	dword [rsi + rbx * 8], 16
	mov	rsi, 0xffffffff00000000 + DEV
	inc	dword [esi]
	cmp	dword [rdi], 32
	jne	bad
	check 41			; relative to RIP; nobody is there: ones
	mov	eax, 5
	xadd	[rel origin + RAM_END - 0x100000], eax
	jnc	bad
	cmp	eax, -1
	jne	bad
	check 42			; the last two bytes of memory and two of nobody's
	mov	edi, RAM_END - 2
	mov	dword [rdi], 0x44332211
	cmp	word [rdi], 0x2211
	jne	bad
	cmp	dword [rdi], 0xffff2211
	jne	bad
	add	dword [rdi], 0x11
	cmp	word [rdi], 0x2222
	jne	bad
	check 43			; over a page's end, from nobody's to the I/O APIC's
	mov	esi, IOREGSEL
	mov	dword [rsi], 0
	mov	rax, [rsi - 4]		; its half is a register of 32 bits
	mov	rbx, 0x00000000ffffffff
	cmp	rax, rbx
	jne	bad

; --- string instructions ----------------------------------------------------------------------------
	check 50			; out of memory into a register
	mov	esi, IOREGSEL
	mov	dword [rsi], IO_DEST
	mov	dword [memory], 0x5a000000
	mov	rsi, memory
	mov	edi, IOWIN
	movsd
	cmp	dword [rdi - 4], 0x5a000000
	jne	bad
	check 51			; the other way, byte by byte
	mov	esi, APIC_VERSION
	mov	eax, [rsi]
	mov	rdi, memory
	mov	ecx, 4
	rep movsb
	test	ecx, ecx
	jnz	bad
	cmp	[memory], eax
	jne	bad
	cmp	rdi, memory + 4
	jne	bad
	check 52			; more than one share of a REP
	mov	edi, IOWIN
	mov	eax, 0x21000000
	mov	ecx, 300
	rep stosd
	test	ecx, ecx
	jnz	bad
	cmp	edi, IOWIN + 1200
	jne	bad
	mov	edi, IOWIN
	cmp	[rdi], eax
	jne	bad
	check 53			; downwards
	std
	mov	edi, IOWIN + 20 * 4
	mov	eax, 0x43000000
	mov	ecx, 21
	rep stosd
	cld
	mov	edi, IOWIN
	cmp	[rdi], eax
	jne	bad
	check 54
	mov	esi, IOWIN
	mov	rax, 0x1111111122222222
	lodsd
	cmp	rax, 0x43000000
	jne	bad
	mov	edi, IOWIN
	mov	ecx, 10
	repe scasd			; only the first one is the same
	cmp	ecx, 8
	jne	bad
	mov	dword [memory], 0x43000000
	mov	rsi, memory
	mov	edi, IOWIN
	cmpsd
	jne	bad
	check 55			; single steps: one trap an iteration
	mov	dword [steps], 0
	mov	edi, IOWIN
	mov	ecx, 3
	pushfq
	or	qword [rsp], TF
	popfq
.steps:	rep stosd
	pushfq
	and	qword [rsp], ~TF
	popfq
	cmp	dword [steps], 6	; POPFQ's own is not one; PUSHFQ, AND and POPFQ are
	jne	bad
	mov	rax, .steps
	cmp	[step_rips], rax
	jne	bad
	cmp	[step_rips + 8], rax
	jne	bad
	add	rax, 2
	cmp	[step_rips + 16], rax
	jne	bad

; --- 32- and 16-bit code ----------------------------------------------------------------------------
	check 70
	lgdt	[gdt_pointer]
	jmp	dword far [to_32]
bits 32
code_32:
	mov	ax, 0x18
	mov	ds, ax
	mov	es, ax
	mov	ss, ax
	mov	dword [DEV], 0x100
	add	dword [DEV], 0x23
	mov	ebx, 0x1000
	lock xadd [DEV], ebx
	cmp	ebx, 0x123
	jne	bad_32
	xchg	ebx, [DEV]
	cmp	ebx, 0x1123
	jne	bad_32
	mov	edi, DEV
	mov	eax, 0x456
	stosd
	cmp	dword [DEV], 0x456
	jne	bad_32
	mov	dword [current], 71
	mov	ax, 0x30		; based at the APIC
	mov	ds, ax
	jmp	0x28:(code_16 - 0x100000)
bad_32:
	jmp	CODE_SELECTOR:bad
bits 16
code_16:
	mov	dword [0x380], 0x10000
	inc	dword [0x380]
	mov	bx, 0x300
	mov	si, 0x80
	sub	dword [bx + si], byte 2
	mov	eax, [bx + si]
	cmp	eax, 0xffff
	jne	.bad
	mov	cx, 0x4321
	mov	[bx + si], cx		; 16 bits: no register has them, nothing is written
	cmp	dword [bx + si], 0xffff
	jne	.bad
	mov	ax, 0x30
	mov	es, ax
	mov	di, 0x380
	mov	eax, 0x777
	mov	cx, 1
	rep stosd
	cmp	di, 0x384
	jne	.bad
	cmp	dword [0x380], 0x777
	jne	.bad
	jmp	dword CODE_SELECTOR:pass
.bad:	jmp	dword CODE_SELECTOR:bad

bits 64

; The operands and flags that an instruction begins with: RAX, RBX, R14's; flags, R15's.
load_state:
	mov	rax, r14
	mov	rbx, r14
	mov	edx, 0x13579bdf
	push	r15
	popfq
	ret

save_state:				; what it did to memory
	pushfq
	pop	qword [saved_flags]
	and	qword [saved_flags], STATUS
	mov	[saved_rax], rax
	mov	[saved_rbx], rbx
	ret

compare_state:				; what it did to the device
	pushfq
	pop	rcx
	and	ecx, STATUS
	cmp	rcx, [saved_flags]
	jne	bad
	cmp	rax, [saved_rax]
	jne	bad
	cmp	rbx, [saved_rbx]
	jne	bad
	mov	eax, [rdi]
	cmp	eax, [memory]
	jne	bad
	ret

%include "tests/guest/cpu.inc"

align 8
gdt:	dq	0
	dq	0
	dq	0x00af9b000000ffff	; 10: 64-bit code
	dq	0x00cf93000000ffff	; 18: data
	dq	0x00cf9b000000ffff	; 20: 32-bit code
	dq	0x00009b100000ffff	; 28: 16-bit code at 100000H
	dq	0xfe0093e00000ffff	; 30: data at the APIC
gdt_pointer:
	dw	gdt_pointer - gdt - 1
	dq	gdt
to_32:	dd	code_32
	dw	0x20

align 8
memory:	dq	0
saved_flags: dq	0
saved_rax: dq	0
saved_rbx: dq	0
text_ok: db	"mmio ok", 10, 0
text_bad: db	"mmio BAD", 0
