/*
 * Delivery of events: injection, what an exit cut short, and the windows that tell when the guest
 * can take an interrupt or an NMI (AMD APM vol. 2, "Event Injection", "Interrupt and Exception
 * Support"). NMI blocking is tracked by interception of IRET, which exits before it executes: to be
 * behind it, the guest is stepped over it.
 */
#include "svm/backend.h"

#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/trap.h"
#include "core/irq.h"
#include "svm/avic.h"
#include "vm/hvm.h"
#include "vm/vcpu.h"

static u64 event_encode(const struct vm_event *ev)
{
	static const u8 types[] = {
		[EVENT_INTR] = EVENT_TYPE_INTR,
		[EVENT_NMI] = EVENT_TYPE_NMI,
		[EVENT_EXCEPTION] = EVENT_TYPE_EXCEPTION,
		[EVENT_SOFT_INT] = EVENT_TYPE_SOFT_INT,
		/* #BP and #OF: the CPU knows by the vector */
		[EVENT_SOFT_EXC] = EVENT_TYPE_EXCEPTION,
	};
	u64 out = EVENT_VALID | (u64)types[ev->kind] << EVENT_TYPE_SHIFT | ev->vector;

	if (ev->has_error)
		out |= EVENT_ERROR_VALID | (u64)ev->error << EVENT_ERROR_SHIFT;
	return out;
}

void svm_set_nmi_shadow(struct hvm_vcpu *s, u32 shadow)
{
	s->nmi_shadow = shadow;
	if (shadow)
		s->vmcb->control.misc1 |= MISC1_IRET;
	else
		s->vmcb->control.misc1 &= ~(u32)MISC1_IRET;
	vmcb_changed(s, CLEAN_INTERCEPTS);
}

/* Delivering #DB ends the protection of the debug registers; injection by itself changes nothing. */
static void deliver_debug(struct vcpu *v)
{
	vcpu_need(v, RG_DR7);
	if (v->regs.dr7 & DR7_GD) {
		v->regs.dr7 &= ~DR7_GD;
		vcpu_dirty(v, RG_DR7);
	}
}

void svm_inject(struct vcpu *v, const struct vm_event *ev)
{
	struct hvm_vcpu *s = v->hvm;

	s->vmcb->control.event_inj = event_encode(ev);
	/*
	 * QEMU's emulation keeps an injected interrupt in mind when it has delivered it: where another of
	 * its threads has business with that CPU before the guest's next exit, the guest gets it once
	 * more, whatever its RFLAGS.IF. So there is an exit at once behind the delivery.
	 */
	if (ev->kind == EVENT_INTR && svm_caps.tcg)
		lapic_ipi_self(IRQ_VECTOR_NUDGE);
	if (ev->kind == EVENT_EXCEPTION && ev->vector == TRAP_DB)
		deliver_debug(v);
	if (ev->kind == EVENT_NMI) {
		svm_set_nmi_shadow(s, SHADOW_NMI);
		v->regs.shadow |= SHADOW_NMI;
	}
	if (ev->kind == EVENT_SOFT_INT || ev->kind == EVENT_SOFT_EXC) {
		/* The handler returns behind the instruction: by next-RIP, or by RIP itself. */
		if (svm_caps.next_rip) {
			s->vmcb->control.next_rip = v->regs.rip + ev->insn_len;
		} else {
			v->regs.rip += ev->insn_len;
			s->soft_len = ev->insn_len;
			s->after |= AFTER_SOFT;
		}
	}
}

void svm_event_cut_short(struct vcpu *v, u64 info)
{
	struct hvm_vcpu *s = v->hvm;
	struct vm_event *ev = &v->event;
	u8 vector = info & EVENT_VECTOR;

	*ev = (struct vm_event){ .vector = vector };
	switch ((info & EVENT_TYPE) >> EVENT_TYPE_SHIFT) {
	case EVENT_TYPE_INTR:
		ev->kind = avic_take_back(v, vector) ? EVENT_NONE : EVENT_INTR;
		break;
	case EVENT_TYPE_NMI:
		ev->kind = EVENT_NMI;
		svm_set_nmi_shadow(s, 0);
		v->regs.shadow &= ~(u32)SHADOW_NMI;
		break;
	case EVENT_TYPE_EXCEPTION:
		/* INT3 and INTO execute again by themselves. */
		if (vector == TRAP_BP || vector == TRAP_OF)
			break;
		ev->kind = EVENT_EXCEPTION;
		ev->has_error = info & EVENT_ERROR_VALID;
		ev->error = (u32)(info >> EVENT_ERROR_SHIFT);
		break;
	default: /* INT n: as above */
		break;
	}
	v->recheck = true;
	if (ev->kind == EVENT_NONE && s->soft_len)
		v->regs.rip -= s->soft_len;
}

static void intr_window(struct hvm_vcpu *s, bool on)
{
	struct vmcb_control *c = &s->vmcb->control;

	if (on == !!(c->misc1 & MISC1_VINTR))
		return;
	/* A virtual interrupt that exits when the guest could take it; its vector is never used. */
	if (on) {
		c->misc1 |= MISC1_VINTR;
		c->int_ctl |= INT_V_IRQ | INT_V_IGN_TPR;
		if (svm_caps.tcg)
			s->after |= AFTER_RECHECK;
	} else {
		c->misc1 &= ~(u32)MISC1_VINTR;
		c->int_ctl &= ~(INT_V_IRQ | INT_V_IGN_TPR);
		s->after &= ~(u32)AFTER_RECHECK;
	}
	vmcb_changed(s, CLEAN_INTERCEPTS | CLEAN_INT);
}

void svm_window(struct vcpu *v, enum hvm_window w, bool on)
{
	struct hvm_vcpu *s = v->hvm;

	if (w == WINDOW_INTR)
		intr_window(s, on);
	else if (on)
		s->work |= WORK_NMI_WINDOW;
	else
		s->work &= ~(u32)WORK_NMI_WINDOW;
}

void svm_window_exit(struct vcpu *v, struct vm_exit *e)
{
	intr_window(v->hvm, false);
	svm_window(v, WINDOW_NMI, false);
	e->kind = EXIT_WINDOW;
}

/* The guest is about to leave its NMI handler: it stays blocked until the IRET has been executed. */
void svm_iret_exit(struct vcpu *v, struct vm_exit *e)
{
	struct hvm_vcpu *s = v->hvm;

	s->vmcb->control.misc1 &= ~(u32)MISC1_IRET;
	vmcb_changed(s, CLEAN_INTERCEPTS);
	s->iret_rip = v->regs.rip;
	s->work |= WORK_IRET;
	e->kind = EXIT_NONE;
}

/* A host interrupt has been taken. If it was ours, an injected event is on its way and out of the way. */
void svm_interrupt_exit(struct vcpu *v, struct vm_exit *e)
{
	struct hvm_vcpu *s = v->hvm;

	svm_host_interrupt();
	if ((s->work & WORK_NMI_WINDOW) && !s->nmi_shadow)
		svm_window_exit(v, e);
}

/*
 * Before an entry while an NMI waits or an IRET ends the blocking of NMIs. What is in the way is over
 * after one instruction, or after the injection of an event: then an interrupt to ourselves, which
 * is taken behind that, makes the exit. A fault inside the stepped instruction would show the guest
 * our TF on its stack; that is the price.
 */
void svm_step_begin(struct vcpu *v)
{
	struct hvm_vcpu *s = v->hvm;
	bool injects = s->vmcb->control.event_inj & EVENT_VALID;

	if (injects && (s->work & WORK_IRET)) {
		/* Another handler runs first; its IRET counts, as on bare hardware. */
		s->work &= ~(u32)WORK_IRET;
		svm_set_nmi_shadow(s, SHADOW_NMI);
	}
	if (s->nmi_shadow && !(s->work & WORK_IRET))
		return;
	if (injects) {
		lapic_ipi_self(IRQ_VECTOR_NUDGE);
		return;
	}
	s->after |= AFTER_STEPPING;
	s->step_tf = v->regs.rflags & RFLAGS_TF;
	v->regs.rflags |= RFLAGS_TF;
	vcpu_dirty(v, RG_RFLAGS);
}

/* The step has ended an IRET if one was due; true then. */
static bool iret_done(struct vcpu *v, bool stepped)
{
	struct hvm_vcpu *s = v->hvm;

	if (!(s->work & WORK_IRET) || (!stepped && v->regs.rip == s->iret_rip))
		return false;
	s->work &= ~(u32)WORK_IRET;
	s->nmi_shadow = 0;
	v->regs.shadow &= ~(u32)SHADOW_NMI;
	return true;
}

/* After any exit while stepping: takes TF back. True when the exit was nothing but our step. */
bool svm_step_end(struct vcpu *v, struct vm_exit *e)
{
	struct hvm_vcpu *s = v->hvm;
	struct vcpu_regs *r = &v->regs;

	vcpu_need(v, RG_DR7);
	bool stepped =
		s->vmcb->control.exit_code == VMEXIT_EXCEPTION + TRAP_DB && (r->dr6 & DR6_BS);
	bool iret = iret_done(v, stepped);

	s->after &= ~(u32)AFTER_STEPPING;
	/* After an IRET, TF is what it loaded. */
	if (!(stepped && iret)) {
		vcpu_dirty(v, RG_RFLAGS);
		r->rflags = (r->rflags & ~RFLAGS_TF) | s->step_tf;
	}
	/* A guest that steps itself, or has hit a breakpoint, gets its #DB first. */
	if (!stepped || s->step_tf)
		return false;
	r->dr6 &= ~DR6_BS;
	vcpu_dirty(v, RG_DR7);
	if (r->dr6 & BITS(3, 0))
		return false;
	e->kind = EXIT_NONE;
	e->insn_len = 0;
	if (s->work & WORK_NMI_WINDOW)
		svm_window_exit(v, e);
	return true;
}
