; Instructions that are not for guests, each with the exception that a CPU without them raises. There are no
; performance counters, so no number of one is right.
%include "tests/guest/hostile.inc"

start:
	mov	eax, 0x1000
	xor	ecx, ecx
	xor	edx, edx
	expect	6, ud2
	expect	6, monitor
	expect	6, mwait
	expect	6, rsm
	expect	6, getsec
	xor	eax, eax
	cpuid
	mov	eax, 0x1000
	cmp	ebx, 'Auth'		; there they are the CPU's own business
	je	.other
	expect	6, vmxon [0x2000]
	expect	6, vmclear [0x2000]
	expect	6, vmptrld [0x2000]
	expect	6, vmptrst [0x2000]
	expect	6, vmread rax, rax
	expect	6, vmwrite rax, rax
	expect	6, vmlaunch
	expect	6, vmresume
	expect	6, vmxoff
	expect	6, vmfunc
	expect	6, invept rax, [0x2000]
	expect	6, invvpid rax, [0x2000]
.other:
	xor	ecx, ecx
	xor	edx, edx
	expect	6, vmrun
	expect	6, vmload
	expect	6, vmsave
	expect	6, clgi
	expect	6, stgi
	expect	6, skinit
	expect	6, invlpga
	expect	6, db 0x0f, 0x01, 0xcf	; ENCLS
	expect	6, db 0x0f, 0x01, 0xc0	; ENCLV
	expect	6, db 0x0f, 0x01, 0xc5	; PCONFIG
	expect	6, db 0x66, 0x0f, 0xae, 0xf1 ; TPAUSE
	expect	6, db 0xf2, 0x0f, 0xae, 0xf1 ; UMWAIT
	expect	6, db 0xf3, 0x0f, 0xae, 0xf1 ; UMONITOR
	expect	6, db 0x0f, 0x01, 0xfd	; RDPRU
	expect	6, db 0xf3, 0x0f, 0x01, 0xfa ; MCOMMIT
	expect	6, db 0x0f, 0x01, 0xfe	; INVLPGB
	expect	6, db 0x0f, 0x01, 0xff	; TLBSYNC
	expect	6, db 0x0f, 0x01, 0xee	; RDPKRU: CR4.PKE is 0
	expect	6, xsetbv		; CR4.OSXSAVE is 0
	expect	6, xgetbv
	expect	6, db 0xf3, 0x0f, 0xc7, 0xf0 ; SENDUIPI
	mov	r12d, 0x40000020	; counters, fixed ones too
.counter:
	mov	ecx, r12d
	expect	13, rdpmc
	dec	r12d
	cmp	r12d, 0x40000000
	jae	.counter
	mov	r12d, 0x20
.old:	mov	ecx, r12d
	expect	13, rdpmc
	dec	r12d
	jns	.old
	expect	NOTHING, wbinvd
	expect	NOTHING, invd
	expect	NOTHING, pause
	expect	NOTHING, clts
	expect	NOTHING, db 0xf3, 0x0f, 0x09 ; WBNOINVD, or WBINVD behind a prefix
	jmp	pass
