/*
 * Register groups between struct vcpu_regs and the VMCB. RIP and RAX are moved on every exit and
 * entry, RFLAGS and the interrupt shadow are read on every exit, all by run.c.
 */
#include "svm/backend.h"

#include "arch/cpu.h"
#include "arch/msr.h"
#include "vm/vcpu.h"

#define SEG_LIMIT_BYTES 0xfffff /* above: the limit counts pages */
#define SEG_TYPE_BUSY   2
#define SEG_DPL_SHIFT   5
#define SEG_DPL         BITS(6, 5)

static struct segment segment_of(const struct vmcb_segment *s)
{
	struct segment out = {
		.base = s->base, .limit = s->limit, .selector = s->selector, .attr = s->attr
	};

	/* The CPU need not keep G: the limit tells. */
	if (out.limit > SEG_LIMIT_BYTES)
		out.attr |= SEG_ATTR_G;
	return out;
}

static void segment_set(struct vmcb_segment *s, const struct segment *in)
{
	s->selector = in->selector;
	s->attr = in->attr;
	s->limit = in->limit;
	s->base = in->base;
}

static void read_cs(struct vcpu_regs *r, const struct vmcb_save *b)
{
	r->seg[SEG_CS] = segment_of(&b->cs);
	r->seg[SEG_SS] = segment_of(&b->ss);
	/* The privilege level is a field of its own; SS.DPL may be stale. */
	r->seg[SEG_SS].attr = (u16)((r->seg[SEG_SS].attr & ~SEG_DPL) | b->cpl << SEG_DPL_SHIFT);
}

static void read_seg(struct vcpu_regs *r, const struct vmcb_save *b)
{
	r->seg[SEG_ES] = segment_of(&b->es);
	r->seg[SEG_DS] = segment_of(&b->ds);
	r->seg[SEG_FS] = segment_of(&b->fs);
	r->seg[SEG_GS] = segment_of(&b->gs);
	r->seg[SEG_LDTR] = segment_of(&b->ldtr);
	r->seg[SEG_TR] = segment_of(&b->tr);
	r->seg[SEG_TR].attr |= SEG_TYPE_BUSY; /* a loaded task register always is */
}

static void read_cr(struct vcpu_regs *r, const struct vmcb_save *b)
{
	r->cr0 = (b->cr0 & ~CR0_HIDDEN) | (r->cr0 & CR0_HIDDEN);
	r->cr3 = b->cr3;
	r->cr4 = (b->cr4 & ~CR4_MCE) | (r->cr4 & CR4_MCE);
	r->efer = b->efer & ~EFER_SVME;
}

static void read_syscall(struct vcpu_regs *r, const struct vmcb_save *b)
{
	r->star = b->star;
	r->lstar = b->lstar;
	r->cstar = b->cstar;
	r->sfmask = b->sfmask;
	r->kernel_gs = b->kernel_gs;
}

static void read_sysenter(struct vcpu_regs *r, const struct vmcb_save *b)
{
	r->sysenter_cs = b->sysenter_cs;
	r->sysenter_esp = b->sysenter_esp;
	r->sysenter_eip = b->sysenter_eip;
}

void svm_read_regs(struct vcpu *v, u32 groups)
{
	struct vcpu_regs *r = &v->regs;
	const struct vmcb_save *b = &v->hvm->vmcb->save;

	groups &= ~v->valid;
	if (groups & RG_RSP)
		r->gpr[GPR_RSP] = b->rsp;
	if (groups & RG_CR)
		read_cr(r, b);
	if (groups & RG_CR2)
		r->cr2 = b->cr2;
	if (groups & RG_CS)
		read_cs(r, b);
	if (groups & RG_SEG)
		read_seg(r, b);
	if (groups & RG_DT) {
		r->gdt = (struct dtable){ .base = b->gdtr.base, .limit = b->gdtr.limit };
		r->idt = (struct dtable){ .base = b->idtr.base, .limit = b->idtr.limit };
	}
	if (groups & RG_DR7) {
		r->dr6 = b->dr6;
		r->dr7 = b->dr7;
	}
	if (groups & RG_SYSENTER)
		read_sysenter(r, b);
	if (groups & RG_PAT)
		r->pat = b->g_pat;
	if (groups & RG_SYSCALL)
		read_syscall(r, b);
	if (groups & RG_DEBUGCTL)
		r->debugctl = b->debugctl;
	if (groups & RG_SPEC)
		svm_spec_read(v);
	v->valid |= groups;
}

/*
 * The guest runs with caches on whatever CR0.CD says, and with machine checks on where the host has
 * them on: without, one would be a shutdown. While what it runs with is not what it wrote, its
 * reads exit.
 */
static void write_cr(struct hvm_vcpu *s, const struct vcpu_regs *r)
{
	struct vmcb_save *b = &s->vmcb->save;
	struct vmcb_control *c = &s->vmcb->control;

	b->cr0 = r->cr0 & ~CR0_HIDDEN;
	b->cr3 = r->cr3;
	b->cr4 = r->cr4 | (svm_caps.host_mce);
	b->efer = r->efer | EFER_SVME;
	c->cr &= ~(u32)(CR_READ(0) | CR_READ(4));
	if (b->cr0 != r->cr0)
		c->cr |= CR_READ(0);
	if (b->cr4 != r->cr4)
		c->cr |= CR_READ(4);
	vmcb_changed(s, CLEAN_CR | CLEAN_INTERCEPTS);
}

static void write_segments(struct hvm_vcpu *s, const struct vcpu_regs *r, u32 groups)
{
	struct vmcb_save *b = &s->vmcb->save;

	if (groups & RG_CS) {
		segment_set(&b->cs, &r->seg[SEG_CS]);
		segment_set(&b->ss, &r->seg[SEG_SS]);
		b->cpl = r->seg[SEG_SS].attr >> SEG_DPL_SHIFT & 3;
	}
	if (groups & RG_SEG) {
		segment_set(&b->es, &r->seg[SEG_ES]);
		segment_set(&b->ds, &r->seg[SEG_DS]);
		segment_set(&b->fs, &r->seg[SEG_FS]);
		segment_set(&b->gs, &r->seg[SEG_GS]);
		segment_set(&b->ldtr, &r->seg[SEG_LDTR]);
		segment_set(&b->tr, &r->seg[SEG_TR]);
	}
	vmcb_changed(s, CLEAN_SEG);
}

static void write_msrs(struct hvm_vcpu *s, const struct vcpu_regs *r, u32 groups)
{
	struct vmcb_save *b = &s->vmcb->save;

	if (groups & RG_SYSENTER) {
		b->sysenter_cs = r->sysenter_cs;
		b->sysenter_esp = r->sysenter_esp;
		b->sysenter_eip = r->sysenter_eip;
	}
	if (groups & RG_SYSCALL) {
		b->star = r->star;
		b->lstar = r->lstar;
		b->cstar = r->cstar;
		b->sfmask = r->sfmask;
		b->kernel_gs = r->kernel_gs;
	}
	if (groups & RG_PAT) {
		b->g_pat = r->pat;
		vmcb_changed(s, CLEAN_NESTED);
	}
}

void svm_write_regs(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;
	const struct vcpu_regs *r = &v->regs;
	struct vmcb_save *b = &s->vmcb->save;
	u32 groups = v->dirty;

	if (groups & RG_CR)
		write_cr(s, r);
	if (groups & RG_CR2) {
		b->cr2 = r->cr2;
		vmcb_changed(s, CLEAN_CR2);
	}
	if (groups & (RG_CS | RG_SEG))
		write_segments(s, r, groups);
	if (groups & RG_DT) {
		b->gdtr.base = r->gdt.base;
		b->gdtr.limit = r->gdt.limit;
		b->idtr.base = r->idt.base;
		b->idtr.limit = r->idt.limit;
		vmcb_changed(s, CLEAN_DT);
	}
	if (groups & RG_DR7) {
		b->dr6 = r->dr6;
		b->dr7 = r->dr7;
		vmcb_changed(s, CLEAN_DR);
	}
	if (groups & RG_RSP)
		b->rsp = r->gpr[GPR_RSP];
	if (groups & (RG_RFLAGS | RG_STEPPED))
		b->rflags = r->rflags;
	if (groups & (RG_SHADOW | RG_STEPPED))
		s->vmcb->control.int_state =
			r->shadow & (SHADOW_STI | SHADOW_MOVSS) ? INT_STATE_SHADOW : 0;
	if (groups & RG_SHADOW)
		svm_set_nmi_shadow(s, r->shadow & SHADOW_NMI);
	if (groups & (RG_SYSENTER | RG_SYSCALL | RG_PAT))
		write_msrs(s, r, groups);
	if (groups & RG_SPEC)
		svm_spec_write(v);
}
