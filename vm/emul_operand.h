/*
 * What the emulated instructions work on: registers, flags and memory operands. An operand in memory is
 * found first (segment, translation and rights of all its bytes), then read and written: an instruction
 * that faults has touched nothing. For vm/emul*.c alone.
 */
#pragma once

#include "arch/cpu.h"
#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "vm/decode.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"

/* The instruction that is being emulated, on v's thread. */
struct emul {
	struct vcpu *v;
	const struct vm_exit *e;
	const struct insn *i;
	u32 mode; /* 16, 32 or 64 */
};

/*
 * What the functions of an instruction return, beside 0: it is done, step over it.
 *   -EFAULT   an exception was raised (or the VM stopped, where that was a third one)
 *   -EAGAIN   not done yet, the guest executes it (again)
 *   -ENOTSUP  outside the scope
 *   -EIO      RAM that is not there
 */
int emul_store(struct emul *m);
int emul_load(struct emul *m);
int emul_movbe(struct emul *m);
int emul_alu(struct emul *m);
int emul_alu_imm(struct emul *m);
int emul_test(struct emul *m);
int emul_group3(struct emul *m);
int emul_group5(struct emul *m);
int emul_pop(struct emul *m);
int emul_xchg(struct emul *m);
int emul_cmpxchg(struct emul *m);
int emul_cmpxchg8b(struct emul *m);
int emul_xadd(struct emul *m);
int emul_bt(struct emul *m);
int emul_string(struct emul *m);

/* CALL, JMP and PUSH, by i->reg; the others of FE and FF are emul_group5()'s. */
int emul_branch(struct emul *m);
int emul_push(struct emul *m);

/* --- registers ------------------------------------------------------------------------------- */

/* All ones in so many bytes: 1, 2, 4 or 8. */
static __always_inline u64 size_mask(u32 size)
{
	return ~0ULL >> (64 - 8 * size);
}

static __always_inline u64 size_sign_extend(u64 value, u32 size)
{
	u32 shift = 64 - 8 * size;

	return (u64)((s64)(value << shift) >> shift);
}

static inline u64 gpr_get(struct vcpu *v, u32 r)
{
	if (r == GPR_RSP)
		vcpu_need(v, RG_RSP);
	return v->regs.gpr[r];
}

/* Writes size bytes of a register as the CPU does: 4-byte writes clear the upper half. */
static __always_inline void gpr_set(struct vcpu *v, u32 r, u64 value, u32 size)
{
	u64 mask = size_mask(size);

	value &= mask;
	if (size < 4)
		value |= gpr_get(v, r) & ~mask;
	v->regs.gpr[r] = value;
	if (r == GPR_RSP)
		vcpu_dirty(v, RG_RSP);
}

/* A register operand of size bytes. Byte registers without REX: 4 to 7 are AH, CH, DH, BH. */
u64 reg_get(struct emul *m, u32 r, u32 size);
void reg_set(struct emul *m, u32 r, u64 value, u32 size);

/* Replaces the flags that mask names. */
static inline void flags_set(struct vcpu *v, u64 mask, u64 flags)
{
	vcpu_need(v, RG_RFLAGS);
	v->regs.rflags = (v->regs.rflags & ~mask) | (flags & mask);
	vcpu_dirty(v, RG_RFLAGS);
}

/* What an instruction that was executed leaves of RF: VT-x's exits for memory set it. */
static __always_inline void clear_rf(struct vcpu *v)
{
	if (v->regs.rflags & RFLAGS_RF) {
		v->regs.rflags &= ~RFLAGS_RF;
		v->dirty |= RG_STEPPED;
	}
}

/* --- memory ---------------------------------------------------------------------------------- */

/* Where an operand is. */
struct operand {
	gpa_t at[2]; /* its first byte, and the first one of the next page */
	u32 size;    /* 1, 2, 4, 8 or 16 bytes */
	u32 first;   /* so many of them in the first page */
	bool exited; /* the access that the CPU stopped at: not RAM */
};

enum operand_use { USE_READ = 0, USE_WRITE = 1 }; /* write: or both */

/* Offset and segment of the operand that ModRM names. */
u64 operand_offset(struct emul *m);
u32 operand_segment(const struct emul *m);

/*
 * Finds the operand at offset of segment seg: limit, type or canonical address, alignment where that
 * is checked, translation. -EFAULT: what the CPU raises has been raised.
 */
int operand_find(struct emul *m, u32 seg, u64 offset, u32 size, enum operand_use use,
		 struct operand *o) __must_check;

/*
 * The same for an instruction's only operand of this use, at offset of its segment, after EXIT_S2. Where it
 * is the access that the CPU translated and stopped at (the code may have been replaced since), nothing
 * needs translating again.
 */
int operand_find_own(struct emul *m, u64 offset, u32 size, enum operand_use use, struct operand *o)
	__must_check;

/* True when no byte of it is a device's. */
bool operand_is_ram(struct emul *m, const struct operand *o);

/* Up to 8 bytes. 0 or -EIO. */
int operand_read(struct emul *m, const struct operand *o, u64 *value) __must_check;
int operand_write(struct emul *m, const struct operand *o, u64 value) __must_check;

/* Reads or writes 1, 2, 4 or 8 bytes within one page that is not RAM. What nobody has reads as ones. */
void device_access(struct vcpu *v, gpa_t gpa, u64 *value, u32 size, bool write);

/* Raises an exception: -EFAULT. */
int emul_raise(struct emul *m, u8 vector);
/* The same with an error code of 0. */
int emul_raise_zero(struct emul *m, u8 vector);
