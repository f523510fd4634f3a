/*
 * Accesses to control registers. With decode assists the CPU names the register of a MOV; for all
 * else the instruction is decoded (AMD APM vol. 3, MOV CRn, CLTS, LMSW, SMSW).
 */
#include "svm/backend.h"

#include "arch/cpu.h"
#include "svm/insnlen.h"
#include "vm/hvm.h"
#include "vm/skip.h"
#include "vm/vcpu.h"

#define REX_W BIT(3)
#define REX_R BIT(2)
#define REX_B BIT(0)

struct prefixes {
	u8 count; /* bytes */
	u8 rex;
	bool lock, opsize;
};

static struct prefixes prefixes_read(const u8 *b, size_t n, u32 mode)
{
	struct prefixes p = { 0 };

	for (; p.count < n; p.count++) {
		u8 rex = 0; /* it counts right before the opcode only */

		switch (b[p.count]) {
		case 0xf0:
			p.lock = true;
			break;
		case 0x66:
			p.opsize = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
		case 0x67:
		case 0xf2:
		case 0xf3:
			break;
		default:
			if (mode != 64 || (b[p.count] & 0xf0) != 0x40)
				return p;
			rex = b[p.count];
		}
		p.rex = rex;
	}
	return p;
}

static u8 operand_size(const struct prefixes *p, u32 mode)
{
	if (p->rex & REX_W)
		return 8;
	return (mode == 16) != p->opsize ? 2 : 4;
}

/* 0f 20: from CRn, 0f 22: to CRn. LOCK means CR8 for CR0 ("AltMovCr8"). */
static bool decode_mov(const struct prefixes *p, u8 opcode, u8 modrm, struct cr_insn *out)
{
	out->write = opcode == 0x22;
	out->cr = (u8)((modrm >> 3 & 7) | (p->rex & REX_R ? 8 : 0));
	if (p->lock && !out->cr)
		out->cr = 8;
	out->gpr = (u8)((modrm & 7) | (p->rex & REX_B ? 8 : 0));
	return out->cr == 0 || out->cr == 3 || out->cr == 4 || out->cr == 8;
}

/* 0f 01 /4: SMSW, /6: LMSW */
static bool decode_msw(const struct prefixes *p, u8 modrm, u32 mode, struct cr_insn *out)
{
	u8 op = modrm >> 3 & 7;

	out->smsw = op == 4;
	out->lmsw = op == 6;
	out->write = out->lmsw;
	out->memory = modrm >> 6 != 3;
	out->gpr = (u8)((modrm & 7) | (p->rex & REX_B ? 8 : 0));
	out->size = operand_size(p, mode);
	return out->smsw || out->lmsw;
}

bool cr_insn_decode(const u8 *b, size_t n, u32 mode, struct cr_insn *out)
{
	struct prefixes p = prefixes_read(b, n, mode);
	size_t at = p.count;

	*out = (struct cr_insn){ 0 };
	if (at + 2 > n || b[at] != 0x0f)
		return false;
	out->len = (u8)(at + 2);
	if (b[at + 1] == 0x06) {
		out->clts = true;
		out->write = true;
		return true;
	}
	if (at + 3 > n)
		return false;
	out->len++;
	switch (b[at + 1]) {
	case 0x20:
	case 0x22:
		return decode_mov(&p, b[at + 1], b[at + 2], out);
	case 0x01:
		return decode_msw(&p, b[at + 2], mode, out);
	default:
		return false;
	}
}

/* The bytes at RIP, as many as there are up to 15. */
static size_t fetch(struct vcpu *v, u8 *bytes)
{
	u64 va = v->regs.rip;
	size_t first = MIN((size_t)INSN_LEN_MAX, PAGE_SIZE - (va & PAGE_MASK));

	vcpu_need(v, RG_CS | RG_CR);
	if (vcpu_mode(v) != 64) {
		va += v->regs.seg[SEG_CS].base;
		first = MIN((size_t)INSN_LEN_MAX, PAGE_SIZE - (va & PAGE_MASK));
	}
	if (vcpu_fetch(v, va, bytes, first))
		return 0;
	if (first < INSN_LEN_MAX && !vcpu_fetch(v, va + first, bytes + first, INSN_LEN_MAX - first))
		return INSN_LEN_MAX;
	return first;
}

/* LMSW sets the low four bits, but cannot clear PE. */
static u64 lmsw_value(u64 cr0, u64 msw)
{
	const u64 low = CR0_PE | CR0_MP | CR0_EM | CR0_TS;

	return (cr0 & ~low) | (msw & low) | (cr0 & CR0_PE);
}

/* SMSW to memory stores 16 bits, and to a register it shows what MOV does. */
static void smsw(struct vcpu *v, const struct cr_insn *insn, struct vm_exit *e)
{
	u64 *reg = &v->regs.gpr[insn->gpr];

	e->kind = EXIT_NONE;
	if (insn->memory) {
		/* These 16 bits are as the guest wrote them: let it read, until CR0 changes again. */
		v->hvm->vmcb->control.cr &= ~(u32)CR_READ(0);
		vmcb_changed(v->hvm, CLEAN_INTERCEPTS);
		return;
	}
	if (insn->size == 2)
		*reg = (*reg & ~BITS(15, 0)) | (v->regs.cr0 & BITS(15, 0));
	else
		*reg = insn->size == 4 ? (u32)v->regs.cr0 : v->regs.cr0;
	vcpu_skip(v, e);
}

static void cr_exit_decoded(struct vcpu *v, struct vm_exit *e)
{
	u8 bytes[INSN_LEN_MAX];
	struct cr_insn insn;
	size_t n = fetch(v, bytes);

	if (!cr_insn_decode(bytes, n, vcpu_mode(v), &insn) || (insn.lmsw && insn.memory)) {
		e->kind = EXIT_ERROR;
		e->error.text = "an access to a control register that is not understood, code";
		e->error.code = v->hvm->vmcb->control.exit_code;
		return;
	}
	e->insn_len = insn.len;
	if (insn.smsw) {
		smsw(v, &insn, e);
		return;
	}
	e->cr.cr = insn.cr;
	e->cr.write = insn.write;
	e->cr.gpr = insn.gpr;
	if (insn.clts) {
		e->cr.have_value = true;
		e->cr.value = v->regs.cr0 & ~CR0_TS;
	} else if (insn.lmsw) {
		e->cr.have_value = true;
		e->cr.value = lmsw_value(v->regs.cr0, v->regs.gpr[insn.gpr]);
	}
}

void svm_cr_exit(struct vcpu *v, struct vm_exit *e)
{
	const struct vmcb_control *c = &v->hvm->vmcb->control;
	u64 code = c->exit_code;

	e->kind = EXIT_CR;
	e->cr.have_value = false;
	vcpu_need(v, RG_CR | RG_RSP); /* any register may be the operand */
	if (!svm_caps.decode_assists || !(c->exit_info1 & CR_INFO_VALID)) {
		cr_exit_decoded(v, e);
		return;
	}
	e->insn_len = svm_insn_len(v->hvm, v->hvm->vmcb);
	if (!e->insn_len)
		e->insn_len = svm_insn_decode(v);
	e->cr.write = code >= VMEXIT_CR0_WRITE;
	e->cr.cr = code == VMEXIT_CR0_SEL_WRITE ? 0 : code & 0xf;
	e->cr.gpr = c->exit_info1 & CR_INFO_GPR;
}
