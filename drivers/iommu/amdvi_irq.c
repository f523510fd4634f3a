/*
 * Interrupt remapping (2.2.5): the low bits of a message's data name an entry of its sender's own table, which says vector and
 * CPU. What a sender without a table sends goes nowhere, nor do NMI, INIT and ExtINT of anybody.
 */
#include "arch/lapic.h"
#include "core/log.h"
#include "drivers/iommu/amdvi.h"
#include "lib/atomic.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/page.h"

#define ENTRIES_LOG2 8 /* further bits of the data are a delivery mode, too */
#define ENTRIES      (1u << ENTRIES_LOG2)
#define MSI_ADDRESS  0xfee00000u
static_assert(ENTRIES * sizeof(struct amdvi_irte) == PAGE_SIZE, "a table is a page");

/* One for each sender, for good: a device that comes back finds its own. */
struct table {
	struct table *next; /* tables */
	struct amdvi_unit *u;
	u16 rid; /* const, as are the ids that the unit may see it by */
	u32 id_count;
	u16 ids[IOMMU_ALIASES_MAX + 1];
	void *entries; /* of struct amdvi_irte, or u32 where the units know no others */
	u64 used[BITMAP_WORDS(ENTRIES)];
};

static struct spinlock lock = SPINLOCK_INIT(RANK_IOMMU, "IOMMU interrupt tables");
static struct table *tables;
static bool wide,
	ids32; /* const after amdvi_irq_start(): entries of 128 bits, and in them ids of 32 */

u32 amdvi_irte_narrow(const struct irq *irq)
{
	return AMDVI_IRTE_ON | (irq->apic_id & 0xff) << AMDVI_IRTE_DEST |
	       (u32)irq->vector << AMDVI_IRTE_VECTOR_NARROW;
}

struct amdvi_irte amdvi_irte_wide(const struct irq *irq)
{
	return (struct amdvi_irte){
		.lo = AMDVI_IRTE_ON | (u64)(irq->apic_id & 0xffffff) << AMDVI_IRTE_DEST,
		.hi = irq->vector | (u64)(irq->apic_id >> 24) << AMDVI_IRTE_DEST_HIGH,
	};
}

struct amdvi_irte amdvi_irte_posted(u64 page, u8 vector, u32 apic_id, bool runs, u32 tag)
{
	return (struct amdvi_irte){
		.lo = AMDVI_IRTE_ON | AMDVI_IRTE_POSTED | AMDVI_IRTE_LOG |
		      (runs ? AMDVI_IRTE_RUNS : 0) | (u64)(apic_id & 0xffffff) << AMDVI_IRTE_DEST |
		      (u64)tag << AMDVI_IRTE_TAG,
		.hi = vector | (page & AMDVI_ADDR) | (u64)(apic_id >> 24) << AMDVI_IRTE_DEST_HIGH,
	};
}

/* irq NULL: none. It is off while it changes; who changes one that counts has its sender masked. */
static int write_entry(const struct table *t, u32 index, const struct irq *irq)
{
	int ret = 0;

	if (wide) {
		struct amdvi_irte *at = (struct amdvi_irte *)t->entries + index;
		struct amdvi_irte e = irq ? amdvi_irte_wide(irq) : (struct amdvi_irte){ 0, 0 };

		WRITE_ONCE(at->lo, 0);
		WRITE_ONCE(at->hi, e.hi);
		/* Pairs with the unit's read: who finds it on finds the vector. */
		atomic_store_release(&at->lo, e.lo);
	} else {
		WRITE_ONCE(((u32 *)t->entries)[index], irq ? amdvi_irte_narrow(irq) : 0);
	}
	for (u32 i = 0; i < t->id_count && !ret; i++)
		ret = amdvi_forget_irqs(t->u, t->ids[i]);
	return ret;
}

/* lock */
static struct table *find_locked(u16 rid)
{
	struct table *t = tables;

	while (t && t->rid != rid)
		t = t->next;
	return t;
}

static struct table *find(u16 rid)
{
	struct table *t;

	spin_lock(&lock);
	t = find_locked(rid);
	spin_unlock(&lock);
	return t;
}

static void destroy(struct table *t)
{
	if (t->entries)
		page_free(t->entries, 0);
	kfree(t);
}

static struct table *create(u16 rid, struct amdvi_unit *u)
{
	struct table *t = kalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->rid = rid;
	t->u = amdvi_ids(rid, t->ids, &t->id_count);
	t->u = t->u ? t->u : u;
	t->entries = t->u ? page_alloc(0) : NULL;
	if (t->entries)
		return t;
	destroy(t);
	return NULL;
}

/* lock. A unit that is dead may still read the page: it stays. */
static int publish(struct table *t)
{
	int err = 0;

	t->next = tables;
	tables = t;
	for (u32 i = 0; i < t->id_count && !err; i++)
		err = amdvi_dte_irqs(t->u, t->ids[i], t->entries, ENTRIES_LOG2);
	return err;
}

/* u: the unit of a sender that is no device, or NULL. NULL: no unit is its, it does not answer, or there is no memory. */
static struct table *table_of(u16 segment, u16 rid, struct amdvi_unit *u)
{
	struct table *t = segment ? NULL : find(rid), *made, *there;
	int err = 0;

	if (t || segment)
		return t;
	made = create(rid, u);
	if (!made)
		return NULL;
	spin_lock(&lock);
	there = find_locked(rid);
	if (!there)
		err = publish(made);
	spin_unlock(&lock);
	if (there)
		destroy(made);
	return there ? there : err ? NULL : made;
}

/* *index as in struct irq_remap_ops; first: the entry if it is a new one. */
static int take(struct table *t, u32 first, s32 *index)
{
	int ret = -ENOSPC;

	if (*index >= 0)
		return 0;
	spin_lock(&lock);
	if (first == ENTRIES)
		first = bitmap_find_clear(t->used, ENTRIES);
	if (first < ENTRIES && !bitmap_test(t->used, first)) {
		bitmap_set(t->used, first);
		*index = (s32)first;
		ret = 0;
	}
	spin_unlock(&lock);
	return ret;
}

static int remap_for(struct table *t, const struct irq *irq, u32 first, s32 *index,
		     struct irq_msi *out)
{
	int err;

	if (!t)
		return -ENODEV;
	if (!ids32 && irq->apic_id > 0xff)
		return -ENOTSUP;
	err = take(t, first, index);
	if (!err)
		err = write_entry(t, (u32)*index, irq);
	if (!err)
		*out = (struct irq_msi){ MSI_ADDRESS, (u32)*index };
	return err;
}

static int remap(u16 segment, u16 rid, const struct irq *irq, s32 *index, struct irq_msi *out)
{
	return remap_for(table_of(segment, rid, NULL), irq, ENTRIES, index, out);
}

static void release(struct table *t, s32 index)
{
	if (write_entry(t, (u32)index, NULL))
		return; /* it may still be used: nobody else gets it */
	spin_lock(&lock);
	bitmap_clear(t->used, (u32)index);
	spin_unlock(&lock);
}

static void unremap(u16 segment, u16 rid, s32 index)
{
	struct table *t = segment ? NULL : find(rid);

	if (t && index >= 0)
		release(t, index);
}

static const struct host_ivrs_ioapic *ioapic_of(u8 id)
{
	for (u32 i = 0; i < host.ivrs.ioapic_count; i++) {
		if (host.ivrs.ioapics[i].id == id)
			return &host.ivrs.ioapics[i];
	}
	return NULL;
}

/* A line's entry is its vector's: the I/O APIC compares the end of an interrupt with the vector that it sent. */
static int remap_ioapic(u8 id, u8 pin, const struct irq *irq, bool level, s32 *index,
			struct irq_msi *out)
{
	static s16 kept[HOST_MAX_IOAPICS][AMDVI_PINS]; /* entries + 1; 0: none; the line's owner */
	const struct host_ivrs_ioapic *a = ioapic_of(id);
	struct table *t;
	s16 *had;
	int err;

	(void)level; /* is the message's own */
	if (!a || pin >= AMDVI_PINS)
		return -ENODEV;
	t = table_of(0, a->rid, amdvi_units[a->unit]);
	if (!t)
		return -ENODEV;
	had = &kept[a - host.ivrs.ioapics][pin];
	*index = *had - 1;
	if (*index >= 0 && *index != irq->vector) {
		release(t, *index);
		*had = 0;
		*index = -1;
	}
	err = remap_for(t, irq, irq->vector, index, out);
	if (!err)
		*had = (s16)(*index + 1);
	return err;
}

bool amdvi_can_remap(void)
{
	for (u32 i = 0; i < host.ioapic_count; i++) {
		const struct host_ivrs_ioapic *a = ioapic_of(host.ioapics[i].id);

		if (a && a->unit < amdvi_unit_count)
			continue;
		log_warn("iommu: no unit is I/O APIC %u's: interrupts are not remapped",
			 host.ioapics[i].id);
		return false;
	}
	return true;
}

u64 amdvi_irq_start(void)
{
	u64 all = ~0ull;

	for (u32 i = 0; i < amdvi_unit_count; i++)
		all &= amdvi_read(amdvi_units[i], AMDVI_FEATURES);
	wide = all & AMDVI_FEATURE_GA;
	ids32 = wide && all & AMDVI_FEATURE_XT && lapic_uses_x2apic();
	return (wide ? AMDVI_GUEST_APIC : 0) | (ids32 ? AMDVI_X2APIC : 0);
}

void amdvi_irq_register(void)
{
	static const struct irq_remap_ops ops = { remap, unremap, remap_ioapic };

	irq_set_remap_ops(&ops);
}
