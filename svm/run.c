/*
 * One entry and exit: svm_run(), svm_enter() of svm/entry.asm, svm_exited(), each the last thing that the one
 * before does. What every round needs is moved here; all else is work that was asked for, behind one
 * test (svm_prepare, svm_long_exit).
 */
#include "svm/run.h"

#include "arch/cpu.h"
#include "lib/hw/lapic.h"
#include "svm/decode.h"
#include "vm/hvm.h"
#include "vm/lapic.h"
#include "vm/vcpu.h"

static_assert(offsetof(struct vcpu, exit_tsc) == 62 * 8, "entry.asm");

#define LAPIC_STRIDE 0x10 /* between the eight registers of IRR */

static u32 apic_reg(const struct vlapic *l, u32 offset)
{
	/* Other vCPUs set IRR bits at any time; the kick that follows makes us look again. */
	return READ_ONCE(*(const u32 *)(l->page + offset));
}

/* An interrupt waits that the guest's task priority holds back: it must not lower that unseen. */
static bool tpr_holds_back(const struct vlapic *l, u32 tpr)
{
	/* Vectors below the next priority class: whole words of 32, and half a word. */
	u32 end = (tpr + 1) * 16;

	for (u32 i = 0; i < end / 32; i++) {
		if (apic_reg(l, LAPIC_IRR + i * LAPIC_STRIDE))
			return true;
	}
	return end % 32 && (apic_reg(l, LAPIC_IRR + end / 32 * LAPIC_STRIDE) & BITS(15, 0));
}

static void cr8_intercept(struct vcpu *v, u32 tpr)
{
	struct hvm_vcpu *s = v->hvm;

	if (tpr_holds_back(v->lapic, tpr)) {
		s->vmcb->control.cr |= CR_WRITE(8);
		s->work |= WORK_CR8;
	} else {
		s->vmcb->control.cr &= ~(u32)CR_WRITE(8);
		s->work &= ~(u32)WORK_CR8;
	}
	vmcb_changed(s, CLEAN_INTERCEPTS);
}

/* Of a task priority of at most 1 nothing but vectors below 32 is held back. */
static bool cr8_matters(const struct vlapic *l, u32 tpr)
{
	return tpr && (tpr > 1 || apic_reg(l, LAPIC_IRR));
}

static void tpr_to_vmcb(struct hvm_vcpu *s, u8 tpr)
{
	s->tpr = tpr;
	s->vmcb->control.v_tpr = tpr;
	vmcb_changed(s, CLEAN_INT);
}

static void prepare_rarely(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;

	if (s->work & WORK_ASID)
		asid_assign(s);
	s->work &= ~(u32)WORK_ASID;
	if (s->work & WORK_SPEC)
		svm_spec_enter(v);
}

static void svm_prepare(struct vcpu *v, u8 tpr)
{
	struct hvm_vcpu *s = v->hvm;

	if (s->tpr != tpr)
		tpr_to_vmcb(s, tpr);
	s->vmcb->control.tlb_control = TLB_KEEP;
	s->work &= ~(u32)WORK_TLB;
	if (s->work & (WORK_ASID | WORK_SPEC))
		prepare_rarely(v);
	if (!s->avic && ((s->work & WORK_CR8) || cr8_matters(v->lapic, s->tpr)))
		cr8_intercept(v, s->tpr);
	if (s->work & (WORK_NMI_WINDOW | WORK_IRET))
		svm_step_begin(v);
	if (v->dirty & ~(u32)(RG_RIP | RG_STEPPED)) {
		svm_write_regs(v);
	} else if (v->dirty & RG_STEPPED) {
		s->vmcb->save.rflags = v->regs.rflags;
		s->vmcb->control.int_state = v->regs.shadow & INT_STATE_SHADOW;
	}
}

static void tpr_from_vmcb(struct vcpu *v)
{
	v->hvm->tpr = v->hvm->vmcb->control.v_tpr;
	/* AVIC keeps the page's, the lower half included. */
	if (!v->hvm->avic)
		vlapic_set_cr8(v->lapic, v->hvm->tpr);
	v->recheck = true;
}

static void after_rarely(struct vcpu *v)
{
	if (v->hvm->after & AFTER_SPEC)
		svm_spec_leave(v);
	if (v->hvm->after & AFTER_RECHECK)
		svm_host_recheck();
}

/* Exits that have more to say, and those that left something to do. */
static __noinline void svm_long_exit(struct vcpu *v, struct vm_exit *e)
{
	struct hvm_vcpu *s = v->hvm;
	u64 info = s->vmcb->control.exit_int_info;

	if (s->vmcb->control.v_tpr != s->tpr)
		tpr_from_vmcb(v);
	if (s->after & (AFTER_SPEC | AFTER_RECHECK))
		after_rarely(v);
	if (info & EVENT_VALID)
		svm_event_cut_short(v, info);
	s->soft_len = 0;
	s->after &= ~(u32)AFTER_SOFT;
	if ((s->after & AFTER_STEPPING) && svm_step_end(v, e))
		return;
	svm_decode_exit(v, e);
}

/* What the guest's registers are needed for at every exit: skipping an instruction, answering it. */
static __always_inline void regs_from_vmcb(struct vcpu *v, const struct vmcb *b, u32 nmi_shadow)
{
	struct vcpu_regs *r = &v->regs;

	r->gpr[GPR_RAX] = b->save.rax;
	r->rip = b->save.rip;
	r->rflags = b->save.rflags;
	r->shadow = (b->control.int_state & INT_STATE_SHADOW) | nmi_shadow;
	v->valid = RG_RIP | RG_RFLAGS | RG_SHADOW;
	v->dirty = 0;
}
static_assert(INT_STATE_SHADOW == SHADOW_STI, "the shadow's bit is taken over as it is");

static __always_inline void enter(struct vcpu *v, struct vm_exit *e, const struct hvm_vcpu *s)
{
	struct vmcb *b = s->vmcb;

	b->save.rax = v->regs.gpr[GPR_RAX];
	b->save.rip = v->regs.rip;
	svm_enter(v, e, s->vmcb_pa, s->host_pa);
}

/* Apart from svm_run(), which so needs no stack. */
static __noinline void prepare_and_enter(struct vcpu *v, struct vm_exit *e, u8 tpr)
{
	svm_prepare(v, tpr);
	enter(v, e, v->hvm);
}

void svm_run(struct vcpu *v, struct vm_exit *e)
{
	const struct hvm_vcpu *s = v->hvm;
	u8 tpr = *s->apic_tpr >> 4;

	if (unlikely(s->tpr != tpr) || unlikely((v->dirty & ~(u32)RG_RIP) | s->work) ||
	    unlikely(cr8_matters(v->lapic, tpr)))
		prepare_and_enter(v, e, tpr);
	else
		enter(v, e, s);
}

void svm_exited(struct vcpu *v, struct vm_exit *e)
{
	struct hvm_vcpu *s = v->hvm;
	struct vmcb *b = s->vmcb;

	regs_from_vmcb(v, b, s->nmi_shadow);
	b->control.clean = svm_caps.clean;
	if (unlikely(b->control.v_tpr != s->tpr) ||
	    unlikely((b->control.exit_int_info & EVENT_VALID) | s->after) ||
	    !svm_decode_short(s, b, e))
		svm_long_exit(v, e);
}
