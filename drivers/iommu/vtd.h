/*
 * The VT-d driver's own structures. A unit is one IOMMU with its root table, invalidation queue and interrupt remapping
 * table; a domain is what one device can reach. Files: vtd.c (units, registers), vtd_queue.c (invalidation), vtd_domain.c,
 * vtd_fault.c, vtd_irq.c.
 */
#pragma once

#include "arch/lock.h"
#include "core/host.h"
#include "core/irq.h"
#include "drivers/iommu/fault.h"
#include "drivers/pci/pci.h"
#include "lib/bitmap.h"
#include "lib/compiler.h"
#include "lib/hw/vtd.h"
#include "mm/ptab.h"

#define VTD_DOMAINS   256u /* ids 1 to 255 */
#define VTD_QUEUE_LEN 256u
#define VTD_IRT_ORDER 4u /* of pages */
#define VTD_IRTES     4096u
#define VTD_PINS      240u /* of an I/O APIC */

struct vtd_unit {
	/* Const after start. */
	u32 number;
	u16 segment;
	bool all; /* of its segment, what no other unit has */
	u8 *regs;
	u64 cap, ecap;
	struct ptab_format format; /* levels 0: none that is known */
	struct irq fault_irq;
	bool remaps; /* interrupts */

	struct spinlock tables; /* root, contexts, domains, IRTEs: who has which */
	u64 *root;
	u64 *contexts[PCI_BUSES]; /* tables; NULL: none */
	struct iommu_domain *domains[VTD_DOMAINS];
	struct vtd_irte *irt;
	u64 irt_used[BITMAP_WORDS(VTD_IRTES)];

	struct spinlock lock; /* the queue */
	struct vtd_desc *queue;
	volatile u32 *status; /* in memory: what the last wait wrote */
	u32 tail, sequence;
	bool dead; /* it does not answer; only ever set, with lock */
};

struct iommu_domain {
	struct vtd_unit *u;
	struct dma_device *d; /* NULL: what the firmware keeps for a device without driver */
	struct spinlock lock; /* pt */
	struct ptab pt;
	struct ptab_near near; /* lock */
	u16 id;
	bool blocked; /* after a fault; u->tables */
	u32 alias_count;
	u16 aliases[IOMMU_ALIASES_MAX]; /* requester ids that it may be seen by, its own first */
};

/* --- vtd.c ---------------------------------------------------------------------------------------- */

extern struct vtd_unit *vtd_units[HOST_MAX_DMA_UNITS];
extern u32 vtd_unit_count;

u32 vtd_read(const struct vtd_unit *u, u32 reg);
u64 vtd_read64(const struct vtd_unit *u, u32 reg);
void vtd_write(struct vtd_unit *u, u32 reg, u32 v);
void vtd_write64(struct vtd_unit *u, u32 reg, u64 v);
/* Switches a bit of the global command and waits until the status has it. -ETIMEDOUT. */
int vtd_command(struct vtd_unit *u, u32 bit, bool on) __must_check;
/* Where the IOMMU does not look into the caches: what lies there is written to memory. */
void vtd_publish(const struct vtd_unit *u, const void *p, u64 len);
/* The unit that a function's requests come to; NULL: none. */
struct vtd_unit *vtd_unit_of(u16 segment, u16 rid);
/* The function that a scope names. False: a bridge on the way is not there. */
bool vtd_scope_address(const struct host_dma_scope *s, u16 segment, struct pci_address *out);

/* --- vtd_queue.c ------------------------------------------------------------------------------------ */

int vtd_queue_start(struct vtd_unit *u) __must_check;
/* Each returns when it is done. -ETIMEDOUT, or -EIO when the unit did before. A thread; takes u->lock. */
int vtd_flush_contexts(struct vtd_unit *u);
int vtd_flush_domain(struct vtd_unit *u, u16 id);
/* Whole pages; all of the domain where that is not possible. */
int vtd_flush_pages(struct vtd_unit *u, u16 id, u64 iova, u64 len);
/* One interrupt remapping entry, or all (index < 0). */
int vtd_flush_irtes(struct vtd_unit *u, s32 index);

/* --- vtd_domain.c ----------------------------------------------------------------------------------- */

extern const struct iommu_ops vtd_ops;

/* The format of a unit's tables; levels 0: none that we know. */
void vtd_format(struct ptab_format *out, u64 cap, u64 ecap);
/* Maps what the firmware keeps for devices that have no driver yet. */
void vtd_reserve_all(void);
/* Nothing that the device sends is let through any more, and nobody is told of it. u->tables is not held. */
void vtd_block(struct vtd_unit *u, u16 rid);

/* --- vtd_fault.c, vtd_irq.c --------------------------------------------------------------------------- */

int vtd_faults_start(struct vtd_unit *u) __must_check;
/* Whether interrupts can be remapped: all units can, and all I/O APICs are named. */
bool vtd_can_remap(void);
int vtd_irq_start(struct vtd_unit *u) __must_check;
/* From now on messages and lines go by the tables. */
void vtd_irq_register(void);
/* An entry for irq, sent by rid (VT-d 9.10); one that posts to the descriptor at pda (9.11). wide: ids of 32 bits. */
struct vtd_irte vtd_irte_remapped(const struct irq *irq, u16 rid, bool level, bool wide);
struct vtd_irte vtd_irte_posted(u64 pda, u8 vector, u16 rid, bool urgent);
