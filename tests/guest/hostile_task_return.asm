; A task switch by IRET with NT set, to a task that virtual-8086 mode waits in with a TSS of junk.
%include "tests/guest/hostile_task.inc"

start:
	mov	edi, tss_other		; anything, virtual-8086 mode among it
	mov	ecx, 104 / 4
	mov	eax, 0x7fffffff
	rep stosd
	mov	word [tss_main], TSS_OTHER ; the link back
	mov	byte [gdt + TSS_OTHER + 5], 0x8b ; busy
	push	dword 0x4002		; NT
	popfd
	try	iretd
	jmp	pass
