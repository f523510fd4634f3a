/*
 * The virtual local APIC in the state stream. What is loaded can only be what a guest could have brought
 * about.
 */
#include "vm/apicv.h"
#include "vm/lapic_page.h"
#include "vm/lapic_timer.h"
#include "vm/state.h"

#define ERRORS ((u32)(LAPIC_ESR_SEND_ILLEGAL | LAPIC_ESR_RECV_ILLEGAL | LAPIC_ESR_ILLEGAL_REG))

/* The bits that a register can hold in the page; the others, and what is computed, are 0 there. */
static u32 page_mask(const struct vlapic *l, u32 offset)
{
	if (offset % 16 && offset != LAPIC_ICR_HIGH_X2)
		return 0; /* between registers */
	switch (offset) {
	case LAPIC_TPR:
	case LAPIC_PPR: /* hardware that delivers interrupts itself keeps it */
		return 0xff;
	case LAPIC_LDR:
		return 0xff000000;
	case LAPIC_SVR:
		return (u32)(BITS(8, 0) | LAPIC_SVR_EOI_SUPPRESS);
	case LAPIC_ISR:
	case LAPIC_TMR:
	case LAPIC_IRR:
		return 0xffff0000; /* no vectors below 16 */
	case LAPIC_ESR:
		return ERRORS;
	case LAPIC_ICR:
		return VLAPIC_ICR_BITS;
	case LAPIC_ICR_HIGH:
		return vlapic_x2apic(l) ? 0 : 0xff000000;
	case LAPIC_ICR_HIGH_X2:
		return vlapic_x2apic(l) ? ~0u : 0;
	case LAPIC_DFR:
	case LAPIC_TIMER_INITIAL:
		return ~0u;
	case LAPIC_TIMER_DIVIDE:
		return 0xb;
	}
	if (offset == LAPIC_LVT_LINT0)
		return vlapic_lvt_mask(offset) | (u32)LAPIC_LVT_REMOTE_IRR;
	if (offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR)
		return vlapic_lvt_mask(offset);
	return offset > LAPIC_ISR && offset < LAPIC_ESR ? ~0u : 0;
}

/* Remote IRR is a level-triggered fixed interrupt's. */
static bool lint0_valid(u32 lvt)
{
	return !(lvt & LAPIC_LVT_REMOTE_IRR) ||
	       (lvt & (LAPIC_LVT_LEVEL | LAPIC_LVT_MODE)) == LAPIC_LVT_LEVEL;
}

static bool page_valid(const struct vlapic *l)
{
	bool enabled = vlapic_reg(l, LAPIC_SVR) & LAPIC_SVR_ENABLE;

	for (u32 o = 0; o < PAGE_SIZE; o += sizeof(u32)) {
		u32 fixed;

		if (vlapic_fixed(l, o, &fixed) ? vlapic_reg(l, o) != fixed :
						 vlapic_reg(l, o) & ~page_mask(l, o))
			return false;
	}
	for (u32 o = LAPIC_LVT_TIMER; o <= LAPIC_LVT_ERROR; o += 16) {
		if (!enabled && !(vlapic_reg(l, o) & LAPIC_LVT_MASKED))
			return false;
	}
	return lint0_valid(vlapic_reg(l, LAPIC_LVT_LINT0));
}

/* Up to version 2 an x2APIC's ICR had its upper half where an xAPIC has it. */
static void load_icr(struct vlapic *l, const struct state *s)
{
	if (s->version > 2 || !vlapic_x2apic(l))
		return;
	vlapic_set_reg(l, LAPIC_ICR_HIGH_X2, vlapic_reg(l, LAPIC_ICR_HIGH));
	vlapic_set_reg(l, LAPIC_ICR_HIGH, 0);
}

/* Its line follows with the PIC's state. */
static void load_extint(struct vlapic *l, bool message)
{
	bool remote_irr = vlapic_reg(l, LAPIC_LVT_LINT0) & LAPIC_LVT_REMOTE_IRR;

	atomic_fetch_and(&l->extint, EXTINT_LINE); /* nobody else runs */
	atomic_fetch_or(&l->extint,
			(message ? EXTINT_MESSAGE : 0) | (remote_irr ? LINT0_REMOTE_IRR : 0));
}

void vlapic_state(struct vlapic *l, struct state *s)
{
	bool extint = atomic_load_relaxed(&l->extint) & EXTINT_MESSAGE;

	if (!s->loading && apicv)
		apicv->sync(l->vcpu); /* what was posted goes along */
	state_begin(s, "lapic", l->vcpu->index, 3);
	state_bytes(s, "page", l->page, PAGE_SIZE);
	if (s->loading && !s->error)
		load_icr(l, s);
	state_u32(s, "esr_pending", &l->esr_pending);
	state_bool(s, "extint", &extint);
	vlapic_timer_state(l, s);
	if (s->loading && !s->error && (!page_valid(l) || (l->esr_pending & ~ERRORS)))
		state_reject(s, "register");
	state_end(s);
	if (s->loading && s->error)
		vlapic_reset(l); /* nothing stays that was not checked */
	else if (s->loading)
		load_extint(l, extint);
	vlapic_isr_changed(l);
	if (s->loading && apicv)
		apicv->refresh(l->vcpu);
	l->vcpu->recheck = true;
}
