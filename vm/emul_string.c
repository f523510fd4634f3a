/*
 * String instructions, INS and OUTS among them. Each iteration is whole or not done at all, and RCX, RSI
 * and RDI are those of what is done: a REP can stop after any, for a fault, an interrupt or because it
 * had its share, and the guest executes the instruction again for the rest.
 */
#include "arch/cpu.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "vm/emul_alu.h"
#include "vm/emul_operand.h"
#include "vm/ioaccess.h"
#include "vm/vm.h"

#define STRING_BATCH 64 /* iterations of one REP per exit; the rest comes back */

#define REP_NE 0xf2
#define REP_E  0xf3

/* What an instruction does, by opcode / 2. */
struct string_kind {
	bool reads_si, reads_di, writes_di, compares;
	bool in, out; /* of a port */
};

#define KIND(opcode) [(opcode) / 2]
static const struct string_kind kinds[0x80] = {
	KIND(0x6c) = { .writes_di = true, .in = true },                        /* INS */
	KIND(0x6e) = { .reads_si = true, .out = true },                        /* OUTS */
	KIND(0xa4) = { .reads_si = true, .writes_di = true },                  /* MOVS */
	KIND(0xa6) = { .reads_si = true, .reads_di = true, .compares = true }, /* CMPS */
	KIND(0xaa) = { .writes_di = true },                                    /* STOS */
	KIND(0xac) = { .reads_si = true },                                     /* LODS */
	KIND(0xae) = { .reads_di = true, .compares = true },                   /* SCAS */
};

static void port(struct emul *m, u64 *value, bool write)
{
	struct io_access *a = &m->v->io;

	a->value = *value;
	a->size = m->i->size;
	a->write = write;
	vcpu_io(m->v, IO_PORT, m->e->port.port);
	if (!write)
		*value = a->value;
}

/* Finds the operand at DS:RSI (or an override) or at ES:RDI. */
static int find(struct emul *m, u32 r, enum operand_use use, struct operand *o)
{
	const struct insn *i = m->i;
	u32 seg = r == GPR_RDI ? SEG_ES : i->seg != NO_REG ? i->seg : SEG_DS;

	return operand_find(m, seg, gpr_get(m->v, r) & size_mask(i->addrsize), i->size, use, o);
}

static void step(struct emul *m, u32 r)
{
	u64 size = m->i->size;

	/* Address-size writes: 4 bytes clear the upper half, 2 keep the rest. */
	gpr_set(m->v, r, gpr_get(m->v, r) + (m->v->regs.rflags & RFLAGS_DF ? -size : size),
		m->i->addrsize);
}

/* CMPS: the source less the destination; SCAS: the accumulator less the destination. */
static void compare(struct emul *m, const struct string_kind *k, u64 source, u64 destination)
{
	u64 flags = m->v->regs.rflags;
	u64 left = k->reads_si ? source : gpr_get(m->v, GPR_RAX);

	alu(ALU_CMP, left, destination, m->i->size, &flags);
	flags_set(m->v, ALU_FLAGS, flags);
}

/* The accesses of one iteration, whose operands are found. */
static int access(struct emul *m, const struct string_kind *k, const struct operand *si,
		  const struct operand *di)
{
	u64 value = gpr_get(m->v, GPR_RAX), destination = 0;
	int err = 0;

	if (k->in)
		port(m, &value, false);
	if (k->reads_si)
		err = operand_read(m, si, &value);
	if (!err && k->reads_di)
		err = operand_read(m, di, &destination);
	if (!err && k->writes_di)
		err = operand_write(m, di, value);
	if (err)
		return err;
	if (k->out)
		port(m, &value, true);
	if (k->compares)
		compare(m, k, value, destination);
	else if (!k->out && !k->writes_di) /* LODS */
		gpr_set(m->v, GPR_RAX, value, m->i->size);
	return 0;
}

/* One iteration. -EAGAIN: nothing done, since it is all RAM's and not the first. */
static int once(struct emul *m, const struct string_kind *k, bool first)
{
	bool uses_si = k->reads_si, uses_di = k->reads_di || k->writes_di;
	struct operand si, di;
	int err = 0;

	if (uses_si)
		err = find(m, GPR_RSI, USE_READ, &si);
	if (!err && uses_di)
		err = find(m, GPR_RDI, k->writes_di ? USE_WRITE : USE_READ, &di);
	if (err)
		return err;
	if (!first && !k->in && !k->out && (!uses_si || operand_is_ram(m, &si)) &&
	    (!uses_di || operand_is_ram(m, &di)))
		return -EAGAIN;
	err = access(m, k, &si, &di);
	if (err)
		return err;
	if (uses_si)
		step(m, GPR_RSI);
	if (uses_di)
		step(m, GPR_RDI);
	return 0;
}

/*
 * Some of a REP's iterations are done: the next comes as if this were an instruction of its own, but RF
 * stays off its breakpoint (SDM vol. 3, "Resume Flag"), and TF traps behind each.
 */
static int later(struct emul *m)
{
	struct vcpu *v = m->v;

	vcpu_need(v, RG_SHADOW);
	if (v->regs.shadow & (SHADOW_STI | SHADOW_MOVSS)) {
		v->regs.shadow &= ~(u32)(SHADOW_STI | SHADOW_MOVSS);
		vcpu_dirty(v, RG_SHADOW);
	}
	flags_set(v, RFLAGS_RF, RFLAGS_RF);
	if (v->regs.rflags & RFLAGS_TF) {
		vcpu_merge_dr6(v, DR6_BS);
		vcpu_raise(v, TRAP_DB);
	}
	return -EAGAIN;
}

/* True when that iteration was the last one, RCX counted down. */
static bool was_last(struct emul *m, const struct string_kind *k)
{
	const struct insn *i = m->i;
	u64 count = gpr_get(m->v, GPR_RCX) - 1;

	gpr_set(m->v, GPR_RCX, count, i->addrsize);
	if (!(count & size_mask(i->addrsize)))
		return true;
	return k->compares && (i->rep == REP_E) != !!(m->v->regs.rflags & RFLAGS_ZF);
}

int emul_string(struct emul *m)
{
	const struct insn *i = m->i;
	const struct string_kind *k = &kinds[i->opcode / 2];
	u32 batch;
	int err;

	vcpu_need(m->v, RG_RFLAGS);
	batch = m->v->regs.rflags & RFLAGS_TF ? 1 : STRING_BATCH;
	if (!i->rep)
		return once(m, k, true);
	if (!(gpr_get(m->v, GPR_RCX) & size_mask(i->addrsize)))
		return 0;
	for (u32 n = 0; n < batch; n++) {
		err = once(m, k, n == 0);
		if (err)
			return err == -EAGAIN ? later(m) : err;
		if (was_last(m, k))
			return 0;
	}
	return later(m);
}
