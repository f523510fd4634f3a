; An instruction that exits at the end of the canonical addresses' lower half: what is next has none.
%include "tests/guest/hostile.inc"

EDGE equ 0x800000000000
NEW_PDPT equ 0x200000
NEW_PD equ 0x201000
NEW_CODE equ 0x202000

start:
	mov	dword [TABLES + 255 * 8], NEW_PDPT | 3
	mov	dword [NEW_PDPT + 511 * 8], NEW_PD | 3
	mov	dword [NEW_PD + 511 * 8], 0x200000 | 0x83 ; the last 2 MiB: this guest's second
	mov	word [RAM_END - 2], 0xa20f ; CPUID
	mov	rbx, EDGE - 2
	xor	eax, eax
	expect	13, jmp rbx
	mov	dword [RAM_END - 4], 0x80e49090 ; NOP, NOP, IN AL, 80h
	mov	rbx, EDGE - 4
	expect	13, jmp rbx
	jmp	pass
