; A task switch by an exception, through a task gate in the IDT.
%include "tests/guest/hostile_task.inc"

start:
	task_ready
	mov	dword [IDT + 6 * 8], TSS_OTHER << 16
	mov	dword [IDT + 6 * 8 + 4], 0x8500
	ud2
	jmp	bad
