/*
 * The decoder (SDM vol. 2, chapter "Instruction Format"): prefixes, opcode, ModRM, SIB, displacement and
 * immediate. Two tables say what follows an opcode.
 */
#include "vm/decode.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "vm/emul.h"
#include "vm/vcpu.h"

/* What follows an opcode. */
enum form {
	FORM_UNKNOWN = 0,
	FORM_NONE = BIT(0), /* known, nothing follows */
	FORM_MODRM = BIT(1),
	FORM_IMM8 = BIT(2),
	FORM_IMM = BIT(3),    /* 2 or 4 bytes, by the operand size */
	FORM_MOFFS = BIT(4),  /* an absolute offset of the address size */
	FORM_GROUP3 = BIT(5), /* F6 and F7: an immediate for /0 and /1 alone */
};

#define MODRM FORM_MODRM
#define IMM8  FORM_IMM8
#define IMM   FORM_IMM
#define MOFFS FORM_MOFFS

/* What follows, and whom it is for: enum form and enum insn_op. */
#define ROW(form, op) ((form) | (op) << 8)

/* 00 to 3B: register to memory and memory to register, for each of eight operations. */
#define ALU(op) [(op)...(op) + 3] = ROW(MODRM, OP_ALU)

/* clang-format off */
static const u16 forms0[256] = {
	ALU(0x00), ALU(0x08), ALU(0x10), ALU(0x18), ALU(0x20), ALU(0x28), ALU(0x30), ALU(0x38),
	[0x63] = ROW(MODRM, OP_LOAD),
	[0x6c ... 0x6f] = ROW(FORM_NONE, OP_STRING),
	[0x80] = ROW(MODRM | IMM8, OP_ALU_IMM),
	[0x81] = ROW(MODRM | IMM, OP_ALU_IMM),
	[0x82 ... 0x83] = ROW(MODRM | IMM8, OP_ALU_IMM),
	[0x84 ... 0x85] = ROW(MODRM, OP_TEST),
	[0x86 ... 0x87] = ROW(MODRM, OP_XCHG),
	[0x88 ... 0x89] = ROW(MODRM, OP_STORE),
	[0x8a ... 0x8b] = ROW(MODRM, OP_LOAD),
	[0x8c] = ROW(MODRM, OP_STORE),
	[0x8f] = ROW(MODRM, OP_POP),
	[0x90] = ROW(FORM_NONE, OP_NONE),
	[0xa0 ... 0xa1] = ROW(MOFFS, OP_LOAD),
	[0xa2 ... 0xa3] = ROW(MOFFS, OP_STORE),
	[0xa4 ... 0xa7] = ROW(FORM_NONE, OP_STRING),
	[0xaa ... 0xaf] = ROW(FORM_NONE, OP_STRING),
	[0xc6] = ROW(MODRM | IMM8, OP_STORE),
	[0xc7] = ROW(MODRM | IMM, OP_STORE),
	[0xe4 ... 0xe7] = ROW(IMM8, OP_NONE),
	[0xec ... 0xef] = ROW(FORM_NONE, OP_NONE),
	[0xf4] = ROW(FORM_NONE, OP_NONE),
	[0xf6 ... 0xf7] = ROW(MODRM | FORM_GROUP3, OP_GROUP3),
	[0xfe ... 0xff] = ROW(MODRM, OP_GROUP5),
};

static const u16 forms1[256] = {
	[0x01] = ROW(MODRM, OP_NONE),
	[0x06] = ROW(FORM_NONE, OP_NONE),
	[0x08 ... 0x09] = ROW(FORM_NONE, OP_NONE),
	[0x0b] = ROW(FORM_NONE, OP_NONE),
	[0x20] = ROW(MODRM, OP_NONE),
	[0x22] = ROW(MODRM, OP_NONE),
	[0x30 ... 0x33] = ROW(FORM_NONE, OP_NONE),
	[0xa2] = ROW(FORM_NONE, OP_NONE),
	[0xa3] = ROW(MODRM, OP_BT),
	[0xab] = ROW(MODRM, OP_BT),
	[0xb0 ... 0xb1] = ROW(MODRM, OP_CMPXCHG),
	[0xb3] = ROW(MODRM, OP_BT),
	[0xb6 ... 0xb7] = ROW(MODRM, OP_LOAD),
	[0xba] = ROW(MODRM | IMM8, OP_BT),
	[0xbb] = ROW(MODRM, OP_BT),
	[0xbe ... 0xbf] = ROW(MODRM, OP_LOAD),
	[0xc0 ... 0xc1] = ROW(MODRM, OP_XADD),
	[0xc3] = ROW(MODRM, OP_STORE),
	[0xc7] = ROW(MODRM, OP_CMPXCHG8B),
};
/* clang-format on */

struct cursor {
	const u8 *bytes;
	size_t n, pos;
};

/* Inlined, so that each size is a load of its own. */
static __always_inline int take(struct cursor *c, size_t size, s64 *value)
{
	const u8 *at = c->bytes + c->pos;
	s64 v;

	c->pos += size;
	if (c->pos > INSN_MAX)
		return -EINVAL;
	if (c->pos > c->n)
		return -ERANGE;
	switch (size) {
	case 1:
		*value = (s8)*at;
		return 0;
	case 2:
		*value = (s16)(at[0] | at[1] << 8);
		return 0;
	case 4:
		*value = (s32)((u32)at[0] | (u32)at[1] << 8 | (u32)at[2] << 16 | (u32)at[3] << 24);
		return 0;
	default:
		memcpy(&v, at, sizeof(v));
		*value = v;
		return 0;
	}
}

static __always_inline int take_u8(struct cursor *c, u8 *value)
{
	s64 v = 0;
	int err = take(c, 1, &v);

	*value = (u8)v;
	return err;
}

/* True when b is a legacy prefix, which is then noted. */
static bool prefix(struct insn *i, u32 mode, u8 b)
{
	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		if (mode != 64) /* 64-bit code has FS and GS alone; an earlier one of them stays */
			i->seg = b >> 3 & 3;
		return true;
	case 0x64:
		i->seg = SEG_FS;
		return true;
	case 0x65:
		i->seg = SEG_GS;
		return true;
	case 0x66:
		i->opsize_prefix = true;
		return true;
	case 0x67:
		i->addrsize_prefix = true;
		return true;
	case 0xf0:
		i->lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		i->rep = b;
		return true;
	}
	return false;
}

static int decode_opcode(struct cursor *c, u32 mode, struct insn *i)
{
	u8 b;
	int err = take_u8(c, &b);

	while (!err) {
		bool rex = mode == 64 && (b & 0xf0) == 0x40;

		if (!rex && !prefix(i, mode, b))
			break;
		i->rex = rex ? b : 0; /* it counts right before the opcode only */
		err = take_u8(c, &b);
	}
	if (!err && b == 0x0f) {
		i->map = 1;
		err = take_u8(c, &b);
		if (!err && b == 0x38) {
			i->map = 2;
			err = take_u8(c, &b);
		}
	}
	i->opcode = b;
	return err;
}

static void sizes(u32 mode, struct insn *i)
{
	if (mode == 64) {
		i->opsize = i->rex & REX_W ? 8 : i->opsize_prefix ? 2 : 4;
		i->addrsize = i->addrsize_prefix ? 4 : 8;
	} else {
		i->opsize = (mode == 32) != i->opsize_prefix ? 4 : 2;
		i->addrsize = (mode == 32) != i->addrsize_prefix ? 4 : 2;
	}
}

/* SDM vol. 2, table "16-Bit Addressing Forms with the ModR/M Byte". */
static int address16(struct cursor *c, struct insn *i)
{
	static const u8 base[8] = { GPR_RBX, GPR_RBX, GPR_RBP, GPR_RBP,
				    GPR_RSI, GPR_RDI, GPR_RBP, GPR_RBX };
	static const u8 index[8] = { GPR_RSI, GPR_RDI, GPR_RSI, GPR_RDI,
				     NO_REG,  NO_REG,  NO_REG,  NO_REG };

	if (i->mod == 0 && i->rm == 6)
		return take(c, 2, &i->disp);
	i->base = base[i->rm];
	i->index = index[i->rm];
	return i->mod == 0 ? 0 : take(c, i->mod == 1 ? 1 : 2, &i->disp);
}

static int address32(struct cursor *c, u32 mode, struct insn *i)
{
	u8 rm = i->rm & 7, sib;

	if (rm == 4) {
		int err = take_u8(c, &sib);

		if (err)
			return err;
		i->scale = sib >> 6;
		i->index = (sib >> 3 & 7) | (i->rex & REX_X ? 8 : 0);
		if (i->index == GPR_RSP)
			i->index = NO_REG;
		rm = sib & 7;
		i->base = rm | (i->rex & REX_B ? 8 : 0);
		if (rm == 5 && i->mod == 0) {
			i->base = NO_REG;
			return take(c, 4, &i->disp);
		}
	} else if (rm == 5 && i->mod == 0) {
		i->rip_relative = mode == 64;
		return take(c, 4, &i->disp);
	} else {
		i->base = i->rm;
	}
	return i->mod == 0 ? 0 : take(c, i->mod == 1 ? 1 : 4, &i->disp);
}

static int decode_modrm(struct cursor *c, u32 mode, struct insn *i)
{
	u8 modrm;
	int err = take_u8(c, &modrm);

	if (err)
		return err;
	i->has_modrm = true;
	i->mod = modrm >> 6;
	i->reg = (modrm >> 3 & 7) | (i->rex & REX_R ? 8 : 0);
	i->rm = modrm & 7;
	/* MOV to and from control registers has a register operand whatever mod says. */
	i->memory = i->mod != 3 && !(i->map == 1 && (i->opcode == 0x20 || i->opcode == 0x22));
	if (!i->memory || i->addrsize != 2)
		i->rm |= i->rex & REX_B ? 8 : 0;
	if (!i->memory)
		return 0;
	return i->addrsize == 2 ? address16(c, i) : address32(c, mode, i);
}

/* The row of an opcode; 0: unknown. */
static u16 row_of(const struct insn *i, u32 mode)
{
	switch (i->map) {
	case 0:
		/* MOVSXD, else ARPL; 82 is 80, but not in 64-bit code. */
		if (i->opcode == (mode == 64 ? 0x82 : 0x63))
			return 0;
		return forms0[i->opcode];
	case 1:
		return forms1[i->opcode];
	default: /* with F2 it would be CRC32 */
		return (i->opcode & 0xfe) == 0xf0 && i->rep != 0xf2 ? ROW(MODRM, OP_MOVBE) : 0;
	}
}

/* Bytes of the memory operand. */
static u8 memory_size(const struct insn *i)
{
	u8 size = i->opcode & 1 ? i->opsize : 1;

	switch (i->op) {
	case OP_LOAD:
		if (i->map == 1) /* MOVZX, MOVSX */
			return i->opcode & 1 ? 2 : 1;
		return i->opcode == 0x63 ? MIN(i->opsize, 4) : size;
	case OP_STORE:
		return i->opcode == 0x8c && !i->map ? 2 : size; /* a selector */
	case OP_BT:
	case OP_MOVBE:
		return i->opsize;
	case OP_CMPXCHG8B:
		return i->rex & REX_W ? 16 : 8;
	case OP_STRING:
		/* There are no ports of 8 bytes. */
		return i->opcode < 0x70 ? MIN(size, 4) : size;
	}
	return size;
}

int insn_decode(const u8 *bytes, size_t n, u32 mode, struct insn *i)
{
	struct cursor c = { bytes, n, 0 };
	u16 row;
	u8 form;
	int err;

	*i = (struct insn){ .seg = NO_REG, .base = NO_REG, .index = NO_REG };
	err = decode_opcode(&c, mode, i);
	if (err)
		return err;
	sizes(mode, i);
	row = row_of(i, mode);
	form = (u8)row;
	if (form == FORM_UNKNOWN)
		return -EINVAL;
	if (form & FORM_MODRM)
		err = decode_modrm(&c, mode, i);
	if (!err && (form & FORM_GROUP3) && (i->reg & 7) < 2)
		form |= i->opcode & 1 ? FORM_IMM : FORM_IMM8;
	if (!err && (form & FORM_MOFFS)) {
		i->memory = true;
		err = take(&c, i->addrsize, &i->disp);
	}
	if (!err && (form & (FORM_IMM8 | FORM_IMM))) {
		i->has_imm = true;
		err = take(&c, form & FORM_IMM8 ? 1 : i->opsize == 2 ? 2 : 4, &i->imm);
	}
	i->len = (u8)c.pos;
	if (i->memory || row >> 8 == OP_STRING)
		i->op = row >> 8;
	i->size = memory_size(i);
	return err;
}

u32 insn_length_bytes(const u8 *bytes, size_t n, u32 mode)
{
	struct insn i;

	return insn_decode(bytes, n, mode, &i) ? 0 : i.len;
}
