/*
 * What the guest gets at an entry is decided here, once, for both backends: an exception first,
 * then an event whose delivery was cut short, an NMI, and the interrupt of highest priority.
 */
#include "arch/cpu.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "vm/apicv.h"
#include "vm/hvm.h"
#include "vm/irq.h"
#include "vm/lapic.h"
#include "vm/trace.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define VECTOR_NONE   (-1)
#define VECTOR_EXTINT (-2) /* the PIC says which */

/* By LINT0 or by a message. */
static __always_inline int waiting_extint(struct vcpu *v)
{
	u32 extint = atomic_load_relaxed(&v->lapic->extint);

	if (likely(!extint))
		return VECTOR_NONE;
	if (!(extint & EXTINT_MESSAGE) &&
	    (!(extint & EXTINT_LINE) || !vlapic_accepts_extint(v->lapic)))
		return VECTOR_NONE;
	return VECTOR_EXTINT;
}

/* The vector of the external interrupt that the guest could take now, by its priority alone. */
static __always_inline int intr_waiting(struct vcpu *v)
{
	int vector = vlapic_pending_vector(v->lapic);

	if (vector >= 0)
		return vector;
	return waiting_extint(v);
}

bool vcpu_has_work(struct vcpu *v)
{
	if (v->exception.kind || v->event.kind)
		return true;
	if (v->nmi_pending) {
		vcpu_need(v, RG_SHADOW);
		if (!(v->regs.shadow & SHADOW_NMI))
			return true;
	}
	if (apicv)
		apicv->sync(v);
	if (intr_waiting(v) == VECTOR_NONE)
		return false;
	vcpu_need(v, RG_RFLAGS);
	return v->regs.rflags & RFLAGS_IF;
}

static void set_window(struct vcpu *v, bool on)
{
	if (on != v->blocked_intr) {
		v->blocked_intr = on;
		hvm->window(v, WINDOW_INTR, on);
	}
}

static bool interruptible(struct vcpu *v)
{
	const u32 groups = RG_RFLAGS | RG_SHADOW;

	if (unlikely((v->valid & groups) != groups))
		vcpu_need(v, groups);
	return (v->regs.rflags & RFLAGS_IF) && !(v->regs.shadow & (SHADOW_STI | SHADOW_MOVSS));
}

static bool inject_nmi(struct vcpu *v)
{
	const struct vm_event nmi = { .kind = EVENT_NMI, .vector = 2 };

	vcpu_need(v, RG_SHADOW);
	if (v->regs.shadow) {
		hvm->window(v, WINDOW_NMI, true);
		return false;
	}
	v->nmi_pending = false;
	v->port->nmis++;
	trace(v->port, TRACE_INJECT, nmi.vector, EVENT_NMI, 0);
	hvm->inject(v, &nmi);
	return true;
}

/*
 * What goes before interrupts; true when something was injected. An event whose delivery was cut short
 * waits for an exception that came of it: an interrupt till the guest can take it again, INT n
 * not at all, for it is executed again.
 */
static bool inject_first(struct vcpu *v)
{
	if (v->exception.kind) {
		trace(v->port, TRACE_INJECT, v->exception.vector, EVENT_EXCEPTION, 0);
		hvm->inject(v, &v->exception);
		v->exception.kind = EVENT_NONE;
		if (v->event.kind >= EVENT_SOFT_INT)
			v->event.kind = EVENT_NONE;
	} else if (v->event.kind && (v->event.kind != EVENT_INTR || interruptible(v))) {
		trace(v->port, TRACE_INJECT, v->event.vector, v->event.kind, 0);
		hvm->inject(v, &v->event);
		v->event.kind = EVENT_NONE;
	} else {
		return false;
	}
	return true;
}

/* Acknowledges what intr_waiting() found at its controller, and injects it. */
static void inject_intr(struct vcpu *v, int vector)
{
	if (vector == VECTOR_EXTINT) {
		atomic_fetch_and(&v->lapic->extint, ~EXTINT_MESSAGE); /* its own; any order */
		vector = vm_extint_ack(v->vm);
	} else {
		vlapic_ack_vector(v->lapic, (u8)vector);
	}
	if (vector < 0)
		return; /* none after all */
	v->port->injected++;
	trace(v->port, TRACE_INJECT, (u8)vector, EVENT_INTR, 0);
	v->intr = (struct vm_event){ .kind = EVENT_INTR, .vector = (u8)vector };
	hvm->inject(v, &v->intr);
}

/* Where there is more than an interrupt. True: something was injected. */
static __noinline bool inject_before_intr(struct vcpu *v)
{
	bool slot_used = inject_first(v);

	if (v->nmi_pending && !slot_used)
		slot_used = inject_nmi(v);
	else if (v->nmi_pending)
		hvm->window(v, WINDOW_NMI, true);
	return slot_used || v->event.kind != EVENT_NONE;
}

void vcpu_inject(struct vcpu *v)
{
	bool slot_used = false;
	int vector;

	v->recheck = false;
	if (unlikely(v->exception.kind | v->event.kind | v->nmi_pending))
		slot_used = inject_before_intr(v);
	if (unlikely(apicv))
		apicv->sync(v);
	/* What the hardware delivers by itself needs no more. */
	vector = unlikely(v->lapic->hw) ? waiting_extint(v) : intr_waiting(v);
	if (vector != VECTOR_NONE && !slot_used && interruptible(v)) {
		inject_intr(v, vector);
		/* Of the local APIC's, the highest was taken: the others wait for its EOI. */
		vector = waiting_extint(v);
	}
	set_window(v, v->event.kind == EVENT_INTR || vector != VECTOR_NONE);
	v->recheck |= v->event.kind != EVENT_NONE;
}
