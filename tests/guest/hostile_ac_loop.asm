; An alignment check in ring 3 whose handler is in ring 3, too, on a stack that is not aligned: the delivery of
; #AC raises #AC.
%include "tests/guest/hostile32.inc"

start:
	mov	word [IDT + 17 * 8 + 2], FREE | 3 ; #AC stays in ring 3: conforming code
	mov	dword [gdt + FREE], 0x0000ffff
	mov	dword [gdt + FREE + 4], 0x00cf9f00
	mov	eax, again
	mov	[IDT + 17 * 8], ax
	shr	eax, 16
	mov	[IDT + 17 * 8 + 6], ax
	mov	eax, cr0
	or	eax, 0x40000		; AM
	mov	cr0, eax
	push	dword USER_DATA
	push	dword USER_STACK - 2
	push	dword 0x40002		; AC
	push	dword USER_CODE
	push	dword again
	iretd
again:
	mov	esp, USER_STACK - 2
	push	eax
	jmp	again
