/*
 * Interrupt routing inside a VM: who listens to a line, and which local APIC takes a message.
 */
#include "vm/irq.h"

#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/lapic.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"

#define MAX_CHIPS 4
#define NOBODY    (~0u) /* no vCPU's index */

struct vm_irqs {
	u32 chip_count;
	struct irqchip chips[MAX_CHIPS]; /* const once the VM runs */
	const struct extint_ops *extint;
	struct vdev *extint_dev;
	u32 lowest_turn; /* atomic: where the search for the lowest priority begins, modulo vCPUs */
};

int vm_irqs_create(struct vm *vm)
{
	vm->irqs = heap_alloc(vm->heap, sizeof(*vm->irqs), 0);
	return vm->irqs ? 0 : -ENOMEM;
}

int vm_irqchip_add(struct vm *vm, const struct irqchip *chip)
{
	struct vm_irqs *irqs = vm->irqs;

	if (irqs->chip_count == MAX_CHIPS)
		return -ENOSPC;
	irqs->chips[irqs->chip_count++] = *chip;
	return 0;
}

void vm_irq_line(struct vm *vm, u32 gsi, bool level)
{
	struct vm_irqs *irqs = vm->irqs;

	for (u32 i = 0; i < irqs->chip_count; i++)
		irqs->chips[i].line(irqs->chips[i].dev, gsi, level);
}

void vm_irq_eoi(struct vm *vm, u8 vector)
{
	struct vm_irqs *irqs = vm->irqs;

	for (u32 i = 0; i < irqs->chip_count; i++) {
		if (irqs->chips[i].eoi)
			irqs->chips[i].eoi(irqs->chips[i].dev, vector);
	}
}

static struct vlapic *apic(struct vm *vm, u32 index)
{
	struct vcpu *v = vm->ports[index].vcpu;

	return v ? v->lapic : NULL;
}

/* The APIC at index, if msg is for it. */
static struct vlapic *addressed(struct vm *vm, const struct irq_msg *msg, u32 index, u32 except)
{
	struct vlapic *l = index == except ? NULL : apic(vm, index);

	return l && vlapic_match(l, msg) ? l : NULL;
}

/*
 * Lowest priority: the APIC with the lowest processor priority. Of equals the first behind the last one that was
 * chosen, so that all get their turns. These processors look for no focus processor.
 */
static u32 deliver_lowest(struct vm *vm, const struct irq_msg *msg, u32 except)
{
	u32 turn = atomic_load_relaxed(&vm->irqs->lowest_turn), count = vm->vcpu_count;
	struct vlapic *best = NULL;
	u8 best_ppr = 0;

	for (u32 i = 0; i < count; i++) {
		struct vlapic *l = addressed(vm, msg, (turn + i) % count, except);

		if (!l || (best && vlapic_ppr(l) >= best_ppr))
			continue;
		best = l;
		best_ppr = vlapic_ppr(l);
	}
	if (!best)
		return 0;
	atomic_store_relaxed(&vm->irqs->lowest_turn, best->vcpu->index + 1);
	return vlapic_accept(best, msg);
}

static u32 deliver(struct vm *vm, const struct irq_msg *msg, u32 except)
{
	u32 first = 0, end = vm->vcpu_count, taken = 0;

	if (msg->delivery == DELIVER_LOWEST)
		return deliver_lowest(vm, msg, except);
	if (!msg->logical && !irq_msg_broadcast(msg)) {
		first = msg->dest < TOPOLOGY_IDS ? vm->topology.vcpu_of[msg->dest] : end;
		if (first >= end)
			return 0;
		end = first + 1;
	}
	for (u32 i = first; i < end; i++) {
		struct vlapic *l = addressed(vm, msg, i, except);

		if (l && vlapic_accept(l, msg))
			taken++;
	}
	return taken;
}

u32 vm_irq_deliver(struct vm *vm, const struct irq_msg *msg)
{
	return deliver(vm, msg, NOBODY);
}

u32 vm_irq_deliver_others(struct vm *vm, const struct irq_msg *msg, u32 except)
{
	return deliver(vm, msg, except);
}

/* Message address and data (SDM vol. 3, "Message Address Register Format"). */
#define MSI_ADDRESS_BASE       0xfeeu /* bits 31..20 */
#define MSI_ADDRESS_LOGICAL    BIT(2)
#define MSI_ADDRESS_HINT       BIT(3) /* with it, logical destinations are as of lowest priority */
#define MSI_ADDRESS_REMAPPABLE BIT(4) /* another format: there is no IOMMU that knows it */
#define MSI_DATA_ASSERT        BIT(14)
#define MSI_DATA_LEVEL         BIT(15)

void vm_msi(struct vm *vm, u64 address, u32 data)
{
	struct irq_msg msg = {
		.dest = (u32)((address >> 12 & 0xff) | (address >> 5 & 0x7f) << 8),
		.logical = address & MSI_ADDRESS_LOGICAL,
		.level = data & MSI_DATA_LEVEL,
		.delivery = data >> 8 & 7,
		.vector = (u8)data,
	};

	if (address >> 20 != MSI_ADDRESS_BASE || (address & MSI_ADDRESS_REMAPPABLE))
		return;
	if ((address & MSI_ADDRESS_HINT) && msg.logical && msg.delivery == DELIVER_FIXED)
		msg.delivery = DELIVER_LOWEST;
	if (msg.delivery > DELIVER_LOWEST)
		msg.level = false;
	if (msg.level && !(data & MSI_DATA_ASSERT))
		return; /* a level that ends */
	if (irq_message_mode(msg.delivery))
		vm_irq_deliver(vm, &msg);
}

void vm_irq_nmi(struct vm *vm)
{
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vlapic *l = apic(vm, i);

		if (l)
			vlapic_lint1(l);
	}
}

void vm_extint_register(struct vm *vm, const struct extint_ops *ops, struct vdev *dev)
{
	vm->irqs->extint = ops;
	vm->irqs->extint_dev = dev;
}

void vm_extint_set(struct vm *vm, bool level)
{
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vlapic *l = apic(vm, i);

		if (l)
			vlapic_lint0(l, level);
	}
}

int vm_extint_ack(struct vm *vm)
{
	struct vm_irqs *irqs = vm->irqs;

	return irqs->extint ? irqs->extint->ack(irqs->extint_dev) : -1;
}
