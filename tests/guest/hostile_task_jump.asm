; A task switch by a far jump to a TSS.
%include "tests/guest/hostile_task.inc"

start:
	task_ready
	jmp	TSS_OTHER:0
	jmp	bad
