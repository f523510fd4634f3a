/*
 * Random instructions (see emul_cases.h): an encoding is chosen, then a register set so that the operand
 * is where it shall be.
 */
#include "tests/host/emul_cases.h"

#include "tests/host/rand.h"
#include "vm/decode.h"
#include "vm/vcpu.h"

#include <string.h>

#define LOGIC          RFLAGS_AF
#define BITS_UNDEFINED (RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF)
#define UNDEF(x)       .undefined = (x)
#define W              .writes = true
#define L              .writes = true, .lock = true

#define ALU_ROWS(text, at, undef, how)                                                             \
	{ text " m,r8", CASE_RM, 0, (at), -1, how, UNDEF(undef) },                                 \
		{ text " m,r", CASE_RM, 0, (at) + 1, -1, how, UNDEF(undef) },                      \
		{ text " r8,m", CASE_RM, 0, (at) + 2, -1, UNDEF(undef) },                          \
		{ text " r,m", CASE_RM, 0, (at) + 3, -1, UNDEF(undef) },                           \
		{ text " m8,i", CASE_RM, 0, 0x80, (at) / 8, 1, how, UNDEF(undef) },                \
		{ text " m,i", CASE_RM, 0, 0x81, (at) / 8, 2, how, UNDEF(undef) },                 \
	{                                                                                          \
		text " m,i8", CASE_RM, 0, 0x83, (at) / 8, 1, how, UNDEF(undef)                     \
	}

/* clang-format off */
static const struct emul_row rows[] = {
	ALU_ROWS("add", 0x00, 0, L), ALU_ROWS("or", 0x08, LOGIC, L), ALU_ROWS("adc", 0x10, 0, L),
	ALU_ROWS("sbb", 0x18, 0, L), ALU_ROWS("and", 0x20, LOGIC, L), ALU_ROWS("sub", 0x28, 0, L),
	ALU_ROWS("xor", 0x30, LOGIC, L), ALU_ROWS("cmp", 0x38, 0, .writes = false),
	{ "82 /0", CASE_RM, 0, 0x82, 0, 1, L, .only = 32 },
	{ "test m8,r", CASE_RM, 0, 0x84, -1, UNDEF(LOGIC) },
	{ "test m,r", CASE_RM, 0, 0x85, -1, UNDEF(LOGIC) },
	{ "test m8,i", CASE_RM, 0, 0xf6, 0, 1, UNDEF(LOGIC) },
	{ "test m,i", CASE_RM, 0, 0xf7, 0, 2, UNDEF(LOGIC) },
	{ "test m,i (/1)", CASE_RM, 0, 0xf7, 1, 2, UNDEF(LOGIC) },
	{ "not m8", CASE_RM, 0, 0xf6, 2, L }, { "not m", CASE_RM, 0, 0xf7, 2, L },
	{ "neg m8", CASE_RM, 0, 0xf6, 3, L }, { "neg m", CASE_RM, 0, 0xf7, 3, L },
	{ "inc m8", CASE_RM, 0, 0xfe, 0, L }, { "inc m", CASE_RM, 0, 0xff, 0, L },
	{ "dec m8", CASE_RM, 0, 0xfe, 1, L }, { "dec m", CASE_RM, 0, 0xff, 1, L },
	{ "xchg m8", CASE_RM, 0, 0x86, -1, L }, { "xchg m", CASE_RM, 0, 0x87, -1, L },
	{ "mov m8,r", CASE_RM, 0, 0x88, -1, W }, { "mov m,r", CASE_RM, 0, 0x89, -1, W },
	{ "mov r8,m", CASE_RM, 0, 0x8a, -1 }, { "mov r,m", CASE_RM, 0, 0x8b, -1 },
	{ "mov m,ds", CASE_RM, 0, 0x8c, 3, W }, { "mov m,cs", CASE_RM, 0, 0x8c, 1, W },
	{ "mov al,[]", CASE_ABSOLUTE, 0, 0xa0 }, { "mov rax,[]", CASE_ABSOLUTE, 0, 0xa1 },
	{ "mov [],al", CASE_ABSOLUTE, 0, 0xa2, W }, { "mov [],rax", CASE_ABSOLUTE, 0, 0xa3, W },
	{ "mov m8,i", CASE_RM, 0, 0xc6, 0, 1, W }, { "mov m,i", CASE_RM, 0, 0xc7, 0, 2, W },
	{ "movsxd", CASE_RM, 0, 0x63, -1, .only = 64 },
	{ "movzx r,m8", CASE_RM, 1, 0xb6, -1 }, { "movzx r,m16", CASE_RM, 1, 0xb7, -1 },
	{ "movsx r,m8", CASE_RM, 1, 0xbe, -1 }, { "movsx r,m16", CASE_RM, 1, 0xbf, -1 },
	{ "movbe r,m", CASE_RM, 2, 0xf0, -1 }, { "movbe m,r", CASE_RM, 2, 0xf1, -1, W },
	{ "bt m,r", CASE_RM, 1, 0xa3, -1, UNDEF(BITS_UNDEFINED) },
	{ "bts m,r", CASE_RM, 1, 0xab, -1, L, UNDEF(BITS_UNDEFINED) },
	{ "btr m,r", CASE_RM, 1, 0xb3, -1, L, UNDEF(BITS_UNDEFINED) },
	{ "btc m,r", CASE_RM, 1, 0xbb, -1, L, UNDEF(BITS_UNDEFINED) },
	{ "bt m,i", CASE_RM, 1, 0xba, 4, 1, UNDEF(BITS_UNDEFINED) },
	{ "bts m,i", CASE_RM, 1, 0xba, 5, 1, L, UNDEF(BITS_UNDEFINED) },
	{ "btr m,i", CASE_RM, 1, 0xba, 6, 1, L, UNDEF(BITS_UNDEFINED) },
	{ "btc m,i", CASE_RM, 1, 0xba, 7, 1, L, UNDEF(BITS_UNDEFINED) },
	{ "cmpxchg m8", CASE_RM, 1, 0xb0, -1, L }, { "cmpxchg m", CASE_RM, 1, 0xb1, -1, L },
	{ "xadd m8", CASE_RM, 1, 0xc0, -1, L }, { "xadd m", CASE_RM, 1, 0xc1, -1, L },
	{ "cmpxchg8b", CASE_RM, 1, 0xc7, 1, L }, { "cmpxchg8b", CASE_RM, 1, 0xc7, 1, L },
	{ "movsb", CASE_STRING, 0, 0xa4, W }, { "movs", CASE_STRING, 0, 0xa5, W },
	{ "cmpsb", CASE_STRING, 0, 0xa6 }, { "cmps", CASE_STRING, 0, 0xa7 },
	{ "stosb", CASE_STRING, 0, 0xaa, W }, { "stos", CASE_STRING, 0, 0xab, W },
	{ "lodsb", CASE_STRING, 0, 0xac }, { "lods", CASE_STRING, 0, 0xad },
	{ "scasb", CASE_STRING, 0, 0xae }, { "scas", CASE_STRING, 0, 0xaf },
	{ "push m", CASE_STACK, 0, 0xff, 6 }, { "pop m", CASE_STACK, 0, 0x8f, 0, W },
};
/* clang-format on */

u32 emul_below(u32 n)
{
	return (u32)rand_below(n);
}

bool emul_one_in(u32 n)
{
	return !emul_below(n);
}

static void emit(struct emul_case *t, u64 value, u32 size)
{
	memcpy(t->code + t->len, &value, size);
	t->len += size;
}

u32 emul_case_size(const struct emul_case *t)
{
	const struct emul_row *r = t->row;

	if (r->map == 1 && (r->opcode & 0xf6) == 0xb6)
		return r->opcode & 1 ? 2 : 1;
	if (r->map == 1 && r->opcode == 0xc7)
		return t->opsize == 8 ? 16 : 8;
	if (r->map == 2 || r->opcode == 0xba)
		return t->opsize;
	if (r->kind == CASE_STACK)
		return t->mode == 64 && t->opsize == 4 ? 8 : t->opsize;
	if (r->opcode == 0x8c)
		return 2;
	if (r->opcode == 0x63)
		return t->opsize == 2 ? 2 : 4;
	return r->opcode & 1 ? t->opsize : 1;
}

/* An address in the data: mostly in devices, often at borders. */
static u64 pick_target(const struct emul_case *t)
{
	u32 size = emul_case_size(t), page = emul_below(4), at;

	switch (emul_below(8)) {
	case 0: /* over a page's end, or its device's */
		at = page * 4096 + 4096 - emul_below(size + 1);
		if (emul_one_in(4))
			at = EMUL_SPLIT - emul_below(size + 1);
		break;
	case 1: /* what can only be read, or is not there */
		at = emul_one_in(2) ? 4 * 4096 - 8 + emul_below(32) : 5 * 4096 - 8 + emul_below(16);
		break;
	default:
		page = page == EMUL_RAM_PAGE ? 1 : page;
		at = page * 4096 + 64 + emul_below(3900);
		break;
	}
	if (size == 16 && !emul_one_in(8))
		at &= ~15u;
	return NATIVE_DATA + at;
}

const struct native_segment *emul_case_segment(const struct emul_case *t, u32 seg)
{
	return &native_segments[t->config][seg];
}

/* The offset that gives linear address at in a segment, cut to the address size. */
static u64 offset_of(const struct emul_case *t, u32 seg, u64 at)
{
	u64 base = t->mode == 64 && seg != SEG_FS && seg != SEG_GS ?
			   0 :
			   emul_case_segment(t, seg)->base;

	return at - base;
}

static u64 cut(u64 value, u32 size)
{
	return size == 8 ? value : value & (BIT(8 * size) - 1);
}

/* Sets a register so that sum, in which it counts, becomes want in the address size. */
static void solve(struct emul_case *t, u32 r, u64 sum, u64 want)
{
	u64 *g = &t->before.gpr[r], need = want - (sum - *g);

	*g = t->addrsize == 8 ? need : (*g & ~(BIT(8 * t->addrsize) - 1)) | cut(need, t->addrsize);
}

/* The registers of 16-bit addresses, by ModRM.rm. */
static const u8 base16[8] = {
	GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP, GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX
};
static const u8 index16[4] = { GPR_RSI, GPR_RDI, GPR_RSI, GPR_RDI };

static void make_address16(struct emul_case *t, u32 reg)
{
	u32 rm = emul_below(8), mod = emul_below(3), seg = t->seg;
	s64 disp = mod == 1 ? (s8)rand_u64() : mod == 2 ? (s16)rand_u64() : 0;
	bool absolute = mod == 0 && rm == 6;
	u64 want, *g = t->before.gpr;

	if (seg == NO_REG)
		seg = base16[rm] == GPR_RBP && !absolute ? SEG_SS : SEG_DS;
	want = offset_of(t, seg, t->target);
	emit(t, mod << 6 | (reg & 7) << 3 | rm, 1);
	if (absolute) {
		emit(t, want, 2);
		return;
	}
	solve(t, base16[rm], g[base16[rm]] + (rm < 4 ? g[index16[rm]] : 0) + (u64)disp, want);
	emit(t, (u64)disp, mod);
	t->clash = base16[rm] == reg || (rm < 4 && index16[rm] == reg);
}

/* Which segment an address with base has when nothing overrides it. */
static u32 default_segment(u32 base)
{
	return base == GPR_RSP || base == GPR_RBP ? SEG_SS : SEG_DS;
}

/* The operand's encoding is chosen, then a register set so that it lies at the target. */
struct address {
	u8 rex; /* X and B */
	bool sib, relative, absolute;
	u8 base, index, scale, mod;
	s64 disp;
};

static void choose_address(struct emul_case *t, struct address *a)
{
	u32 n = t->mode == 64 ? 16 : 8;

	memset(a, 0, sizeof(*a));
	a->mod = emul_below(3);
	a->base = emul_below(n);
	a->index = GPR_RSP; /* none */
	if (emul_one_in(8) && !(t->mode == 64 && t->seg == SEG_FS)) {
		a->mod = 0;
		a->absolute = true;
		a->relative = t->mode == 64 && emul_one_in(2);
		a->sib = t->mode == 64 && !a->relative;
		a->base = GPR_RBP;
	} else {
		a->sib = emul_one_in(2) || (a->base & 7) == GPR_RSP;
		if (a->sib && emul_one_in(2)) {
			do
				a->index = emul_below(n);
			while (a->index == a->base || a->index == GPR_RSP);
			a->scale = emul_below(4);
		}
		if ((a->base & 7) == GPR_RBP && a->mod == 0)
			a->mod = 1;
		a->disp = a->mod == 1 ? (s8)rand_u64() : a->mod == 2 ? (s32)rand_u64() : 0;
		/* PUSH and POP have their own idea of RSP. */
		if (t->row->kind == CASE_STACK && (a->base == GPR_RSP || a->index == GPR_RSP)) {
			if (a->base == GPR_RSP)
				a->base = GPR_RBX, a->sib = false, a->index = GPR_RSP;
		}
	}
	a->rex = (a->index & 8 ? 2 : 0) | (a->base & 8 ? 1 : 0);
}

static void place(struct emul_case *t, struct address *a, u64 want)
{
	u64 *g = t->before.gpr, sum;

	if (a->absolute)
		return;
	sum = g[a->base] + (u64)a->disp;
	if (a->index != GPR_RSP)
		sum += g[a->index] << a->scale;
	solve(t, a->base, sum, want);
}

static void emit_address(struct emul_case *t, const struct address *a, u32 reg, u64 want,
			 u32 imm_size)
{
	emit(t, (u64)a->mod << 6 | (reg & 7) << 3 | (a->sib ? 4 : a->base & 7), 1);
	if (a->sib)
		emit(t, (u64)a->scale << 6 | (a->index & 7) << 3 | (a->base & 7), 1);
	if (a->relative)
		emit(t, want - (t->before.rip + t->len + 4 + imm_size), 4);
	else if (a->absolute)
		emit(t, want, 4);
	else
		emit(t, (u64)a->disp, a->mod == 2 ? 4 : a->mod);
}

static u64 random_value(void)
{
	static const u64 special[] = {
		0,    1,      ~0ull,      0x80, 0x8000, 0x80000000, 0x8000000000000000,
		0x7f, 0x7fff, 0x7fffffff, 0xff, 0xffff, 0xffffffff
	};
	u64 r = rand_u64();

	return emul_one_in(4) ? special[emul_below(ARRAY_LEN(special))] :
	       emul_one_in(4) ? (u64)(s8)r :
				r;
}

/* A segment override that is there natively, or none. */
static u32 choose_segment(struct emul_case *t, bool *prefix)
{
	static const u8 bytes[6] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
	u32 seg = emul_below(6);

	*prefix = emul_one_in(4);
	if (!*prefix)
		return NO_REG;
	/* FS has the C library's base, above 4 GiB: out of reach of shorter addresses. */
	if (t->mode == 64 && seg >= SEG_FS)
		seg = t->addrsize == 8 && emul_one_in(2) ? SEG_FS : SEG_GS;
	/* Around the code, the two have different things. */
	if (emul_case_segment(t, seg)->base == ~0ull ||
	    (seg == SEG_CS && emul_case_segment(t, seg)->base))
		seg = SEG_DS;
	emit(t, bytes[seg], 1);
	if (t->mode == 64 && seg < SEG_FS)
		return NO_REG;
	return seg;
}

/* Prefixes in random order; LOCK not over a cache line's end, where it stops the whole machine. */
static void prefixes(struct emul_case *t)
{
	const struct emul_row *r = t->row;
	bool lock = r->lock && emul_one_in(4) && (t->target & 63) + emul_case_size(t) <= 64, seg;
	bool rep = r->kind == CASE_STRING && !emul_one_in(3);
	u32 order = emul_below(2);

	if (order && lock)
		emit(t, 0xf0, 1);
	if (rep) {
		t->rep = emul_one_in(2) ? 0xf2 : 0xf3;
		emit(t, t->rep, 1);
	}
	t->seg = choose_segment(t, &seg);
	if (t->opsize != (t->mode == 16 ? 2 : 4) && t->opsize != 8)
		emit(t, 0x66, 1);
	if (t->addrsize != t->mode / 8)
		emit(t, 0x67, 1);
	if (!order && lock)
		emit(t, 0xf0, 1);
	if (emul_one_in(16) && t->mode == 64)
		emit(t, 0x48 | emul_below(8), 1), emit(t, t->opsize == 2 ? 0x66 : 0x3e, 1);
}

static void rex(struct emul_case *t, u32 reg, u32 bits)
{
	u32 b = 0x40 | bits | (reg & 8 ? 4 : 0) | (t->opsize == 8 ? 8 : 0);

	if (t->mode == 64 && (b != 0x40 || emul_one_in(4)))
		emit(t, b, 1);
}

static void opcode(struct emul_case *t)
{
	if (t->row->map)
		emit(t, 0x0f, 1);
	if (t->row->map == 2)
		emit(t, 0x38, 1);
	emit(t, t->row->opcode, 1);
}

static u32 imm_size(const struct emul_case *t)
{
	if (t->row->imm == 2)
		return t->opsize == 2 ? 2 : 4;
	return t->row->imm;
}

/* A bit offset from a register moves the target: keep it within the data. */
static void bit_offset(struct emul_case *t, u32 reg)
{
	u64 *g = &t->before.gpr[reg];
	s64 bits = (s64)emul_below(0x4000) - 0x2000, bytes;

	*g = t->opsize == 8 ? (u64)bits :
			      (*g & ~(BIT(8 * t->opsize) - 1)) | cut((u64)bits, t->opsize);
	bytes = (bits & -(s64)(8 * t->opsize)) / 8;
	t->target -= (u64)bytes;
}

static bool is_bit_string(const struct emul_row *r)
{
	return r->map == 1 && (r->opcode & 0xe7) == 0xa3;
}

static void make_rm(struct emul_case *t)
{
	const struct emul_row *r = t->row;
	u32 reg = r->ext >= 0 ? (u32)r->ext : emul_below(t->mode == 64 ? 16 : 8), seg;
	struct address a;
	u64 want, real = t->target;

	if (is_bit_string(r))
		bit_offset(t, reg);
	prefixes(t);
	if (t->addrsize == 2) {
		opcode(t);
		make_address16(t, reg);
	} else {
		choose_address(t, &a);
		seg = t->seg != NO_REG ? t->seg : default_segment(a.absolute ? 0 : a.base);
		want = offset_of(t, seg, t->target);
		place(t, &a, want);
		t->clash = !a.absolute && (a.base == reg || a.index == reg);
		t->uses_rax = !a.absolute && (a.base == GPR_RAX || a.index == GPR_RAX);
		rex(t, reg, a.rex);
		opcode(t);
		emit_address(t, &a, reg, want, imm_size(t));
	}
	emit(t, random_value(), imm_size(t));
	t->target = real;
}

static void set_address(struct emul_case *t, u32 r, u64 value)
{
	u64 *g = &t->before.gpr[r];

	*g = t->addrsize == 8 ? value :
				(*g & ~(BIT(8 * t->addrsize) - 1)) | cut(value, t->addrsize);
}

static void make_string(struct emul_case *t)
{
	u32 seg;

	prefixes(t);
	rex(t, 0, 0);
	opcode(t);
	seg = t->seg != NO_REG ? t->seg : SEG_DS;
	set_address(t, GPR_RSI, offset_of(t, seg, pick_target(t)));
	set_address(t, GPR_RDI, offset_of(t, SEG_ES, t->target));
	set_address(t, GPR_RCX, emul_one_in(16) ? 0 : emul_below(emul_one_in(8) ? 200 : 12));
}

static void make_stack(struct emul_case *t)
{
	u64 rsp =
		offset_of(t, SEG_SS, NATIVE_DATA + emul_below(3) * 4096 + 4090 - emul_below(3000));

	t->before.gpr[GPR_RSP] = rsp;
	make_rm(t);
}

static void make_absolute(struct emul_case *t)
{
	u32 seg;

	prefixes(t);
	rex(t, 0, 0);
	opcode(t);
	seg = t->seg != NO_REG ? t->seg : SEG_DS;
	emit(t, offset_of(t, seg, t->target), t->addrsize);
}

static void make(struct emul_case *t, enum native_config config, const u8 *pattern)
{
	static void (*const makers[])(struct emul_case * t) = { make_rm, make_string, make_stack,
								make_absolute };
	static const u8 modes[] = { 64, 32, 32, 16 };

	memset(t, 0, sizeof(*t));
	t->config = config;
	t->mode = modes[config];
	do
		t->row = &rows[emul_below(ARRAY_LEN(rows))];
	while (t->row->only && (t->row->only == 64) != (t->mode == 64));
	t->opsize = t->mode == 64 ? 2u << emul_below(3) : 2u << emul_below(2);
	/* MOVSXD with 66 reads 2 bytes on Intel CPUs, 4 on AMD's. */
	if (t->row->opcode == 0x63 && t->opsize == 2)
		t->opsize = 4;
	t->addrsize = t->mode / 8;
	if (emul_one_in(config == NATIVE_32_FLAT ? 64 : 4))
		t->addrsize = t->mode == 32 ? 2 : 4;
	for (u32 k = 0; k < 16; k++)
		t->before.gpr[k] = random_value();
	t->before.flags = 0x202 | (rand_u64() & (EMUL_STATUS | (emul_one_in(2) ? RFLAGS_DF : 0)));
	t->before.rip = NATIVE_CODE + (emul_one_in(4) ? 4096 - emul_below(16) : emul_below(2048));
	t->target = pick_target(t);
	/* 16-bit offsets from 0 are below the data. */
	t->exact = emul_one_in(2) && !(config == NATIVE_32_FLAT && t->addrsize == 2);
	makers[t->row->kind](t);
	/* Comparisons that come out equal. */
	if (t->row->map == 1 && (t->row->opcode & 0xfe) == 0xb0 && emul_one_in(2) && !t->uses_rax &&
	    t->target + 8 <= NATIVE_DATA + EMUL_PAGES * 4096)
		memcpy(&t->before.gpr[GPR_RAX], pattern + (t->target - NATIVE_DATA), 8);
}

void emul_case_make(struct emul_case *t, enum native_config config, const u8 *pattern)
{
	do
		make(t, config, pattern);
	while (t->len > INSN_MAX || (is_bit_string(t->row) && t->clash));
}

u64 emul_case_seed(u64 seed)
{
	if (seed)
		rand_state = seed;
	return rand_state;
}
