; What CPUID shows: nothing beyond the features that are handled, nothing in leaves that are not offered.
; Prints "shown ok", or "shown BAD n" with the number of the row, and switches itself off.
bits 64
org 0x100000

EAX_	equ 0
EBX_	equ 4
ECX_	equ 8
EDX_	equ 12

	mov	rsp, 0x1f0000
	mov	rsi, rows
	xor	r12d, r12d		; row
next_row:
	mov	eax, [rsi]
	cmp	eax, -1
	je	good
	mov	ecx, [rsi + 4]
	cpuid
	mov	[answer + EAX_], eax
	mov	[answer + EBX_], ebx
	mov	[answer + ECX_], ecx
	mov	[answer + EDX_], edx
	mov	r8d, [rsi + 8]		; which register
	mov	eax, [answer + r8]
	mov	ecx, [rsi + 12]		; what may be there
	not	ecx
	test	eax, ecx
	jnz	bad
	mov	ecx, [rsi + 16]		; what must be there
	and	eax, ecx
	cmp	eax, ecx
	jne	bad
	add	rsi, 20
	inc	r12d
	jmp	next_row

good:
	mov	rsi, ok_text
	call	print
off:
	mov	dx, 0x604		; PM1a control: S5
	mov	ax, 0x2000
	out	dx, ax
	hlt
	jmp	off
bad:
	mov	rsi, bad_text
	call	print
	mov	al, r12b
	add	al, 'A'
	out	dx, al
	mov	al, 10
	out	dx, al
	jmp	off

print:
	mov	dx, 0x3f8
.next:
	lodsb
	test	al, al
	jz	.done
	out	dx, al
	jmp	.next
.done:
	ret

ok_text: db	"shown ok", 10, 0
bad_text: db	"shown BAD ", 0
align 8
answer:	dd	0, 0, 0, 0

%macro row 5				; leaf, sub-leaf, register, may, must
	dd	%1, %2, %3, %4, %5
%endmacro
%macro nothing 2			; leaf, sub-leaf
	row	%1, %2, EAX_, 0, 0
	row	%1, %2, EBX_, 0, 0
	row	%1, %2, ECX_, 0, 0
	row	%1, %2, EDX_, 0, 0
%endmacro

rows:
	; no VMX, SMX, MONITOR, PDCM, DCA; x2APIC, TSC-deadline and "hypervisor" always
	row	1, 0, ECX_, 0xfffa3203, 0x81200000
	; no debug store, thermal control
	row	1, 0, EDX_, 0x178bfbff, 0x078bbb7f & ~0x20002
	; no SGX, TSX, MPX, AVX-512, PT; no PKU, CET, LA57, WAITPKG; no AMX
	row	7, 0, EBX_, 0x219c07ab, 0x2
	row	7, 0, ECX_, 0x00400704, 0
	row	7, 0, EDX_, 0xbc000410, 0
	nothing	7, 1
	row	7, 2, EDX_, 0x3f, 0
	nothing	7, 3
	row	0xd, 0, EAX_, 7, 0	; x87, SSE, AVX
	row	0xd, 1, EAX_, 7, 0	; no XSAVES, so no supervisor states
	row	0xd, 1, ECX_, 0, 0
	nothing	0xd, 9			; PKRU
	; no SVM, IBS, SKINIT, MWAITX
	row	0x80000001, 0, ECX_, 0x000001e1, 0
	row	0x80000001, 0, EDX_, 0x2fdbfbff, 0x20100800
	row	0x80000007, 0, EDX_, 0x100, 0
	row	0x80000008, 0, EBX_, 0x750fd005, 0
	nothing	2, 0
	nothing	5, 0			; MONITOR
	nothing	0xa, 0			; performance counters
	nothing	0xf, 0			; cache monitoring
	nothing	0x10, 0
	nothing	0x12, 0			; SGX
	nothing	0x14, 0			; PT
	nothing	0x1d, 0			; AMX
	; KVM's features: no asynchronous page faults, PV EOI, page-table operations; IPIs where they are exits else
	row	0x40000001, 0, EAX_, 0x01003aab, 0x010032ab
	row	0x40000001, 0, EBX_, 0, 0
	row	0x40000001, 0, ECX_, 0, 0
	row	0x40000001, 0, EDX_, 0, 0
	nothing	0x40000002, 0
	nothing	0x8000000a, 0		; SVM's features
	nothing	0x8000001b, 0		; IBS
	nothing	0x8000001f, 0		; SEV
	row	0x80000021, 0, EAX_, 0x78000165, 0
	nothing	0x80000022, 0
	dd	-1
