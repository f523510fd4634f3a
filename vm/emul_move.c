/*
 * Instructions that move to and from memory, and those that use the stack with a memory operand beside.
 */
#include "lib/errno.h"
#include "arch/cpu.h"
#include "arch/trap.h"
#include "vm/emul_operand.h"

static int store(struct emul *m, u64 value)
{
	struct operand o;
	int err = operand_find_own(m, operand_offset(m), m->i->size, USE_WRITE, &o);

	return err ? err : operand_write(m, &o, value);
}

static int load(struct emul *m, u32 size, u64 *value)
{
	struct operand o;
	int err = operand_find_own(m, operand_offset(m), size, USE_READ, &o);

	return err ? err : operand_read(m, &o, value);
}

int emul_store(struct emul *m)
{
	const struct insn *i = m->i;

	switch (i->opcode) {
	case 0x88:
	case 0x89:
		return store(m, reg_get(m, i->reg, i->size));
	case 0x8c: /* MOV from a segment register */
		if ((i->reg & 7) > SEG_GS)
			return emul_raise(m, TRAP_UD);
		vcpu_need(m->v, RG_CS | RG_SEG);
		return store(m, m->v->regs.seg[i->reg & 7].selector);
	case 0xa2:
	case 0xa3:
		return store(m, gpr_get(m->v, GPR_RAX));
	case 0xc3: /* MOVNTI */
		return i->size == 2 ? -ENOTSUP : store(m, gpr_get(m->v, i->reg));
	default: /* C6, C7: an immediate */
		return i->reg & 7 ? -ENOTSUP : store(m, (u64)i->imm);
	}
}

int emul_load(struct emul *m)
{
	const struct insn *i = m->i;
	bool sign = i->map ? i->opcode & 8 : i->opcode == 0x63;
	u32 to = i->map || i->opcode == 0x63 ? i->opsize : i->size;
	u64 value = 0;
	int err = load(m, i->size, &value);

	if (err)
		return err;
	if (sign) /* MOVSX, MOVSXD */
		value = size_sign_extend(value, i->size);
	reg_set(m, i->opcode >> 1 == 0xa0 >> 1 && !i->map ? GPR_RAX : i->reg, value, to);
	return 0;
}

static u64 swap_bytes(u64 value, u32 size)
{
	return __builtin_bswap64(value) >> (64 - 8 * size);
}

int emul_movbe(struct emul *m)
{
	const struct insn *i = m->i;
	u64 value = 0;
	int err;

	if (i->opcode & 1)
		return store(m, swap_bytes(gpr_get(m->v, i->reg), i->size));
	err = load(m, i->size, &value);
	if (!err)
		gpr_set(m->v, i->reg, swap_bytes(value, i->size), i->size);
	return err;
}

/* --- with the stack -------------------------------------------------------------------------- */

/* Of RSP as an address: 8, 4 or 2 bytes. */
static u32 stack_size(struct emul *m)
{
	if (m->mode == 64)
		return 8;
	vcpu_need(m->v, RG_CS);
	return m->v->regs.seg[SEG_SS].attr & SEG_ATTR_DB ? 4 : 2;
}

/* Of what is pushed: 64-bit code has no 32-bit form. */
static u32 push_size(const struct emul *m)
{
	return m->mode == 64 && m->i->opsize == 4 ? 8 : m->i->opsize;
}

static int push(struct emul *m, u64 value, u32 size)
{
	u32 width = stack_size(m);
	u64 rsp = gpr_get(m->v, GPR_RSP) - size;
	struct operand o;
	int err = operand_find(m, SEG_SS, rsp & size_mask(width), size, USE_WRITE, &o);

	if (!err)
		err = operand_write(m, &o, value);
	if (!err)
		gpr_set(m->v, GPR_RSP, rsp, width);
	return err;
}

int emul_push(struct emul *m)
{
	u32 size = push_size(m);
	u64 value = 0;
	int err = load(m, size, &value);

	return err ? err : push(m, value, size);
}

/* RSP as a base counts after it was moved. */
int emul_pop(struct emul *m)
{
	u32 size = push_size(m), width = stack_size(m);
	u64 rsp = gpr_get(m->v, GPR_RSP), value = 0;
	struct operand from, to;
	int err;

	if (m->i->reg & 7)
		return -ENOTSUP;
	err = operand_find(m, SEG_SS, rsp & size_mask(width), size, USE_READ, &from);
	if (err)
		return err;
	gpr_set(m->v, GPR_RSP, rsp + size, width);
	err = operand_find_own(m, operand_offset(m), size, USE_WRITE, &to);
	if (!err)
		err = operand_read(m, &from, &value);
	if (!err)
		err = operand_write(m, &to, value);
	if (err)
		gpr_set(m->v, GPR_RSP, rsp, 8);
	return err;
}

/* Near CALL and JMP through memory. */
int emul_branch(struct emul *m)
{
	struct vcpu *v = m->v;
	u32 size = push_size(m);
	u64 target = 0, next;
	int err;

	if (m->mode == 64 && size != 8)
		return -ENOTSUP; /* Intel ignores the prefix, AMD does not */
	err = load(m, size, &target);
	if (err)
		return err;
	vcpu_need(v, RG_RIP | RG_CS);
	if (m->mode == 64 ? (u64)((s64)(target << 16) >> 16) != target :
			    target > v->regs.seg[SEG_CS].limit)
		return emul_raise_zero(m, TRAP_GP);
	next = v->regs.rip + m->i->len;
	if ((m->i->reg & 7) == 2)
		err = push(m, next & size_mask(size), size);
	if (err)
		return err;
	v->regs.rip = target - m->i->len; /* what is stepped over brings it there */
	vcpu_dirty(v, RG_RIP);
	return 0;
}
