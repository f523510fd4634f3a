/*
 * The virtual local APIC's destinations, and what its interrupt command register sends.
 */
#include "lib/hw/lapic.h"
#include "vm/irq.h"
#include "vm/lapic_page.h"
#include "vm/vm.h"

#define BROADCAST_XAPIC  0xffu
#define BROADCAST_X2APIC 0xffffffffu
#define DFR_FLAT         0xfu /* bits 31..28 */
#define DFR_CLUSTER      0x0u

bool irq_msg_broadcast(const struct irq_msg *msg)
{
	return msg->dest == (msg->wide ? BROADCAST_X2APIC : BROADCAST_XAPIC);
}

/* Logical destinations (SDM vol. 3, "Logical Destination Mode"; "Logical x2APIC ID"). */
static bool match_logical(const struct vlapic *l, u32 dest)
{
	u32 own = vlapic_reg(l, LAPIC_LDR);

	if (vlapic_x2apic(l))
		return dest >> 16 == own >> 16 && (dest & own & 0xffff);
	if (dest > BROADCAST_XAPIC)
		return false;
	own >>= 24;
	switch (vlapic_reg(l, LAPIC_DFR) >> 28) {
	case DFR_FLAT:
		return own & dest;
	case DFR_CLUSTER:
		return (own ^ dest) >> 4 == 0 && (own & dest & 0xf);
	default: /* no such model */
		return false;
	}
}

bool vlapic_match(const struct vlapic *l, const struct irq_msg *msg)
{
	if (!vlapic_hw_enabled(l))
		return false;
	/* Switched off by software it takes NMIs and their like, but no interrupts. */
	if (msg->delivery <= DELIVER_LOWEST && !vlapic_sw_enabled(l))
		return false;
	if (irq_msg_broadcast(msg))
		return true;
	return msg->logical ? match_logical(l, msg->dest) : msg->dest == l->vcpu->apic_id;
}

/*
 * SDM vol. 3, "Valid Combinations for the Pentium 4 and Intel Xeon Processors' Local xAPIC Interrupt Command
 * Register". What is invalid is not sent.
 */
static bool icr_valid(u32 low)
{
	u32 mode = low >> 8 & 7, shorthand = low & (u32)LAPIC_ICR_SHORTHAND;

	if (shorthand == LAPIC_ICR_SELF || shorthand == LAPIC_ICR_ALL)
		return mode == DELIVER_FIXED;
	return mode != DELIVER_RESERVED && mode != DELIVER_EXTINT;
}

void vlapic_send(struct vlapic *l, u32 low, u32 dest)
{
	/* IPIs are edge-triggered whatever the trigger mode bit says. */
	struct irq_msg msg = {
		.dest = dest,
		.wide = vlapic_x2apic(l),
		.logical = low & LAPIC_ICR_LOGICAL,
		.delivery = low >> 8 & 7,
		.vector = (u8)low,
	};
	u32 shorthand = low & (u32)LAPIC_ICR_SHORTHAND;
	struct vm *vm = l->vcpu->vm;

	l->vcpu->port->irq_exits[shorthand == LAPIC_ICR_SELF ? IRQ_EXIT_SELF_IPI : IRQ_EXIT_IPI]++;
	if (!icr_valid(low))
		return;
	if (msg.delivery == DELIVER_INIT && (low & LAPIC_ICR_LEVEL) && !(low & LAPIC_ICR_ASSERT))
		return; /* INIT level de-assert: nothing on these processors */
	if (msg.delivery <= DELIVER_LOWEST && msg.vector < VECTOR_LEGAL) {
		vlapic_error(l, LAPIC_ESR_SEND_ILLEGAL);
		return;
	}
	switch (shorthand) {
	case LAPIC_ICR_SELF:
		vlapic_accept(l, &msg);
		return;
	case LAPIC_ICR_ALL:
	case LAPIC_ICR_OTHERS:
		msg.dest = BROADCAST_X2APIC;
		msg.wide = true;
		msg.logical = false;
	}
	if (shorthand == LAPIC_ICR_OTHERS)
		vm_irq_deliver_others(vm, &msg, l->vcpu->index);
	else
		vm_irq_deliver(vm, &msg);
}
