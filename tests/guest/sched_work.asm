; vCPUs that always have work, in items: some steps by themselves and, where LOCK says so, some while they hold a lock that
; all of them want. When its TSC has come to SETTLE the guest counts for WINDOW ticks, then says in hexadecimal how many
; items all vCPUs did and in how many ticks, and goes on working. tools/measure/sched.py sets the numbers.
%include "tests/guest/bare.inc"

LOCK_NONE	equ 0
LOCK_ANY	equ 1			; whoever comes first: as Linux's on a hypervisor without paravirtual ones
LOCK_TICKET	equ 2			; in turn
LOCK_PV		equ 3			; whoever comes first; who has spun for a while halts until it is kicked
SPINS		equ 512
HC_KICK		equ 5

	jmp	near main
	align 8
lock_kind:
	dd	LOCK_NONE		; at byte 8, as the others behind it
inside:	dd	500			; steps with the lock, of two instructions
outside:
	dd	1500			; and without
gap:	dd	0			; other than 0: it begins and ends where vCPU 0 comes back after so many ticks
settle:	dq	20000000
window:	dq	50000000
%include "tests/guest/smp.inc"

; spend STEPS: of two instructions. Changes ECX.
%macro spend 1
	mov	ecx, %1
%%next:	dec	ecx
	jnz	%%next
%endmacro

; RAX: the TSC. Changes RDX.
%macro tsc 0
	rdtsc
	shl	rdx, 32
	or	rax, rdx
%endmacro

main:
	cli
	mov	rsp, STACK
	call	install_handlers
	call	enable_x2apic
	call	copy_trampoline
	xor	eax, eax
	cpuid
	cmp	ebx, 'Auth'
	je	.amd
	mov	byte [call_insn + 2], 0xc1	; VMCALL, not VMMCALL
.amd:
	call	count_cpus
	mov	[cpus], eax
	dec	eax
	jz	.alone
	send	0, ICR_OTHERS | ICR_INIT
	send	0, ICR_OTHERS | ICR_SIPI | TRAMPOLINE >> 12
.alone:
	xor	edi, edi
	mov	r12, [settle]
	call	until
	mov	r13, rax		; it begins
	call	sum
	mov	r14, rbp
	mov	r12, r13
	add	r12, [window]
	call	until
	sub	rax, r13
	mov	r13, rax
	call	sum
	sub	rbp, r14
	mov	rsi, text_items
	call	print
	mov	rax, rbp
	call	print_number
	mov	rax, r13
	call	print_number
	mov	rsi, text_ok
	call	print
	xor	edi, edi
ap_main:
	call	item
	jmp	ap_main

; Works until the TSC is R12 and, where there is a gap, one has just been. RAX: the TSC. Changes R15 and what an item does.
until:
	tsc
.next:
	mov	r15, rax
	call	item
	tsc
	cmp	rax, r12
	jb	.next
	mov	rcx, rax
	sub	rcx, r15
	mov	edx, [gap]
	cmp	rcx, rdx
	jb	.next
	ret

; RBP: the items of all. Changes RAX and RCX.
sum:
	xor	ebp, ebp
	xor	ecx, ecx
.next:
	mov	eax, ecx
	shl	eax, 6
	add	rbp, [counts + rax]
	inc	ecx
	cmp	ecx, [cpus]
	jne	.next
	ret

; One item of vCPU EDI. Changes RAX, RBX, RCX and R8.
item:
	spend	[outside]
	mov	eax, [lock_kind]
	cmp	eax, LOCK_ANY
	je	.any
	cmp	eax, LOCK_TICKET
	je	.ticket
	ja	.pv
	spend	[inside]
	jmp	.done
.any:
	lock bts dword [lock_word], 0
	jnc	.any_mine
.any_spin:
	pause
	test	dword [lock_word], 1
	jnz	.any_spin
	jmp	.any
.any_mine:
	spend	[inside]
	mov	dword [lock_word], 0
	jmp	.done
.ticket:
	mov	r8d, 1
	lock xadd [next_ticket], r8d
.ticket_spin:
	cmp	[lock_word], r8d
	je	.ticket_mine
	pause
	jmp	.ticket_spin
.ticket_mine:
	spend	[inside]
	inc	dword [lock_word]
	jmp	.done
.pv:
	mov	ecx, SPINS
.pv_spin:
	lock bts dword [lock_word], 0
	jnc	.pv_mine
	pause
	dec	ecx
	jnz	.pv_spin
	lock bts [waiting], edi
	lock bts dword [lock_word], 0
	jnc	.pv_after_all
	hlt				; interrupts are off: a kick alone ends it
	jmp	.pv
.pv_after_all:
	lock btr [waiting], edi
.pv_mine:
	spend	[inside]
	mov	dword [lock_word], 0
	mfence
	mov	ecx, [waiting]
	bsf	ecx, ecx
	jz	.done
	lock btr [waiting], ecx
	jnc	.done			; it has come by itself
	xor	ebx, ebx
	mov	eax, HC_KICK
	call	call_insn
.done:
	mov	eax, edi
	shl	eax, 6
	inc	qword [counts + rax]
	ret

call_insn:
	vmmcall
	ret

%include "tests/guest/cpu.inc"

align 64
waiting:
	dd	0			; a bit for each vCPU that halts, or is about to
align 64
lock_word:
	dd	0
align 64
next_ticket:
	dd	0
align 64
counts:	times MAX_CPUS * 8 dq 0
cpus:	dd	0
text_items:
	db	"items", 0
text_ok:
	db	10, 0
text_bad:
	db	"BAD", 0
