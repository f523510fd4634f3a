/*
 * Interrupt routing inside a VM: who listens to a line, and which local APIC takes a message.
 */
#include "vm/irq.h"

#include "lib/errno.h"
#include "mm/heap.h"
#include "vm/lapic.h"
#include "vm/vcpu.h"
#include "vm/vdev.h"
#include "vm/vm.h"

#define MAX_CHIPS 4

struct vm_irqs {
	u32 chip_count;
	struct irqchip chips[MAX_CHIPS]; /* const once the VM runs */
	const struct extint_ops *extint;
	struct vdev *extint_dev;
	bool extint_level; /* the PIC's output */
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

/* Lowest priority: the APIC with the lowest processor priority; the first of equals. */
static u32 deliver_lowest(struct vm *vm, const struct irq_msg *msg)
{
	struct vlapic *best = NULL;
	u8 best_ppr = 0;

	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vlapic *l = apic(vm, i);

		if (!l || !vlapic_match(l, msg))
			continue;
		if (!best || vlapic_ppr(l) < best_ppr) {
			best = l;
			best_ppr = vlapic_ppr(l);
		}
	}
	if (!best)
		return 0;
	vlapic_accept(best, msg);
	return 1;
}

u32 vm_irq_deliver(struct vm *vm, const struct irq_msg *msg)
{
	u32 taken = 0;

	if (msg->delivery == DELIVER_LOWEST)
		return deliver_lowest(vm, msg);
	for (u32 i = 0; i < vm->vcpu_count; i++) {
		struct vlapic *l = apic(vm, i);

		if (l && vlapic_match(l, msg)) {
			vlapic_accept(l, msg);
			taken++;
		}
	}
	return taken;
}

/* Message address and data (SDM vol. 3, "Message Address Register Format"). */
#define MSI_ADDRESS_BASE    0xfeeu /* bits 31..20 */
#define MSI_ADDRESS_LOGICAL BIT(2)
#define MSI_DATA_LEVEL      BIT(15)

void vm_msi(struct vm *vm, u64 address, u32 data)
{
	struct irq_msg msg = {
		.dest = (u32)(address >> 12 & 0xff),
		.logical = address & MSI_ADDRESS_LOGICAL,
		.level = data & MSI_DATA_LEVEL,
		.delivery = data >> 8 & 7,
		.vector = (u8)data,
	};

	if (address >> 20 == MSI_ADDRESS_BASE)
		vm_irq_deliver(vm, &msg);
}

void vm_extint_register(struct vm *vm, const struct extint_ops *ops, struct vdev *dev)
{
	vm->irqs->extint = ops;
	vm->irqs->extint_dev = dev;
}

void vm_extint_set(struct vm *vm, bool level)
{
	vm->irqs->extint_level = level;
	if (level)
		vcpu_request(vm, 0, REQ_EVENT);
}

int vm_extint_ack(struct vm *vm)
{
	struct vm_irqs *irqs = vm->irqs;

	return irqs->extint ? irqs->extint->ack(irqs->extint_dev) : -1;
}

bool vm_extint_pending(const struct vm *vm)
{
	return vm->irqs->extint_level;
}
