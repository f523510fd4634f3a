/*
 * Instructions that compute with memory: arithmetic, exchanges and bits (SDM vol. 2). Where memory
 * is written, that comes last but for registers and flags, and cannot fault any more. A read and a write
 * of a device are two accesses of its, LOCK or not.
 */
#include "lib/errno.h"
#include "vm/emul_alu.h"
#include "vm/emul_operand.h"

/*
 * Finds an operand that is read and written, and reads it. Where all of it is RAM, it is not what exited:
 * code or page tables were changed meanwhile. The guest executes that itself, and atomically.
 */
static int read_to_modify(struct emul *m, u64 offset, struct operand *o, u64 *value)
{
	int err = operand_find_own(m, offset, m->i->size, USE_WRITE, o);

	if (err)
		return err;
	if (operand_is_ram(m, o)) {
		hvm->flush(m->v); /* else old translations might bring it back here */
		return -EAGAIN;
	}
	return operand_read(m, o, value);
}

static int read_only(struct emul *m, u64 offset, u64 *value)
{
	struct operand o;
	int err = operand_find_own(m, offset, m->i->size, USE_READ, &o);

	return err ? err : operand_read(m, &o, value);
}

static u64 flags_now(struct emul *m)
{
	vcpu_need(m->v, RG_RFLAGS);
	return m->v->regs.rflags;
}

/* memory = memory op src, flags by mask. CMP reads alone. */
static int compute(struct emul *m, enum alu_op op, u64 src, u64 mask)
{
	u64 flags = flags_now(m), value = 0;
	struct operand o;
	int err;

	if (op == ALU_CMP)
		err = read_only(m, operand_offset(m), &value);
	else
		err = read_to_modify(m, operand_offset(m), &o, &value);
	if (err)
		return err;
	value = alu(op, value, src, m->i->size, &flags);
	if (op != ALU_CMP)
		err = operand_write(m, &o, value);
	if (!err)
		flags_set(m->v, mask, flags);
	return err;
}

int emul_alu(struct emul *m)
{
	const struct insn *i = m->i;
	enum alu_op op = i->opcode >> 3 & 7;
	u64 reg = reg_get(m, i->reg, i->size), value = 0, flags;
	int err;

	if (!(i->opcode & 2))
		return compute(m, op, reg, ALU_FLAGS);
	flags = flags_now(m);
	err = read_only(m, operand_offset(m), &value);
	if (err)
		return err;
	value = alu(op, reg, value, i->size, &flags);
	if (op != ALU_CMP)
		reg_set(m, i->reg, value, i->size);
	flags_set(m->v, ALU_FLAGS, flags);
	return 0;
}

int emul_alu_imm(struct emul *m)
{
	return compute(m, m->i->reg & 7, (u64)m->i->imm, ALU_FLAGS);
}

static int test(struct emul *m, u64 src)
{
	u64 value = 0, flags = flags_now(m);
	int err = read_only(m, operand_offset(m), &value);

	if (err)
		return err;
	alu(ALU_AND, value, src, m->i->size, &flags);
	flags_set(m->v, ALU_FLAGS, flags);
	return 0;
}

int emul_test(struct emul *m)
{
	return test(m, reg_get(m, m->i->reg, m->i->size));
}

int emul_group3(struct emul *m)
{
	u64 value = 0, flags = flags_now(m);
	struct operand o;
	int err;

	switch (m->i->reg & 7) {
	case 0:
	case 1:
		return test(m, (u64)m->i->imm);
	case 2: /* NOT: no flags */
		return compute(m, ALU_XOR, ~0ULL, 0);
	case 3:
		break;
	default:
		return -ENOTSUP;
	}
	err = read_to_modify(m, operand_offset(m), &o, &value);
	if (err)
		return err;
	value = alu(ALU_SUB, 0, value, m->i->size, &flags); /* NEG */
	err = operand_write(m, &o, value);
	if (!err)
		flags_set(m->v, ALU_FLAGS, flags);
	return err;
}

int emul_group5(struct emul *m)
{
	u32 which = m->i->reg & 7;

	if (which < 2) /* INC, DEC: CF stays */
		return compute(m, which ? ALU_SUB : ALU_ADD, 1, ALU_FLAGS & ~RFLAGS_CF);
	if (m->i->opcode == 0xfe)
		return -ENOTSUP;
	if (which == 2 || which == 4)
		return emul_branch(m);
	return which == 6 ? emul_push(m) : -ENOTSUP;
}

int emul_xchg(struct emul *m)
{
	const struct insn *i = m->i;
	u64 reg = reg_get(m, i->reg, i->size), value = 0;
	struct operand o;
	int err = read_to_modify(m, operand_offset(m), &o, &value);

	if (!err)
		err = operand_write(m, &o, reg);
	if (!err)
		reg_set(m, i->reg, value, i->size);
	return err;
}

int emul_xadd(struct emul *m)
{
	const struct insn *i = m->i;
	u64 reg = reg_get(m, i->reg, i->size), value = 0, flags = flags_now(m), sum;
	struct operand o;
	int err = read_to_modify(m, operand_offset(m), &o, &value);

	if (err)
		return err;
	sum = alu(ALU_ADD, value, reg, i->size, &flags);
	err = operand_write(m, &o, sum);
	if (err)
		return err;
	reg_set(m, i->reg, value, i->size);
	flags_set(m->v, ALU_FLAGS, flags);
	return 0;
}

/* What does not match is written back: memory sees a write in any case. */
int emul_cmpxchg(struct emul *m)
{
	const struct insn *i = m->i;
	u64 value = 0, flags = flags_now(m);
	struct operand o;
	int err = read_to_modify(m, operand_offset(m), &o, &value);

	if (err)
		return err;
	alu(ALU_CMP, gpr_get(m->v, GPR_RAX), value, i->size, &flags);
	err = operand_write(m, &o, flags & RFLAGS_ZF ? reg_get(m, i->reg, i->size) : value);
	if (err)
		return err;
	if (!(flags & RFLAGS_ZF))
		gpr_set(m->v, GPR_RAX, value, i->size);
	flags_set(m->v, ALU_FLAGS, flags);
	return 0;
}

/* The lower or upper half of an operand that is in one page or of 8 bytes at most. */
static struct operand half_of(const struct operand *o, u32 which)
{
	struct operand half = *o;

	half.size = half.first = o->size / 2;
	half.at[0] = GPA(o->at[0].v + which * half.size);
	return half;
}

static int access_16(struct emul *m, const struct operand *o, u64 value[2], bool write)
{
	int err = 0;

	for (u32 k = 0; k < 2 && !err; k++) {
		struct operand half = half_of(o, k);

		err = write ? operand_write(m, &half, value[k]) : operand_read(m, &half, &value[k]);
	}
	return err;
}

/* A pair of registers of half the operand's size each, as the halves of an operand. */
static void pair_get(struct emul *m, u32 low, u32 high, u64 value[2])
{
	u64 l = gpr_get(m->v, low), h = gpr_get(m->v, high);

	if (m->i->size == 16) {
		value[0] = l;
		value[1] = h;
	} else {
		value[0] = (u32)l | h << 32;
		value[1] = 0;
	}
}

static void pair_set(struct emul *m, u32 low, u32 high, const u64 value[2])
{
	bool wide = m->i->size == 16;

	gpr_set(m->v, low, value[0], wide ? 8 : 4);
	gpr_set(m->v, high, wide ? value[1] : value[0] >> 32, wide ? 8 : 4);
}

int emul_cmpxchg8b(struct emul *m)
{
	bool wide = m->i->size == 16, same;
	u64 value[2] = { 0, 0 }, old[2], replacement[2];
	struct operand o;
	int err;

	if ((m->i->reg & 7) != 1)
		return -ENOTSUP;
	err = operand_find_own(m, operand_offset(m), m->i->size, USE_WRITE, &o);
	if (err)
		return err;
	if (operand_is_ram(m, &o)) {
		hvm->flush(m->v);
		return -EAGAIN;
	}
	err = wide ? access_16(m, &o, value, false) : operand_read(m, &o, value);
	if (err)
		return err;
	pair_get(m, GPR_RAX, GPR_RDX, old);
	pair_get(m, GPR_RBX, GPR_RCX, replacement);
	same = old[0] == value[0] && old[1] == value[1];
	if (!same)
		pair_set(m, GPR_RAX, GPR_RDX, value);
	else
		value[0] = replacement[0], value[1] = replacement[1];
	err = wide ? access_16(m, &o, value, true) : operand_write(m, &o, value[0]);
	if (!err)
		flags_set(m->v, RFLAGS_ZF, same ? RFLAGS_ZF : 0);
	return err;
}

enum bit_op { BIT_TEST, BIT_SET, BIT_RESET, BIT_COMPLEMENT };

/* The bit's number within the operand; a register reaches beyond it, in units of it. */
static u64 bit_position(struct emul *m, u64 *offset)
{
	const struct insn *i = m->i;
	u32 bits = 8 * i->size;
	s64 at;

	*offset = operand_offset(m);
	if (i->has_imm)
		return (u64)i->imm & (bits - 1);
	at = (s64)size_sign_extend(reg_get(m, i->reg, i->size), i->size);
	/* Rounded down: bits - 1 is a mask. */
	*offset = (*offset + (u64)((at & -(s64)bits) / 8)) & size_mask(i->addrsize);
	return (u64)at & (bits - 1);
}

int emul_bt(struct emul *m)
{
	const struct insn *i = m->i;
	enum bit_op op = (i->has_imm ? i->reg : i->opcode >> 3) & 3;
	u64 offset, bit, value = 0;
	struct operand o;
	bool was;
	int err;

	if (i->has_imm && (i->reg & 7) < 4)
		return -ENOTSUP;
	bit = BIT(bit_position(m, &offset));
	if (op == BIT_TEST)
		err = read_only(m, offset, &value);
	else
		err = read_to_modify(m, offset, &o, &value);
	if (err)
		return err;
	was = value & bit;
	if (op == BIT_SET)
		value |= bit;
	else if (op == BIT_RESET)
		value &= ~bit;
	else
		value ^= bit;
	if (op != BIT_TEST)
		err = operand_write(m, &o, value);
	if (!err)
		flags_set(m->v, RFLAGS_CF, was ? RFLAGS_CF : 0);
	return err;
}
