/*
 * The AMD-Vi driver's own structures: as vtd.h's, but for one device table that all units use. Files: amdvi.c (units),
 * amdvi_ring.c (commands, events), amdvi_domain.c, amdvi_irq.c.
 */
#pragma once

#include "arch/lock.h"
#include "core/host.h"
#include "core/irq.h"
#include "drivers/iommu/fault.h"
#include "lib/compiler.h"
#include "lib/hw/amdvi.h"
#include "mm/ptab.h"

#define AMDVI_DOMAINS 256u /* ids 1 to 255 */

struct amdvi_unit {
	/* Const after start. */
	u32 number;
	u16 rid;
	u8 *regs;
	struct pci_device *pci; /* the unit as a device, which sends its interrupts */
	struct irq event_irq;
	bool has_irq;

	struct spinlock lock; /* the commands */
	struct amdvi_entry *commands;
	volatile u64 *status; /* in memory: what the last wait wrote */
	u64 sequence;
	u32 tail;
	bool dead; /* it does not answer; only ever set */

	const volatile struct amdvi_entry *events;
	u32 event_head; /* the watcher's */
};

struct iommu_domain {
	struct amdvi_unit *u;
	struct dma_device *d;
	struct spinlock lock; /* pt */
	struct ptab pt;
	struct ptab_near near; /* lock */
	u16 id;
	u32 alias_count;
	u16 aliases[IOMMU_ALIASES_MAX + 1];
};

extern struct amdvi_unit *amdvi_units[HOST_MAX_DMA_UNITS];
extern u32 amdvi_unit_count;

u64 amdvi_read(const struct amdvi_unit *u, u32 reg);
void amdvi_write(struct amdvi_unit *u, u32 reg, u64 v);

/* --- amdvi_ring.c --------------------------------------------------------------------------------- */

/* Memory for both rings; the unit is off. -ENOMEM. */
int amdvi_rings_start(struct amdvi_unit *u) __must_check;
/* Returns when it is done. -ETIMEDOUT, or -EIO when the unit did before. A thread; takes u->lock. */
int amdvi_forget_device(struct amdvi_unit *u, u16 rid);
int amdvi_forget_pages(struct amdvi_unit *u, u16 id, u64 iova, u64 len);
int amdvi_forget_irqs(struct amdvi_unit *u, u16 rid); /* a sender's table of interrupts */
/* The thread that reads events, and the interrupt that wakes it. */
int amdvi_events_start(struct amdvi_unit *u) __must_check;

/* --- amdvi_domain.c --------------------------------------------------------------------------------- */

extern const struct iommu_ops amdvi_ops;

/* The device table in which nobody reaches anything, nor, where interrupts are remapped, sends any. -ENOMEM. */
int amdvi_table_start(bool remap, paddr_t *out) __must_check;
/* The unit that a device's requests come to, and the ids that it may see them by. NULL: none is. */
struct amdvi_unit *amdvi_ids(u16 rid, u16 ids[IOMMU_ALIASES_MAX + 1], u32 *count);
/* From now on that id's messages go by this table of 2^log2 entries. Errors are amdvi_forget_device()'s. A thread. */
int amdvi_dte_irqs(struct amdvi_unit *u, u16 rid, const void *table, u32 log2);
/* Nothing of it is let through any more; whose it was, or NULL. A thread. */
struct dma_device *amdvi_block(struct amdvi_unit *u, u16 rid);

/* --- amdvi_irq.c ------------------------------------------------------------------------------------ */

/* Whether each I/O APIC is some unit's: only then are interrupts remapped. */
bool amdvi_can_remap(void);
/* What the units' control register is to have for it, by what all of them can; before they are switched on. */
u64 amdvi_irq_start(void);
/* From now on core/irq.h's messages are remapped. */
void amdvi_irq_register(void);
/* An entry for irq, of 32 and of 128 bits (2.2.5.2), and one to the guest APIC whose backing page that is (2.2.5.3): not used yet. */
u32 amdvi_irte_narrow(const struct irq *irq);
struct amdvi_irte amdvi_irte_wide(const struct irq *irq);
struct amdvi_irte amdvi_irte_posted(u64 page, u8 vector, u32 apic_id, bool runs, u32 tag);
