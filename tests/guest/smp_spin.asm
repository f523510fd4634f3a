; All vCPUs spin with interrupts off, once all are there: "spinning".
%include "tests/guest/bare.inc"
%include "tests/guest/smp.inc"

main:
	cli
	mov	rsp, STACK
	call	install_handlers
	call	enable_x2apic
	call	copy_trampoline
	call	count_cpus
	dec	eax
	mov	[others], eax
	send	0, ICR_OTHERS | ICR_INIT
	send	0, ICR_OTHERS | ICR_SIPI | TRAMPOLINE >> 12
wait_all:
	pause
	mov	eax, [alive]
	cmp	eax, [others]
	jne	wait_all
	mov	rsi, text_ok
	call	print
spin:	jmp	spin

ap_main:
	lock inc dword [alive]
	jmp	spin

%include "tests/guest/cpu.inc"

align 4
alive:	dd	0
others:	dd	0
text_ok:
	db	"spinning", 10, 0
text_bad:
	db	"spinning BAD", 0
