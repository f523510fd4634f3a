/*
 * The guest's I/O APIC (Intel 82093AA and ICH9 data sheets): 24 pins, each with a redirection entry.
 * Lines come from vm_irq_line(); ISA line 0 is pin 2.
 */
#include "lib/errno.h"
#include "lib/hw/ioapic.h"
#include "mm/heap.h"
#include "vdev/vdevs.h"
#include "vm/iobus.h"
#include "vm/irq.h"
#include "vm/state.h"
#include "vm/vdev.h"
#include "vm/vm.h"

#define ISA_TIMER_GSI 0
#define ISA_TIMER_PIN 2
#define RTE_WRITABLE                                                                               \
	(IOAPIC_RTE_VECTOR | IOAPIC_RTE_MODE | IOAPIC_RTE_LOGICAL | IOAPIC_RTE_ACTIVE_LOW |        \
	 IOAPIC_RTE_LEVEL | IOAPIC_RTE_MASKED | IOAPIC_RTE_DEST | IOAPIC_RTE_EXT_DEST |            \
	 IOAPIC_RTE_REMAPPABLE)

struct ioapic {
	struct vdev dev; /* first; its lock guards all below */
	u32 select, id;
	u32 lines; /* bit n: pin n's level */
	u64 rte[IOAPIC_PINS];
};

static struct ioapic *ioapic_of(struct vdev *dev)
{
	return container_of(dev, struct ioapic, dev);
}

/*
 * Sends pin's message, unless it is masked or waits for its EOI; so a line that stays up sends once for each
 * EOI of the guest's. A line is asserted or not: the polarity in its entry is kept, and means nothing.
 */
static void deliver(struct ioapic *io, u32 pin)
{
	u64 rte = io->rte[pin];
	struct irq_msg msg = {
		.dest = (u32)(rte >> IOAPIC_RTE_DEST_SHIFT |
			      (rte & IOAPIC_RTE_EXT_DEST) >> IOAPIC_RTE_EXT_DEST_SHIFT << 8),
		.logical = rte & IOAPIC_RTE_LOGICAL,
		.level = rte & IOAPIC_RTE_LEVEL,
		.delivery = (rte & IOAPIC_RTE_MODE) >> IOAPIC_RTE_MODE_SHIFT,
		.vector = (u8)rte,
	};

	/* Nor where it is for an IOMMU that is not there. */
	if (rte & (IOAPIC_RTE_MASKED | IOAPIC_RTE_REMOTE_IRR | IOAPIC_RTE_REMAPPABLE))
		return;
	/* Only fixed and lowest-priority deliveries can be level-triggered. */
	if (msg.delivery > DELIVER_LOWEST)
		msg.level = false;
	if (irq_message_mode(msg.delivery) && vm_irq_deliver(io->dev.vm, &msg) && msg.level)
		io->rte[pin] |= IOAPIC_RTE_REMOTE_IRR;
}

static void ioapic_line(struct vdev *dev, u32 gsi, bool level)
{
	struct ioapic *io = ioapic_of(dev);
	u32 pin = gsi == ISA_TIMER_GSI ? ISA_TIMER_PIN : gsi, bit;

	if (gsi == ISA_TIMER_PIN || pin >= IOAPIC_PINS)
		return; /* ISA 2 is the cascade: no line */
	bit = 1u << pin;
	spin_lock(&dev->lock);
	if (!level) {
		io->lines &= ~bit;
	} else if (!(io->lines & bit) || (io->rte[pin] & IOAPIC_RTE_LEVEL)) {
		io->lines |= bit;
		deliver(io, pin);
	}
	spin_unlock(&dev->lock);
}

static void end_of_interrupt(struct ioapic *io, u8 vector)
{
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 *rte = &io->rte[pin];

		if (!(*rte & IOAPIC_RTE_REMOTE_IRR) || (u8)*rte != vector)
			continue;
		*rte &= ~IOAPIC_RTE_REMOTE_IRR;
		if (io->lines & 1u << pin)
			deliver(io, pin);
	}
}

static void ioapic_eoi(struct vdev *dev, u8 vector)
{
	spin_lock(&dev->lock);
	end_of_interrupt(ioapic_of(dev), vector);
	spin_unlock(&dev->lock);
}

static u32 read_reg(const struct ioapic *io)
{
	u32 r = io->select;

	switch (r) {
	case IOAPIC_ID:
	case IOAPIC_ARB:
		return io->id;
	case IOAPIC_VER:
		return IOAPIC_VER_ICH9 | (IOAPIC_PINS - 1) << IOAPIC_VER_MAXRE_SHIFT;
	}
	if (r >= IOAPIC_REDTBL && r < IOAPIC_REDTBL + 2 * IOAPIC_PINS)
		return (u32)(io->rte[(r - IOAPIC_REDTBL) / 2] >> (r & 1 ? 32 : 0));
	return 0;
}

static void write_rte(struct ioapic *io, u32 pin, u64 value)
{
	u64 *rte = &io->rte[pin];

	*rte = (value & RTE_WRITABLE) | (*rte & IOAPIC_RTE_READ_ONLY);
	/* Remote IRR is a level-triggered entry's; guests clear it by switching to edge and back. */
	if (!(*rte & IOAPIC_RTE_LEVEL))
		*rte &= ~IOAPIC_RTE_REMOTE_IRR;
	else if (io->lines & 1u << pin)
		deliver(io, pin);
}

static void write_reg(struct ioapic *io, u32 value)
{
	u32 r = io->select, pin = (r - IOAPIC_REDTBL) / 2;

	if (r == IOAPIC_ID) {
		io->id = value & (u32)IOAPIC_ID_MASK;
	} else if (r >= IOAPIC_REDTBL && pin < IOAPIC_PINS) {
		u64 old = io->rte[pin];

		if (r & 1)
			write_rte(io, pin, (u32)old | (u64)value << 32);
		else
			write_rte(io, pin, (old & BITS(63, 32)) | value);
	}
}

static int ioapic_access(struct vdev *dev, u32 bank, struct io_access *a)
{
	struct ioapic *io = ioapic_of(dev);

	(void)bank;
	if (a->size != 4 && !(a->offset == IOAPIC_IOREGSEL && a->size == 1))
		return -ENOTSUP;
	switch (a->offset) {
	case IOAPIC_IOREGSEL:
		if (a->write)
			io->select = (u8)a->value;
		else
			a->value = io->select;
		return 0;
	case IOAPIC_IOWIN:
		if (a->write)
			write_reg(io, (u32)a->value);
		else
			a->value = read_reg(io);
		return 0;
	case IOAPIC_EOI:
		if (a->write)
			end_of_interrupt(io, (u8)a->value);
		else
			a->value = 0;
		return 0;
	}
	return -ENOTSUP;
}

static void ioapic_reset(struct vdev *dev)
{
	struct ioapic *io = ioapic_of(dev);

	io->select = io->id = io->lines = 0;
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++)
		io->rte[pin] = IOAPIC_RTE_MASKED;
}

static void ioapic_state(struct vdev *dev, struct state *s)
{
	struct ioapic *io = ioapic_of(dev);

	state_u32(s, "select", &io->select);
	state_u32(s, "id", &io->id);
	state_u32(s, "lines", &io->lines);
	state_bytes(s, "rte", io->rte, sizeof(io->rte));
	if (!s->loading || s->error)
		return;
	if (io->select > 0xff || (io->id & ~(u32)IOAPIC_ID_MASK) || io->lines >> IOAPIC_PINS)
		state_reject(s, "register out of range");
	for (u32 pin = 0; pin < IOAPIC_PINS; pin++) {
		u64 rte = io->rte[pin];

		if ((rte & ~(RTE_WRITABLE | IOAPIC_RTE_REMOTE_IRR)) ||
		    (rte & (IOAPIC_RTE_REMOTE_IRR | IOAPIC_RTE_LEVEL)) == IOAPIC_RTE_REMOTE_IRR)
			state_reject(s, "redirection entry");
	}
}

static const struct vdev_ops ops = {
	.name = "ioapic",
	.version = 1,
	.reset = ioapic_reset,
	.state = ioapic_state,
};

int ioapic_create(struct vm *vm, const struct domain *cfg)
{
	struct ioapic *io = heap_alloc(vm->heap, sizeof(*io), 0);
	struct irqchip chip = { .line = ioapic_line, .eoi = ioapic_eoi };

	(void)cfg;
	if (!io)
		return -ENOMEM;
	vdev_add(vm, &io->dev, &ops, 0, RANK_VIRQ);
	chip.dev = &io->dev;

	int err = vm_irqchip_add(vm, &chip);

	if (err)
		return err;
	return iobus_claim(vm->bus, IO_MEM, IOAPIC_DEFAULT_BASE, IOAPIC_SIZE, &io->dev,
			   ioapic_access, 0);
}
