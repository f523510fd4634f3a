/*
 * Decoding of x86 instructions as far as exits need it: length and operands. Works on bytes alone.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

#define INSN_MAX 15 /* bytes; longer is #GP */

#define REX_B BIT(0)
#define REX_X BIT(1)
#define REX_R BIT(2)
#define REX_W BIT(3)

#define NO_REG 0xff

/* Which of the emulator's functions an instruction with a memory operand is for. */
enum insn_op {
	OP_NONE, /* outside its scope */
	OP_STORE,
	OP_LOAD,
	OP_MOVBE,
	OP_ALU,
	OP_ALU_IMM,
	OP_TEST,
	OP_GROUP3, /* TEST, NOT, NEG and what is outside */
	OP_GROUP5, /* INC, DEC, CALL, JMP, PUSH and what is outside */
	OP_POP,
	OP_XCHG,
	OP_CMPXCHG,
	OP_CMPXCHG8B, /* and 16B */
	OP_XADD,
	OP_BT,     /* BT, BTS, BTR, BTC */
	OP_STRING, /* string instructions, those with ports among them */
	OP_COUNT,
};

struct insn {
	u8 len;
	u8 map; /* 0: one-byte opcodes; 1: behind 0F; 2: behind 0F 38 */
	u8 opcode;
	u8 op;   /* enum insn_op */
	u8 size; /* of the memory operand, in bytes; of those of string instructions, too */
	u8 rex;  /* 0: none; else 0x40 | bits */
	bool opsize_prefix, addrsize_prefix, lock;
	u8 rep;      /* 0, 0xf2 or 0xf3 */
	u8 seg;      /* enum seg of an override, or NO_REG */
	u8 opsize;   /* 2, 4 or 8: the operand size in force for non-byte forms */
	u8 addrsize; /* 2, 4 or 8 */
	bool has_modrm,
		memory;  /* memory: ModRM names memory, or the opcode has an absolute offset */
	u8 mod, reg, rm; /* reg and rm with REX bits */
	u8 base, index, scale; /* registers of the address, NO_REG: none; scale as a shift */
	bool rip_relative;
	s64 disp;
	bool has_imm;
	s64 imm; /* sign-extended */
};

/*
 * Decodes what is at bytes for 16, 32 or 64-bit code. 0; -EINVAL: not an instruction that is known
 * here; -ERANGE: the n bytes end before it does.
 */
int insn_decode(const u8 *bytes, size_t n, u32 mode, struct insn *i) __must_check;
