/*
 * Emulation of the instruction at which the guest stopped. Its bytes are fetched and decoded once;
 * everything after uses that copy. What was decoded is remembered by its bytes.
 */
#include "vm/emul.h"

#include "arch/cpu.h"
#include "arch/trap.h"
#include "arch/window.h"
#include "lib/errno.h"
#include "mm/layout.h"
#include "vm/decode.h"
#include "vm/emul_operand.h"
#include "vm/hvm.h"
#include "vm/ioaccess.h"
#include "vm/moveseen.h"
#include "vm/skip.h"
#include "vm/vcpu.h"
#include "vm/vm.h"
#include "vm/walk.h"

/* What is at RIP: one byte more than an instruction has makes whole words. */
struct fetched {
	u32 mode; /* 16, 32 or 64 */
	u32 n;
	union {
		u8 bytes[INSN_MAX + 1];
		u64 words[2];
	};
};

static_assert(INSN_MAX + 1 == sizeof(((struct fetched *)0)->words), "the same");

/* All of them from one page. False: they are not, or not RAM. */
static __always_inline bool fetch_at_once(struct vcpu *v, u64 va, struct fetched *f)
{
	const u8 *at;
	struct walk w;
	u32 fault;
	bool ok;

	if (unlikely((va & PAGE_MASK) > PAGE_SIZE - sizeof(f->bytes)) ||
	    unlikely(walk_guest(v, va, &w, &fault)) || unlikely(w.gpa.v >= v->vm->window_end))
		return false;
	at = (const u8 *)(WINDOW_BASE + w.gpa.v); /* window_end is page-aligned */
	window_open();
	ok = window_load64(at, &f->words[0]) && window_load64(at + 8, &f->words[1]);
	window_close();
	return ok;
}

/* Fetches as many bytes as are mapped, at most INSN_MAX + 1. */
static void fetch(struct vcpu *v, struct fetched *f)
{
	u64 va;
	u32 size = sizeof(f->bytes), first;

	vcpu_need(v, RG_RIP | RG_CR | RG_CS);
	f->mode = vcpu_mode(v);
	va = v->regs.rip;
	if (f->mode != 64)
		va = (u32)(va + v->regs.seg[SEG_CS].base);
	f->n = size;
	if (likely(fetch_at_once(v, va, f)))
		return;
	f->n = 0;
	first = MIN(size, (u32)(PAGE_SIZE - (va & PAGE_MASK)));
	if (vcpu_fetch(v, va, f->bytes, first))
		return;
	f->n = first;
	va = f->mode == 64 ? va + first : (u32)(va + first);
	if (first < size && !vcpu_fetch(v, va, f->bytes + first, size - first))
		f->n = size;
}

u32 insn_length(struct vcpu *v)
{
	struct fetched f;

	fetch(v, &f);
	return insn_length_bytes(f.bytes, f.n, f.mode);
}

/* MOV of 4 or 8 bytes between a register and [base + displacement], as drivers have it. */
static bool is_plain(const struct insn *i, u32 mode)
{
	return mode == 64 && !i->map && (i->opcode == 0x89 || i->opcode == 0x8b) && i->memory &&
	       !i->lock && i->size >= 4 && i->addrsize == 8 && i->seg == NO_REG &&
	       i->index == NO_REG && i->base != NO_REG && i->base != GPR_RSP && i->reg != GPR_RSP;
}

/*
 * Such a one, where it is the access that the CPU translated and stopped at: what emul_load() and
 * emul_store() do, without the detours.
 */
static __always_inline bool move_plain(struct vcpu *v, const struct vm_exit *e,
				       const struct insn *i)
{
	u64 va = v->regs.gpr[i->base] + (u64)i->disp, value = v->regs.gpr[i->reg];
	bool write = i->opcode == 0x89;

	if (unlikely((va ^ e->s2.gpa.v) & PAGE_MASK) ||
	    unlikely((va & PAGE_MASK) + i->size > PAGE_SIZE) || unlikely(write != e->s2.write))
		return false;
	device_access(v, e->s2.gpa, &value, i->size, write);
	if (!write)
		v->regs.gpr[i->reg] = value;
	return true;
}

/*
 * The instruction at RIP, which stays as it is until the next call; NULL: none that the decoder knows.
 * The bytes and the mode are all that decoding depends on, so what is remembered by them is never stale.
 */
static struct insn_known *insn_at_rip(struct vcpu *v, struct fetched *f)
{
	struct insn_known *k;

	fetch(v, f);
	k = &v->insns[v->regs.rip % ARRAY_LEN(v->insns)];
	if (likely(k->words[0] == f->words[0]) && likely(k->words[1] == f->words[1]) &&
	    likely(k->mode == f->mode) && likely(f->n == sizeof(f->bytes)))
		return k;
	k->mode = 0;
	if (insn_decode(f->bytes, f->n, f->mode, &k->insn))
		return NULL;
	k->plain = is_plain(&k->insn, f->mode);
	if (f->n == sizeof(f->bytes)) {
		k->words[0] = f->words[0];
		k->words[1] = f->words[1];
		k->mode = f->mode;
	}
	return k;
}

static const char hex_digits[] = "0123456789abcdef";

static void stop_with_bytes(struct vcpu *v, const char *what, const struct fetched *f)
{
	char text[INSN_MAX * 3 + 1];
	u32 n = MIN(f->n, (u32)INSN_MAX);

	for (u32 k = 0; k < n; k++) {
		text[3 * k] = ' ';
		text[3 * k + 1] = hex_digits[f->bytes[k] >> 4];
		text[3 * k + 2] = hex_digits[f->bytes[k] & 15];
	}
	text[3 * n] = 0;
	vm_stop(v->vm, STOP_EMULATION, "%s at rip %#llx, bytes%s", what,
		(unsigned long long)vcpu_rip(v), text);
}

/* Whether LOCK may stand before it; elsewhere it is #UD (SDM vol. 2, "LOCK"). */
static bool lockable(const struct insn *i)
{
	u32 which = i->reg & 7;

	switch (i->op) {
	case OP_ALU:
		return !(i->opcode & 2) && i->opcode < 0x38;
	case OP_ALU_IMM:
		return which < 7;
	case OP_GROUP3:
		return which == 2 || which == 3;
	case OP_GROUP5:
		return which < 2;
	case OP_BT:
		return i->has_imm ? which > 4 : i->opcode != 0xa3;
	case OP_XCHG:
	case OP_CMPXCHG:
	case OP_XADD:
		return true;
	case OP_CMPXCHG8B:
		return which == 1;
	}
	return false;
}

static int (*const functions[OP_COUNT])(struct emul *m) = {
	[OP_STORE] = emul_store,   [OP_LOAD] = emul_load,       [OP_MOVBE] = emul_movbe,
	[OP_ALU] = emul_alu,       [OP_ALU_IMM] = emul_alu_imm, [OP_TEST] = emul_test,
	[OP_GROUP3] = emul_group3, [OP_GROUP5] = emul_group5,   [OP_POP] = emul_pop,
	[OP_XCHG] = emul_xchg,     [OP_CMPXCHG] = emul_cmpxchg, [OP_CMPXCHG8B] = emul_cmpxchg8b,
	[OP_XADD] = emul_xadd,     [OP_BT] = emul_bt,           [OP_STRING] = emul_string,
};

/* Steps over what was done. It is no longer the instruction that RF was for. */
static inline void finish(struct vcpu *v, const struct insn *i)
{
	struct vm_exit done = { .insn_len = i->len };

	vcpu_need(v, RG_RIP | RG_RFLAGS | RG_SHADOW);
	vcpu_skip(v, &done);
	clear_rf(v);
}

static void stop(struct vcpu *v, int err, const struct fetched *f)
{
	stop_with_bytes(v,
			err == -EIO ? "memory that is not there used" :
				      "instruction outside the emulator's scope",
			f);
}

static int emulate(struct vcpu *v, const struct vm_exit *e, const struct insn *i, u32 mode)
{
	struct emul m = { .v = v, .e = e, .i = i, .mode = mode };

	/* INS and OUTS stop at their port first. */
	if (!i->op || (i->op == OP_STRING && i->opcode < 0x70))
		return -ENOTSUP;
	if (unlikely(i->lock) && !lockable(i))
		return emul_raise(&m, TRAP_UD);
	return functions[i->op](&m);
}

/* Such a one as move_plain()'s again. False: not as it was, or there is more to do. */
static __always_inline bool move_again(struct vcpu *v, const struct vm_exit *e,
				       const struct move_seen *m)
{
	u64 va = v->regs.gpr[m->base] + m->disp, *reg = &v->regs.gpr[m->reg];

	if (unlikely((va ^ e->s2.gpa.v) & PAGE_MASK) ||
	    unlikely((va & PAGE_MASK) + m->size > PAGE_SIZE) || unlikely(m->write != e->s2.write) ||
	    unlikely(!vcpu_skips_at_once(v, m->len)))
		return false;
	v->io.value = *reg;
	device_access(v, e->s2.gpa, &v->io.value, m->size, m->write);
	if (!m->write)
		*reg = v->io.value;
	vcpu_skip_at_once(v, m->len);
	clear_rf(v);
	return true;
}

static __noinline void mmio_other(struct vcpu *v, const struct vm_exit *e)
{
	struct fetched f;
	struct insn_known *k = insn_at_rip(v, &f);
	int err = 0;

	if (unlikely(!k))
		err = -ENOTSUP;
	else if (!k->plain || !move_plain(v, e, &k->insn))
		err = emulate(v, e, &k->insn, f.mode);
	else
		move_remember(v, e, &k->insn, f.words[0]);
	if (likely(!err))
		finish(v, &k->insn);
	else if (err != -EFAULT && err != -EAGAIN)
		stop(v, err, &f);
}

void emul_mmio(struct vcpu *v, const struct vm_exit *e)
{
	const struct move_seen *m = move_at_rip(v, e);

	if (unlikely(!m) || unlikely(!move_again(v, e, m)))
		mmio_other(v, e);
}

/* The port, size and direction are the exit's; where the code does not agree, it was replaced. */
static bool is_string_io(const struct insn *i, const struct vm_exit *e)
{
	return i->op == OP_STRING && i->opcode < 0x70 && i->size == e->port.size &&
	       (i->opcode >= 0x6e) == e->port.write;
}

static __noinline void port_string(struct vcpu *v, const struct vm_exit *e)
{
	struct fetched f;
	struct insn_known *k = insn_at_rip(v, &f);
	struct emul m = { .v = v, .e = e, .mode = f.mode };
	int err;

	if (!k || !is_string_io(&k->insn, e)) {
		stop_with_bytes(v, "string I/O that cannot be decoded", &f);
		return;
	}
	m.i = &k->insn;
	err = emul_string(&m);
	if (!err)
		finish(v, m.i);
	else if (err != -EFAULT && err != -EAGAIN)
		stop(v, err, &f);
}

/* IN or OUT: before the access, and after it. */
static __always_inline void port_begin(struct vcpu *v, const struct vm_exit *e)
{
	v->io.value = v->regs.gpr[GPR_RAX];
	v->io.size = e->port.size;
	v->io.write = e->port.write;
}

static __always_inline void port_end(struct vcpu *v)
{
	/* By size: what IN leaves of RAX. */
	static const u64 kept[5] = { [1] = ~0xffULL, [2] = ~0xffffULL };
	u64 *rax = &v->regs.gpr[GPR_RAX];

	if (!v->io.write)
		*rax = (*rax & kept[v->io.size]) | v->io.value;
}

static __noinline void port_other(struct vcpu *v, const struct vm_exit *e)
{
	if (e->port.string) {
		port_string(v, e);
		return;
	}
	port_begin(v, e);
	vcpu_io(v, IO_PORT, e->port.port);
	port_end(v);
	vcpu_skip(v, e);
}

void emul_port(struct vcpu *v, const struct vm_exit *e)
{
	const struct io_range *r = v->io_last[IO_PORT];

	if (unlikely(e->port.string) || unlikely(!vcpu_skips_at_once(v, e->insn_len)) ||
	    unlikely(!r) || unlikely(!io_range_holds(r, e->port.port, e->port.size))) {
		port_other(v, e);
		return;
	}
	vcpu_skip_at_once(v, e->insn_len);
	port_begin(v, e);
	io_range_access(r, e->port.port, &v->io);
	port_end(v);
}
