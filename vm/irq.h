/*
 * Interrupt routing inside a VM: lines from devices to the interrupt controllers, messages from
 * controllers and devices to local APICs.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vm;
struct vcpu;
struct vdev;

#define VM_GSI_COUNT 24

/* An interrupt controller that listens to lines; called with no lock of its own held. */
struct irqchip {
	void (*line)(struct vdev *dev, u32 gsi, bool level);
	void (*eoi)(struct vdev *dev,
		    u8 vector); /* a level interrupt's EOI was broadcast; may be NULL */
	struct vdev *dev;
};

/* Makes the VM's routing state in its heap. -ENOMEM. */
int vm_irqs_create(struct vm *vm) __must_check;

/* Adds a controller (PIC, IOAPIC). At most 4. */
int vm_irqchip_add(struct vm *vm, const struct irqchip *chip) __must_check;

/*
 * Sets line gsi (0 to 15 are the ISA ones; ISA 0, the PIT, is IOAPIC pin 2). Callable under a device's lock.
 */
void vm_irq_line(struct vm *vm, u32 gsi, bool level);

enum irq_delivery {
	DELIVER_FIXED = 0,
	DELIVER_LOWEST = 1,
	DELIVER_SMI = 2,
	DELIVER_RESERVED = 3,
	DELIVER_NMI = 4,
	DELIVER_INIT = 5,
	DELIVER_SIPI = 6,
	DELIVER_EXTINT = 7,
};

struct irq_msg {
	u32 dest;
	bool wide; /* dest has 32 bits: an x2APIC's IPI; else all ones in 8 bits are everyone */
	bool logical;
	bool level;  /* trigger mode */
	u8 delivery; /* enum irq_delivery */
	u8 vector;
};

/* True when msg addresses all APICs. */
bool irq_msg_broadcast(const struct irq_msg *msg);

/*
 * Delivers to the local APICs that msg addresses; how many took it. Any thread of the VM's, also under devices'
 * locks.
 */
u32 vm_irq_deliver(struct vm *vm, const struct irq_msg *msg);
/* The same, but for vCPU except. */
u32 vm_irq_deliver_others(struct vm *vm, const struct irq_msg *msg, u32 except);

/* Whether I/O APICs and devices may send messages of that delivery mode. */
static inline bool irq_message_mode(u8 delivery)
{
	return delivery != DELIVER_RESERVED && delivery != DELIVER_SIPI;
}

/*
 * An MSI write as a device makes it, MSI-X the same (SDM vol. 3, "Message Signalled Interrupts"), with
 * extended destination ids (docs/apic.md). What is no message does nothing.
 */
void vm_msi(struct vm *vm, u64 address, u32 data);

/* Pulses LINT1 of all local APICs, as a PC's NMI button. In the VM's address space. */
void vm_irq_nmi(struct vm *vm);

/* From a local APIC: a level-triggered vector was acknowledged. */
void vm_irq_eoi(struct vm *vm, u8 vector);

/*
 * The PIC's output, which is on LINT0 of all local APICs: its level, and the acknowledge cycle that yields a
 * vector. Registered by the PIC, and set under its lock.
 */
struct extint_ops {
	int (*ack)(struct vdev *dev); /* vector, or -1: nothing pending any more */
};
void vm_extint_register(struct vm *vm, const struct extint_ops *ops, struct vdev *dev);
void vm_extint_set(struct vm *vm, bool level);
int vm_extint_ack(struct vm *vm);
