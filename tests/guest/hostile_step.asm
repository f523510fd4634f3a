; Single steps over all that exits or is refused: alone, behind STI and behind MOV SS, and with a breakpoint on
; the instruction. What comes of it is the guest's own matter, but it must come through.
%include "tests/guest/hostile.inc"

; behind FLAGS, PREFIX, INSTRUCTION
%macro behind 3+
	call	registers
	mov	qword [resume], %%after
	mov	rax, %%insn
	mov	dr0, rax
	mov	rax, r15
	mov	dr7, rax
	xor	eax, eax
	push	qword %1
	popfq				; with TF the step comes behind the next instruction
	%2
%%insn:	%3
%%after:
	push	qword 2
	popfq
%endmacro

%macro step 1+
	behind	0x102, , %1
	behind	0x102, {mov ss, r13w}, %1
	behind	2, sti, %1
%endmacro

start:
	mov	al, 0xff		; IF is set now and then: nothing shall come
	out	0x21, al
	out	0xa1, al
	mov	r15d, DR7_OFF
	behind	0x102, , hlt		; the step is what wakes it
	behind	0x102, {mov ss, r13w}, hlt
again:
	step	cpuid
	step	in al, 0x80
	step	in eax, dx
	step	out 0x80, al
	step	out dx, eax
	step	insb
	step	outsb
	step	rep outsb
	step	rep insb
	step	vmmcall
	step	vmcall
	step	rdmsr
	step	wrmsr
	step	xsetbv
	step	xgetbv
	step	mov cr0, rbx
	step	mov rax, cr0
	step	mov cr3, rsi
	step	mov cr4, rdi
	step	mov cr8, rax
	step	clts
	step	smsw ax
	step	mov rax, dr7
	step	mov dr6, rax
	step	int3
	step	db 0xf1			; INT1
	step	int 0x80
	step	int 2
	step	int 9
	step	sti
	step	cli
	step	pause
	step	wbinvd
	step	invd
	step	invlpg [0]
	step	rdtsc
	step	rdtscp
	step	rdpmc
	step	mov eax, [r8 + 0x30]
	step	mov [r8 + 0x300], eax
	step	mov eax, [r9 + 0x10]
	step	mov eax, [r10]
	step	monitor
	step	mwait
	step	rsm
	step	getsec
	step	vmrun
	step	vmload
	step	vmsave
	step	clgi
	step	stgi
	step	skinit
	step	invlpga
	step	vmlaunch
	step	vmresume
	step	vmxoff
	step	vmread rax, rax
	step	vmwrite rax, rax
	step	vmfunc
	step	invpcid rax, [0x1000]
	step	db 0x48, 0x66, 0x0f, 0xa2 ; CPUID behind a REX that does not count
	step	db 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0xa2
	step	db 0xf0, 0x0f, 0xa2	; LOCK CPUID
	step	db 0xf3, 0x0f, 0xa2	; REP CPUID
	step	ud2
	step	swapgs
	step	div ecx
	step	mov rax, [r12]		; not canonical
	step	jmp r12
	cmp	r15d, DR7_OFF
	mov	r15d, DR7_OFF | 2	; the same with a breakpoint
	je	again
	jmp	pass

registers:
	mov	rbx, cr0
	mov	rsi, cr3
	mov	rdi, cr4
	mov	r13w, ss
	mov	r12, 0x0123456789abcdef
	mov	r8d, 0xfee00000
	mov	r9d, 0xfec00000
	mov	r10d, 0xfd000000
	xor	ecx, ecx
	mov	edx, 0x80
	mov	eax, DR7_OFF
	mov	dr7, rax
	ret
