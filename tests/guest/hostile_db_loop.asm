; A breakpoint on the stack that #DB itself is delivered on. A CPU that delivers it never gets through.
%include "tests/guest/hostile.inc"

BREAK equ STACK - 64			; somewhere in what is pushed, again and again

start:
	mov	rax, again
	mov	rdi, IDT + 16		; vector 1
	mov	[rdi], ax
	shr	rax, 16
	mov	[rdi + 6], ax
	mov	rax, BREAK
	mov	dr0, rax
	mov	eax, 0xb0701		; DR0: writes, 8 bytes, global and local, exact
	mov	dr7, rax
again:
	mov	rsp, STACK - 48		; the next delivery pushes over the breakpoint, too
	push	rax
	push	rax
	jmp	again
