/*
 * The virtual local APIC's pins LINT0 and LINT1, as their entries of the local vector table say (SDM vol. 3,
 * "Local Vector Table"). On LINT0 is the PIC's output, on LINT1 what makes NMIs. A pin is asserted or not: the
 * entries' polarity is kept, and means nothing.
 */
#include "vm/irq.h"
#include "vm/lapic_page.h"
#include "vm/vm.h"

static bool line_up(const struct vlapic *l)
{
	return atomic_load_relaxed(&l->extint) & EXTINT_LINE;
}

static u8 lvt_mode(u32 lvt)
{
	return (u8)((lvt & LAPIC_LVT_MODE) >> 8);
}

bool vlapic_accepts_extint(const struct vlapic *l)
{
	u32 lvt = vlapic_reg(l, LAPIC_LVT_LINT0);

	if (!vlapic_hw_enabled(l))
		return true;
	return !(lvt & LAPIC_LVT_MASKED) && lvt_mode(lvt) == DELIVER_EXTINT;
}

/* In the page. Full order: whoever comes last, after a write to the entry or a change, shows what is. */
static void show_remote_irr(struct vlapic *l)
{
	u32 *reg = (u32 *)(l->page + LAPIC_LVT_LINT0);

	if (atomic_load_relaxed(&l->extint) & LINT0_REMOTE_IRR)
		atomic_fetch_or(reg, (u32)LAPIC_LVT_REMOTE_IRR);
	else
		atomic_fetch_and(reg, ~(u32)LAPIC_LVT_REMOTE_IRR);
}

/* A level, once until its EOI. The PIC's thread and the vCPU's own may both come: one of them sets remote IRR. */
static void deliver_level(struct vlapic *l, u32 lvt)
{
	const struct irq_msg msg = { .level = true, .vector = (u8)lvt };

	if (atomic_fetch_or(&l->extint, LINT0_REMOTE_IRR) & LINT0_REMOTE_IRR)
		return;
	if (!vlapic_accept(l, &msg))
		atomic_fetch_and(&l->extint, ~LINT0_REMOTE_IRR);
	show_remote_irr(l);
}

static void deliver_edge(struct vlapic *l, u32 lvt)
{
	const struct irq_msg msg = { .delivery = lvt_mode(lvt), .vector = (u8)lvt };

	vlapic_accept(l, &msg);
}

static bool is_level(u32 lvt)
{
	return (lvt & LAPIC_LVT_LEVEL) && lvt_mode(lvt) == DELIVER_FIXED;
}

void vlapic_lint0(struct vlapic *l, bool level)
{
	bool was;
	u32 lvt;

	/* Full order: who unmasks LINT0 meanwhile finds the line, or is found to have done so. */
	if (!level) {
		atomic_fetch_and(&l->extint, ~EXTINT_LINE);
		return;
	}
	was = atomic_fetch_or(&l->extint, EXTINT_LINE) & EXTINT_LINE;
	lvt = vlapic_reg(l, LAPIC_LVT_LINT0);
	if (vlapic_accepts_extint(l))
		vlapic_look_again(l); /* it finds the PIC's output */
	else if (lvt & LAPIC_LVT_MASKED)
		return;
	else if (is_level(lvt))
		deliver_level(l, lvt);
	else if (!was)
		deliver_edge(l, lvt);
}

void vlapic_lint1(struct vlapic *l)
{
	const struct irq_msg nmi = { .delivery = DELIVER_NMI };
	u32 lvt = vlapic_reg(l, LAPIC_LVT_LINT1);

	if (!vlapic_hw_enabled(l)) /* the CPU's own pin */
		vlapic_accept(l, &nmi);
	else if (!(lvt & LAPIC_LVT_MASKED))
		deliver_edge(l, lvt); /* level-sensitive interrupts are not supported here */
}

void vlapic_write_lint0(struct vlapic *l, u32 value)
{
	if (!is_level(value))
		atomic_fetch_and(&l->extint, ~LINT0_REMOTE_IRR);
	atomic_xchg((u32 *)(l->page + LAPIC_LVT_LINT0), value);
	show_remote_irr(l);
	if (is_level(value) && !(value & LAPIC_LVT_MASKED) && line_up(l))
		deliver_level(l, value);
}

void vlapic_lint0_eoi(struct vlapic *l, u8 vector)
{
	u32 lvt = vlapic_reg(l, LAPIC_LVT_LINT0);

	if (!(atomic_load_relaxed(&l->extint) & LINT0_REMOTE_IRR) || (u8)lvt != vector)
		return;
	atomic_fetch_and(&l->extint, ~LINT0_REMOTE_IRR);
	show_remote_irr(l);
	if (!(lvt & LAPIC_LVT_MASKED) && line_up(l))
		deliver_level(l, lvt);
}
