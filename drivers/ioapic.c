/*
 * I/O APICs: each global system interrupt is a pin of one of them, whose redirection entry holds
 * the message that core/irq.c composed.
 */
#include "drivers/ioapic.h"

#include "arch/io.h"
#include "arch/lock.h"
#include "core/host.h"
#include "core/irq.h"
#include "core/log.h"
#include "lib/errno.h"
#include "lib/hw/ioapic.h"
#include "mm/kmap.h"

/*
 * What of an MSI goes where in a redirection entry (Intel SDM vol. 3, "Message Signalled
 * Interrupts").
 */
#define MSI_DATA_VECTOR      BITS(7, 0)
#define MSI_DATA_MODE        BITS(10, 8)
#define MSI_ADDRESS_LOGICAL  BIT(2)
#define MSI_ADDRESS_DEST     BITS(19, 4) /* destination, extended destination or remapping handle */
#define MSI_ADDRESS_DEST_LSB 4
#define RTE_DEST_LSB         48

struct ioapic {
	void *regs;         /* const */
	u32 gsi_base, pins; /* const */
	u8 id;              /* const: the MADT's */
};

static struct ioapic ioapics[HOST_MAX_IOAPICS]; /* const after ioapic_init() */
static u32 ioapic_count;
/* The index and data registers of all: two accesses that belong together. */
static struct spinlock lock = SPINLOCK_INIT(RANK_IOAPIC, "ioapic");

static u32 ioapic_read(const struct ioapic *a, u32 reg)
{
	mmio_write32((u8 *)a->regs + IOAPIC_IOREGSEL, reg);
	return mmio_read32((u8 *)a->regs + IOAPIC_IOWIN);
}

static void ioapic_write(const struct ioapic *a, u32 reg, u32 v)
{
	mmio_write32((u8 *)a->regs + IOAPIC_IOREGSEL, reg);
	mmio_write32((u8 *)a->regs + IOAPIC_IOWIN, v);
}

/*
 * The mask bit is in the low half: masked first, unmasked last, so that no half-written entry
 * fires.
 */
static void rte_write(const struct ioapic *a, u32 pin, u64 rte)
{
	u32 low = IOAPIC_REDTBL + 2 * pin;

	ioapic_write(a, low, (u32)(rte | IOAPIC_RTE_MASKED));
	ioapic_write(a, low + 1, (u32)(rte >> 32));
	ioapic_write(a, low, (u32)rte);
}

static struct ioapic *find(u32 gsi)
{
	for (u32 i = 0; i < ioapic_count; i++) {
		if (gsi - ioapics[i].gsi_base < ioapics[i].pins)
			return &ioapics[i];
	}
	return NULL;
}

/* The entry, masked. */
static u64 rte_compose(struct irq_msi msg, bool level, bool active_low)
{
	u64 rte = IOAPIC_RTE_MASKED | (msg.data & (MSI_DATA_VECTOR | MSI_DATA_MODE));

	if (msg.address & MSI_ADDRESS_LOGICAL)
		rte |= IOAPIC_RTE_LOGICAL;
	if (level)
		rte |= IOAPIC_RTE_LEVEL;
	if (active_low)
		rte |= IOAPIC_RTE_ACTIVE_LOW;
	return rte | (msg.address & MSI_ADDRESS_DEST) >> MSI_ADDRESS_DEST_LSB << RTE_DEST_LSB;
}

static int ioapic_route(u32 gsi, struct irq_msi msg, bool level, bool active_low)
{
	struct ioapic *a = find(gsi);
	u64 flags;

	if (!a)
		return -ENODEV;
	flags = spin_lock_irq(&lock);
	rte_write(a, gsi - a->gsi_base, rte_compose(msg, level, active_low));
	spin_unlock_irq(&lock, flags);
	return 0;
}

static void ioapic_mask(u32 gsi, bool masked)
{
	struct ioapic *a = find(gsi);
	u32 reg, v;
	u64 flags;

	if (!a)
		return;
	reg = IOAPIC_REDTBL + 2 * (gsi - a->gsi_base);
	flags = spin_lock_irq(&lock);
	v = ioapic_read(a, reg);
	ioapic_write(a, reg, masked ? v | (u32)IOAPIC_RTE_MASKED : v & ~(u32)IOAPIC_RTE_MASKED);
	spin_unlock_irq(&lock, flags);
}

static int ioapic_find(u32 gsi, u8 *id, u8 *pin)
{
	const struct ioapic *a = find(gsi);

	if (!a)
		return -ENODEV;
	*id = a->id;
	*pin = (u8)(gsi - a->gsi_base);
	return 0;
}

static const struct irq_line_ops line_ops = {
	.find = ioapic_find,
	.route = ioapic_route,
	.mask = ioapic_mask,
};

static bool ioapic_setup(const struct host_ioapic *h, struct ioapic *a)
{
	u32 version;

	a->regs = kmap_mmio(h->base, IOAPIC_SIZE);
	if (!a->regs) {
		log_error("ioapic %u: cannot map 0x%llx", h->id, (unsigned long long)h->base.v);
		return false;
	}
	version = ioapic_read(a, IOAPIC_VER);
	if (version == ~0u) {
		log_warn("ioapic %u: nothing at 0x%llx", h->id, (unsigned long long)h->base.v);
		kunmap(a->regs, IOAPIC_SIZE);
		return false;
	}
	a->gsi_base = h->gsi_base;
	a->id = h->id;
	a->pins = (u32)((version & IOAPIC_VER_MAXRE) >> IOAPIC_VER_MAXRE_SHIFT) + 1;
	for (u32 pin = 0; pin < a->pins; pin++)
		rte_write(a, pin, IOAPIC_RTE_MASKED);
	log_debug("ioapic %u: GSI %u to %u", h->id, a->gsi_base, a->gsi_base + a->pins - 1);
	return true;
}

u32 ioapic_init(void)
{
	for (u32 i = 0; i < host.ioapic_count; i++) {
		if (ioapic_setup(&host.ioapics[i], &ioapics[ioapic_count]))
			ioapic_count++;
	}
	if (ioapic_count)
		irq_set_line_ops(&line_ops);
	return ioapic_count;
}
