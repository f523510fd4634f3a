/*
 * Arithmetic of emulated instructions.
 */
#include "vm/emul_alu.h"

#include "vm/emul_operand.h"

/* Bit n of chain: the carry (or borrow) out of bit n. */
static u64 carry_flags(u64 chain, u64 overflow, u32 size)
{
	u64 sign = BIT(8 * size - 1);

	return (chain & sign ? RFLAGS_CF : 0) | (chain & BIT(3) ? RFLAGS_AF : 0) |
	       (overflow & sign ? RFLAGS_OF : 0);
}

static u64 result_flags(u64 result, u32 size)
{
	return (result ? 0 : RFLAGS_ZF) | (result & BIT(8 * size - 1) ? RFLAGS_SF : 0) |
	       (__builtin_parity((u8)result) ? 0 : RFLAGS_PF);
}

u64 alu(enum alu_op op, u64 a, u64 b, u32 size, u64 *flags)
{
	u64 mask = size_mask(size), carry = 0, f = 0, r;

	a &= mask;
	b &= mask;
	switch (op) {
	case ALU_OR:
		r = a | b;
		break;
	case ALU_AND:
		r = a & b;
		break;
	case ALU_XOR:
		r = a ^ b;
		break;
	case ALU_ADC:
		carry = *flags & RFLAGS_CF;
		/* fall through */
	case ALU_ADD:
		r = (a + b + carry) & mask;
		f = carry_flags((a & b) | ((a | b) & ~r), (a ^ r) & (b ^ r), size);
		break;
	case ALU_SBB:
		carry = *flags & RFLAGS_CF;
		/* fall through */
	default: /* SUB, CMP */
		r = (a - b - carry) & mask;
		f = carry_flags((~a & b) | ((~a | b) & r), (a ^ b) & (a ^ r), size);
		break;
	}
	*flags = (*flags & ~(u64)ALU_FLAGS) | f | result_flags(r, size);
	return r;
}
