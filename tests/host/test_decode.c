/*
 * The instruction decoder, against what NASM assembles: lengths and operands in 16, 32 and 64-bit code;
 * no instruction is found in fewer bytes than it has, in more than 15, or in what is none.
 *
 * sources: vm/decode.c
 */
#include "lib/errno.h"
#include "tests/host/harness.h"
#include "vm/decode.h"
#include "vm/emul.h"
#include "vm/vcpu.h"

#include <stdio.h>
#include <string.h>

struct row {
	const char *text;
	u8 mode, len;
	u8 bytes[INSN_MAX];
	struct insn want;
};

/* What a row says of operands: MEM(base, index, scale as a shift, displacement), IMM(value). */
#define R(r)            GPR_##r
#define NONE            NO_REG
#define MEM(b, i, s, d) .memory = true, .base = (b), .index = (i), .scale = (s), .disp = (d)
#define NOMEM           .base = NO_REG, .index = NO_REG
#define IMM(v)          .has_imm = true, .imm = (v)
#define SIZES(o, a)     .opsize = (o), .addrsize = (a)
#define NOSEG           .seg = NO_REG

/* clang-format off */
static const struct row rows[] = {
	/* what exits and has no operand here */
	{ "cpuid", 64, 2, { 0x0f, 0xa2 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1 } },
	{ "rdmsr", 64, 2, { 0x0f, 0x32 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1 } },
	{ "wrmsr", 64, 2, { 0x0f, 0x30 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1 } },
	{ "rdtsc", 64, 2, { 0x0f, 0x31 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1 } },
	{ "hlt", 64, 1, { 0xf4 }, { NOMEM, NOSEG, SIZES(4, 8) } },
	{ "invd", 64, 2, { 0x0f, 0x08 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1 } },
	{ "wbinvd", 64, 2, { 0x0f, 0x09 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1 } },
	{ "vmmcall", 64, 3, { 0x0f, 0x01, 0xd9 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1, .reg = 3, .rm = 1 } },
	{ "xsetbv", 64, 3, { 0x0f, 0x01, 0xd1 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1, .reg = 2, .rm = 1 } },
	{ "clts", 64, 2, { 0x0f, 0x06 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1 } },
	{ "66 66 cpuid", 64, 4, { 0x66, 0x66, 0x0f, 0xa2 }, { NOMEM, NOSEG, SIZES(2, 8), .map = 1 } },
	{ "cs rep cpuid", 64, 4, { 0x2e, 0xf3, 0x0f, 0xa2 }, { NOMEM, NOSEG, .rep = 0xf3, SIZES(4, 8), .map = 1 } },
	{ "rex.w cpuid", 64, 3, { 0x48, 0x0f, 0xa2 }, { NOMEM, NOSEG, SIZES(8, 8), .map = 1, .rex = 0x48 } },
	{ "rex.w, 16-bit prefix, cpuid", 64, 4, { 0x48, 0x66, 0x0f, 0xa2 }, { NOMEM, NOSEG, SIZES(2, 8), .map = 1 } },
	{ "two REX, mov eax, [rbx]", 64, 4, { 0x4d, 0x40, 0x8b, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(4, 8), .rex = 0x40 } },
	{ "pause", 64, 2, { 0xf3, 0x90 }, { NOMEM, NOSEG, .rep = 0xf3, SIZES(4, 8) } },
	{ "mov cr0, rax", 64, 3, { 0x0f, 0x22, 0xc0 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1, .reg = 0, .rm = 0 } },
	{ "mov rax, cr4", 64, 3, { 0x0f, 0x20, 0xe0 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1, .reg = 4, .rm = 0 } },
	{ "mov cr8, r9", 64, 4, { 0x45, 0x0f, 0x22, 0xc1 }, { NOMEM, NOSEG, SIZES(4, 8), .map = 1, .rex = 0x45, .reg = 8, .rm = 9 } },
	{ "mov cr3, eax with mod 0", 32, 3, { 0x0f, 0x22, 0x18 }, { NOMEM, NOSEG, SIZES(4, 4), .map = 1, .reg = 3 } },

	/* moves with memory, 64-bit code */
	{ "mov eax, [rbx]", 64, 2, { 0x8b, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(4, 8) } },
	{ "mov rax, [rbx]", 64, 3, { 0x48, 0x8b, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(8, 8), .rex = 0x48 } },
	{ "mov ax, [rbx]", 64, 3, { 0x66, 0x8b, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(2, 8) } },
	{ "mov ah, [rbx]", 64, 2, { 0x8a, 0x23 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(4, 8), .reg = 4 } },
	{ "mov r8b, [rbx]", 64, 3, { 0x44, 0x8a, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(4, 8), .rex = 0x44, .reg = 8 } },
	{ "mov sil, [rbx]", 64, 3, { 0x40, 0x8a, 0x33 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(4, 8), .rex = 0x40, .reg = 6 } },
	{ "mov [rdi+8], eax", 64, 3, { 0x89, 0x47, 0x08 }, { MEM(R(RDI), NONE, 0, 8), NOSEG, SIZES(4, 8) } },
	{ "mov [rdi-0x80], eax", 64, 3, { 0x89, 0x47, 0x80 }, { MEM(R(RDI), NONE, 0, -0x80), NOSEG, SIZES(4, 8) } },
	{ "mov [rdi+0x12345678], eax", 64, 6, { 0x89, 0x87, 0x78, 0x56, 0x34, 0x12 }, { MEM(R(RDI), NONE, 0, 0x12345678), NOSEG, SIZES(4, 8) } },
	{ "mov r15d, [r12]", 64, 4, { 0x45, 0x8b, 0x3c, 0x24 }, { MEM(R(R12), NONE, 0, 0), NOSEG, SIZES(4, 8), .rex = 0x45, .reg = 15 } },
	{ "mov r9, [r13]", 64, 4, { 0x4d, 0x8b, 0x4d, 0x00 }, { MEM(R(R13), NONE, 0, 0), NOSEG, SIZES(8, 8), .rex = 0x4d, .reg = 9 } },
	{ "mov eax, [rsp]", 64, 3, { 0x8b, 0x04, 0x24 }, { MEM(R(RSP), NONE, 0, 0), NOSEG, SIZES(4, 8) } },
	{ "mov eax, [rsp+rbx*4+0x20]", 64, 4, { 0x8b, 0x44, 0x9c, 0x20 }, { MEM(R(RSP), R(RBX), 2, 0x20), NOSEG, SIZES(4, 8) } },
	{ "mov eax, [r13+r12*8]", 64, 5, { 0x43, 0x8b, 0x44, 0xe5, 0x00 }, { MEM(R(R13), R(R12), 3, 0), NOSEG, SIZES(4, 8), .rex = 0x43 } },
	{ "mov eax, [rbp+rax*2]", 64, 4, { 0x8b, 0x44, 0x45, 0x00 }, { MEM(R(RBP), R(RAX), 1, 0), NOSEG, SIZES(4, 8) } },
	{ "mov eax, [rel $+6+0x1000]", 64, 6, { 0x8b, 0x05, 0x00, 0x10, 0x00, 0x00 }, { MEM(NONE, NONE, 0, 0x1000), NOSEG, SIZES(4, 8), .rip_relative = true } },
	{ "mov dword [rel ...], 0x12345678", 64, 10, { 0xc7, 0x05, 0x00, 0x10, 0x00, 0x00, 0x78, 0x56, 0x34, 0x12 }, { MEM(NONE, NONE, 0, 0x1000), NOSEG, SIZES(4, 8), .rip_relative = true, IMM(0x12345678) } },
	{ "mov eax, [abs 0x12345678]", 64, 7, { 0x8b, 0x04, 0x25, 0x78, 0x56, 0x34, 0x12 }, { MEM(NONE, NONE, 0, 0x12345678), NOSEG, SIZES(4, 8) } },
	{ "mov eax, [rax*8+0x11223344]", 64, 7, { 0x8b, 0x04, 0xc5, 0x44, 0x33, 0x22, 0x11 }, { MEM(NONE, R(RAX), 3, 0x11223344), NOSEG, SIZES(4, 8) } },
	{ "mov byte [rax], 0x80", 64, 3, { 0xc6, 0x00, 0x80 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), IMM(-0x80) } },
	{ "mov word [rax], 0x8001", 64, 5, { 0x66, 0xc7, 0x00, 0x01, 0x80 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(2, 8), IMM((s16)0x8001) } },
	{ "mov dword [rax], 0x80000001", 64, 6, { 0xc7, 0x00, 0x01, 0x00, 0x00, 0x80 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), IMM((s32)0x80000001) } },
	{ "mov qword [rax], -2", 64, 7, { 0x48, 0xc7, 0x00, 0xfe, 0xff, 0xff, 0xff }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(8, 8), .rex = 0x48, IMM(-2) } },
	{ "mov al, [qword 0x1122334455667788]", 64, 9, { 0xa0, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11 }, { MEM(NONE, NONE, 0, 0x1122334455667788), NOSEG, SIZES(4, 8) } },
	{ "mov [qword 0xfee00020], eax", 64, 9, { 0xa3, 0x20, 0x00, 0xe0, 0xfe }, { MEM(NONE, NONE, 0, 0xfee00020), NOSEG, SIZES(4, 8) } },
	{ "mov eax, [ebx+4]", 64, 4, { 0x67, 0x8b, 0x43, 0x04 }, { MEM(R(RBX), NONE, 0, 4), NOSEG, SIZES(4, 4) } },
	{ "mov eax, [fs:rbx]", 64, 3, { 0x64, 0x8b, 0x03 }, { MEM(R(RBX), NONE, 0, 0), .seg = SEG_FS, SIZES(4, 8) } },
	{ "mov eax, [gs:0x10]", 64, 8, { 0x65, 0x8b, 0x04, 0x25, 0x10, 0x00, 0x00, 0x00 }, { MEM(NONE, NONE, 0, 0x10), .seg = SEG_GS, SIZES(4, 8) } },
	{ "movzx eax, byte [rbx]", 64, 3, { 0x0f, 0xb6, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(4, 8), .map = 1 } },
	{ "movzx eax, word [rbx]", 64, 3, { 0x0f, 0xb7, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(4, 8), .map = 1 } },
	{ "movsx rax, byte [rbx]", 64, 4, { 0x48, 0x0f, 0xbe, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(8, 8), .map = 1, .rex = 0x48 } },
	{ "movsxd rax, dword [rbx]", 64, 3, { 0x48, 0x63, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(8, 8), .rex = 0x48 } },

	/* F6 and F7 have an immediate for TEST alone; the groups of 80 to 83 always */
	{ "test byte [rax], 1", 64, 3, { 0xf6, 0x00, 0x01 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), IMM(1) } },
	{ "test dword [rax], 1", 64, 6, { 0xf7, 0x00, 0x01, 0x00, 0x00, 0x00 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), IMM(1) } },
	{ "not dword [rax]", 64, 2, { 0xf7, 0x10 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .reg = 2 } },
	{ "add [rax], ecx", 64, 2, { 0x01, 0x08 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .reg = 1 } },
	{ "and dword [rax], 0x7f", 64, 3, { 0x83, 0x20, 0x7f }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .reg = 4, IMM(0x7f) } },
	{ "or dword [rax], 0x12345", 64, 6, { 0x81, 0x08, 0x45, 0x23, 0x01, 0x00 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .reg = 1, IMM(0x12345) } },
	{ "lock or dword [rax], 1", 64, 4, { 0xf0, 0x83, 0x08, 0x01 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .lock = true, .reg = 1, IMM(1) } },
	{ "xchg eax, [rax]", 64, 2, { 0x87, 0x00 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8) } },

	{ "inc byte [rax]", 64, 2, { 0xfe, 0x00 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8) } },
	{ "push qword [rax]", 64, 2, { 0xff, 0x30 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .reg = 6 } },
	{ "mov [rax], ds", 64, 2, { 0x8c, 0x18 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .reg = 3 } },
	{ "pop qword [rax]", 64, 2, { 0x8f, 0x00 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8) } },
	{ "bt [rax], ecx", 64, 3, { 0x0f, 0xa3, 0x08 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .map = 1, .reg = 1 } },
	{ "btc qword [rax], 63", 64, 5, { 0x48, 0x0f, 0xba, 0x38, 0x3f }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(8, 8), .map = 1, .rex = 0x48, .reg = 7, IMM(63) } },
	{ "cmpxchg [rax], cl", 64, 3, { 0x0f, 0xb0, 0x08 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .map = 1, .reg = 1 } },
	{ "xadd [rax], ecx", 64, 3, { 0x0f, 0xc1, 0x08 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .map = 1, .reg = 1 } },
	{ "movnti [rax], ecx", 64, 3, { 0x0f, 0xc3, 0x08 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .map = 1, .reg = 1 } },
	{ "cmpxchg16b [rax]", 64, 4, { 0x48, 0x0f, 0xc7, 0x08 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(8, 8), .map = 1, .rex = 0x48, .reg = 1 } },
	{ "movbe eax, [rax]", 64, 4, { 0x0f, 0x38, 0xf0, 0x00 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 8), .map = 2 } },
	{ "add byte [eax], 1 (82)", 32, 3, { 0x82, 0x00, 0x01 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(4, 4), IMM(1) } },
	/* 64-bit code ignores other overrides, even behind FS */
	{ "fs cs mov eax, [rbx]", 64, 4, { 0x64, 0x2e, 0x8b, 0x03 }, { MEM(R(RBX), NONE, 0, 0), .seg = SEG_FS, SIZES(4, 8) } },
	{ "fs cs mov eax, [ebx]", 32, 4, { 0x64, 0x2e, 0x8b, 0x03 }, { MEM(R(RBX), NONE, 0, 0), .seg = SEG_CS, SIZES(4, 4) } },

	/* port and string I/O */
	{ "cmpsb", 64, 1, { 0xa6 }, { NOMEM, NOSEG, SIZES(4, 8) } },
	{ "repne scasw", 64, 3, { 0xf2, 0x66, 0xaf }, { NOMEM, NOSEG, .rep = 0xf2, SIZES(2, 8) } },
	{ "rep insb", 64, 2, { 0xf3, 0x6c }, { NOMEM, NOSEG, .rep = 0xf3, SIZES(4, 8) } },
	{ "outsw", 64, 2, { 0x66, 0x6f }, { NOMEM, NOSEG, SIZES(2, 8) } },
	{ "in al, 0x21", 64, 2, { 0xe4, 0x21 }, { NOMEM, NOSEG, SIZES(4, 8), IMM(0x21) } },
	{ "out 0x21, al", 64, 2, { 0xe6, 0x21 }, { NOMEM, NOSEG, SIZES(4, 8), IMM(0x21) } },
	{ "in eax, dx", 64, 1, { 0xed }, { NOMEM, NOSEG, SIZES(4, 8) } },
	{ "out dx, ax", 64, 2, { 0x66, 0xef }, { NOMEM, NOSEG, SIZES(2, 8) } },
	{ "rep stosd", 64, 2, { 0xf3, 0xab }, { NOMEM, NOSEG, .rep = 0xf3, SIZES(4, 8) } },

	/* 32-bit code: no REX, absolute offsets of four bytes, [disp32] is not relative */
	{ "inc eax", 32, 0, { 0x40, 0x90 }, { 0 } },
	{ "mov eax, [ebx]", 32, 2, { 0x8b, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(4, 4) } },
	{ "mov ax, [ebx]", 32, 3, { 0x66, 0x8b, 0x03 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(2, 4) } },
	{ "mov al, [0x12345678]", 32, 5, { 0xa0, 0x78, 0x56, 0x34, 0x12 }, { MEM(NONE, NONE, 0, 0x12345678), NOSEG, SIZES(4, 4) } },
	{ "mov dword [0xfec00000], 0x10", 32, 10, { 0xc7, 0x05, 0x00, 0x00, 0xc0, 0xfe, 0x10, 0x00, 0x00, 0x00 }, { MEM(NONE, NONE, 0, (s32)0xfec00000), NOSEG, SIZES(4, 4), IMM(0x10) } },
	{ "mov [bx+si+4], al", 32, 4, { 0x67, 0x88, 0x40, 0x04 }, { MEM(R(RBX), R(RSI), 0, 4), NOSEG, SIZES(4, 2) } },
	{ "mov eax, [bp]", 32, 4, { 0x67, 0x8b, 0x46, 0x00 }, { MEM(R(RBP), NONE, 0, 0), NOSEG, SIZES(4, 2), .rm = 6 } },
	{ "mov eax, [word 0x1234]", 32, 4, { 0x67, 0xa1, 0x34, 0x12 }, { MEM(NONE, NONE, 0, 0x1234), NOSEG, SIZES(4, 2) } },
	{ "mov [esp+ecx*2], eax", 32, 3, { 0x89, 0x04, 0x4c }, { MEM(R(RSP), R(RCX), 1, 0), NOSEG, SIZES(4, 4) } },
	{ "mov ebp, [ebp+8]", 32, 3, { 0x8b, 0x6d, 0x08 }, { MEM(R(RBP), NONE, 0, 8), NOSEG, SIZES(4, 4), .reg = 5 } },
	{ "mov word [eax], 0x1234", 32, 5, { 0x66, 0xc7, 0x00, 0x34, 0x12 }, { MEM(R(RAX), NONE, 0, 0), NOSEG, SIZES(2, 4), IMM(0x1234) } },
	{ "arpl [eax], ax", 32, 0, { 0x63, 0x00 }, { 0 } },

	/* 16-bit code */
	{ "cpuid", 16, 2, { 0x0f, 0xa2 }, { NOMEM, NOSEG, SIZES(2, 2), .map = 1 } },
	{ "mov ax, [bx]", 16, 2, { 0x8b, 0x07 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(2, 2) } },
	{ "mov eax, [bx]", 16, 3, { 0x66, 0x8b, 0x07 }, { MEM(R(RBX), NONE, 0, 0), NOSEG, SIZES(4, 2) } },
	{ "mov al, [0x1234]", 16, 3, { 0xa0, 0x34, 0x12 }, { MEM(NONE, NONE, 0, 0x1234), NOSEG, SIZES(2, 2) } },
	{ "mov cx, [0x1234]", 16, 4, { 0x8b, 0x0e, 0x34, 0x12 }, { MEM(NONE, NONE, 0, 0x1234), NOSEG, SIZES(2, 2), .reg = 1 } },
	{ "mov [bp+di], ax", 16, 2, { 0x89, 0x03 }, { MEM(R(RBP), R(RDI), 0, 0), NOSEG, SIZES(2, 2) } },
	{ "mov [bp+si], ax", 16, 2, { 0x89, 0x02 }, { MEM(R(RBP), R(RSI), 0, 0), NOSEG, SIZES(2, 2) } },
	{ "mov [bx+di], ax", 16, 2, { 0x89, 0x01 }, { MEM(R(RBX), R(RDI), 0, 0), NOSEG, SIZES(2, 2) } },
	{ "mov ax, [di-2]", 16, 3, { 0x8b, 0x45, 0xfe }, { MEM(R(RDI), NONE, 0, -2), NOSEG, SIZES(2, 2) } },
	{ "mov ax, [si+0x1234]", 16, 4, { 0x8b, 0x84, 0x34, 0x12 }, { MEM(R(RSI), NONE, 0, 0x1234), NOSEG, SIZES(2, 2) } },
	{ "mov eax, [ebx+ecx*4]", 16, 5, { 0x66, 0x67, 0x8b, 0x04, 0x8b }, { MEM(R(RBX), R(RCX), 2, 0), NOSEG, SIZES(4, 4) } },
	{ "mov word [0x1234], 0x5678", 16, 6, { 0xc7, 0x06, 0x34, 0x12, 0x78, 0x56 }, { MEM(NONE, NONE, 0, 0x1234), NOSEG, SIZES(2, 2), IMM(0x5678) } },
	{ "in eax, dx", 16, 2, { 0x66, 0xed }, { NOMEM, NOSEG, SIZES(4, 2) } },
	{ "rep insw", 16, 2, { 0xf3, 0x6d }, { NOMEM, NOSEG, .rep = 0xf3, SIZES(2, 2) } },

	/* nothing that is known here */
	{ "ud2's neighbour", 64, 0, { 0x0f, 0xff, 0x00 }, { 0 } },
	{ "vex", 64, 0, { 0xc5, 0xf8, 0x28, 0x00 }, { 0 } },
	{ "evex", 64, 0, { 0x62, 0xf1, 0x7c, 0x48, 0x28, 0x00 }, { 0 } },
	{ "pshufb: other three-byte opcodes", 64, 0, { 0x0f, 0x38, 0x00, 0x00 }, { 0 } },
	{ "crc32 eax, byte [rax]", 64, 0, { 0xf2, 0x0f, 0x38, 0xf0, 0x00 }, { 0 } },
	{ "82 in 64-bit code", 64, 0, { 0x82, 0x00, 0x01 }, { 0 } },
};
/* clang-format on */

static int check_count;

static void same(const struct row *r, const char *what, s64 got, s64 want)
{
	check_count++;
	if (got != want)
		printf("%u-bit %s: %s is %#llx, not %#llx\n", r->mode, r->text, what,
		       (unsigned long long)got, (unsigned long long)want);
	CHECK_EQ(got, want);
}

static void compare(const struct row *r, const struct insn *i)
{
	const struct insn *w = &r->want;
	bool has_rm = w->rm != 0;

	same(r, "length", i->len, r->len);
	same(r, "map", i->map, w->map);
	same(r, "rex", i->rex, w->rex);
	same(r, "rep", i->rep, w->rep);
	same(r, "lock", i->lock, w->lock);
	same(r, "segment", i->seg, w->seg);
	same(r, "operand size", i->opsize, w->opsize);
	same(r, "address size", i->addrsize, w->addrsize);
	same(r, "memory", i->memory, w->memory);
	same(r, "reg", i->reg, w->reg);
	if (!i->memory && has_rm)
		same(r, "rm", i->rm, w->rm);
	same(r, "base", i->base, w->base);
	same(r, "index", i->index, w->index);
	same(r, "scale", i->index == NO_REG ? 0 : i->scale, w->scale);
	same(r, "rip-relative", i->rip_relative, w->rip_relative);
	same(r, "displacement", i->disp, w->disp);
	same(r, "has an immediate", i->has_imm, w->has_imm);
	same(r, "immediate", i->imm, w->imm);
}

TEST(operands_and_lengths)
{
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		const struct row *r = &rows[k];
		struct insn i;
		int err = insn_decode(r->bytes, INSN_MAX, r->mode, &i);

		if (!r->len) {
			same(r, "error", err, -EINVAL);
			CHECK_EQ(insn_length_bytes(r->bytes, INSN_MAX, r->mode), 0);
			continue;
		}
		same(r, "error", err, 0);
		CHECK_EQ(insn_length_bytes(r->bytes, INSN_MAX, r->mode), r->len);
		compare(r, &i);
	}
}

/* The memory operand's size, and whom it is for. */
TEST(memory_sizes)
{
	static const struct {
		u8 bytes[6], mode, op, size;
	} sizes[] = {
		{ { 0x88, 0x03 }, 64, OP_STORE, 1 },
		{ { 0x48, 0x89, 0x03 }, 64, OP_STORE, 8 },
		{ { 0x48, 0x8c, 0x03 }, 64, OP_STORE, 2 },
		{ { 0x48, 0x0f, 0xc3, 0x03 }, 64, OP_STORE, 8 },
		{ { 0x48, 0x63, 0x03 }, 64, OP_LOAD, 4 },
		{ { 0x48, 0x0f, 0xb6, 0x03 }, 64, OP_LOAD, 1 },
		{ { 0x48, 0x0f, 0xbf, 0x03 }, 64, OP_LOAD, 2 },
		{ { 0x0f, 0x38, 0xf0, 0x03 }, 64, OP_MOVBE, 4 },
		{ { 0x66, 0x0f, 0xba, 0x23, 0x01 }, 64, OP_BT, 2 },
		{ { 0x48, 0x0f, 0xc7, 0x0b }, 64, OP_CMPXCHG8B, 16 },
		{ { 0x0f, 0xc7, 0x0b }, 32, OP_CMPXCHG8B, 8 },
		{ { 0x48, 0xa5 }, 64, OP_STRING, 8 },
		{ { 0x48, 0x6d }, 64, OP_STRING, 4 }, /* there are no ports of 8 bytes */
		{ { 0xa4 }, 16, OP_STRING, 1 },
		{ { 0x89, 0xc3 }, 64, OP_NONE, 4 }, /* no memory */
		{ { 0x0f, 0xa2 }, 64, OP_NONE, 1 },
	};

	for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
		struct insn i;

		CHECK_EQ(insn_decode(sizes[k].bytes, 6, sizes[k].mode, &i), 0);
		CHECK_EQ(i.op, sizes[k].op);
		CHECK_EQ(i.size, sizes[k].size);
	}
}

/* Exactly its bytes are enough, one less is not; nothing behind them is read. */
TEST(every_byte_counts)
{
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		const struct row *r = &rows[k];
		struct insn i;

		if (!r->len)
			continue;
		same(r, "whole", insn_decode(r->bytes, r->len, r->mode, &i), 0);
		for (size_t n = 0; n < r->len; n++) {
			u8 exact[INSN_MAX];

			memcpy(exact, r->bytes, n);
			memset(exact + n, 0xcc, sizeof(exact) - n);
			same(r, "cut short", insn_decode(exact, n, r->mode, &i), -ERANGE);
			CHECK_EQ(insn_length_bytes(exact, n, r->mode), 0);
		}
	}
}

/* SDM vol. 2, "Instruction Format": more than 15 bytes are #GP, whatever they would be. */
TEST(fifteen_bytes_at_most)
{
	u8 bytes[20];
	struct insn i;

	memset(bytes, 0x66, sizeof(bytes));
	CHECK_EQ(insn_decode(bytes, sizeof(bytes), 64, &i), -EINVAL);
	bytes[13] = 0x0f;
	bytes[14] = 0xa2; /* 13 prefixes and CPUID: 15 */
	CHECK_EQ(insn_decode(bytes, sizeof(bytes), 64, &i), 0);
	CHECK_EQ(i.len, 15);
	bytes[13] = 0x66;
	bytes[14] = 0x0f;
	bytes[15] = 0xa2; /* 16 */
	CHECK_EQ(insn_decode(bytes, sizeof(bytes), 64, &i), -EINVAL);
	/* an immediate that crosses the limit */
	memset(bytes, 0x66, sizeof(bytes));
	bytes[10] = 0xc7;
	bytes[11] = 0x04;
	bytes[12] = 0x24;
	CHECK_EQ(insn_decode(bytes, sizeof(bytes), 64, &i), 0);
	CHECK_EQ(i.len, 15);
	bytes[10] = 0x48; /* REX.W after prefixes: four bytes of immediate, 16 in all */
	bytes[11] = 0xc7;
	bytes[12] = 0x00;
	CHECK_EQ(insn_decode(bytes, sizeof(bytes), 64, &i), -EINVAL);
}

/* REX counts only right before the opcode; one that a legacy prefix follows is not taken for it. */
TEST(rex_before_a_legacy_prefix)
{
	static const u8 bytes[] = { 0x48, 0x66, 0x8b, 0x03 };
	struct insn i;

	if (!insn_decode(bytes, sizeof(bytes), 64, &i))
		CHECK_EQ(i.opsize, 2);
}

/* Any bytes: never longer than what there is, never from nothing. */
TEST(random_bytes)
{
	u64 seed = 0x9e3779b97f4a7c15;
	static const u8 modes[] = { 16, 32, 64 };

	for (u32 round = 0; round < 200000; round++) {
		u8 bytes[INSN_MAX];
		size_t n = round % (INSN_MAX + 1);
		struct insn i;

		for (u32 k = 0; k < sizeof(bytes); k++) {
			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			bytes[k] = (u8)(seed >> 56);
		}
		if (insn_decode(bytes, n, modes[round % 3], &i))
			continue;
		if (!i.len || i.len > n || (i.base != NO_REG && i.base > 15) ||
		    (i.index != NO_REG && i.index > 15) || i.reg > 15 || i.scale > 3)
			CHECK(false);
	}
	CHECK(check_count > 1000);
}
