/*
 * Interrupt remapping (5.1): a message names an entry of a table, which says vector and CPU, and from whom it may come.
 * Messages of the old format are refused.
 */
#include "arch/lapic.h"
#include "core/log.h"
#include "drivers/iommu/vtd.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/page.h"

#define IRTES_LOG2 12
#define NO_INDEX   (-1)
static_assert(VTD_IRTES == 1u << IRTES_LOG2, "the table's size by its name");
static_assert(VTD_IRTES * sizeof(struct vtd_irte) == PAGE_SIZE << VTD_IRT_ORDER, "and in pages");

static s32 pins[HOST_MAX_IOAPICS][VTD_PINS]; /* entries + 1; 0: none; units' tables */

struct vtd_irte vtd_irte_remapped(const struct irq *irq, u16 rid, bool level, bool wide)
{
	u64 dest = wide ? (u64)irq->apic_id << VTD_IRTE_DEST :
			  (u64)(irq->apic_id & 0xff) << VTD_IRTE_DEST_8;

	return (struct vtd_irte){
		.lo = VTD_PRESENT | (level ? VTD_IRTE_LEVEL : 0) |
		      (u64)irq->vector << VTD_IRTE_VECTOR | dest,
		.hi = VTD_IRTE_VERIFY | rid,
	};
}

struct vtd_irte vtd_irte_posted(u64 pda, u8 vector, u16 rid, bool urgent)
{
	return (struct vtd_irte){
		.lo = VTD_PRESENT | VTD_IRTE_POSTED | (urgent ? VTD_IRTE_URGENT : 0) |
		      (u64)vector << VTD_IRTE_VECTOR | (pda >> 6 & 0x3ffffff) << VTD_IRTE_PDA_LOW,
		.hi = VTD_IRTE_VERIFY | rid | pda >> 32 << VTD_IRTE_PDA_HIGH,
	};
}

static bool wide(const struct vtd_unit *u)
{
	return u->ecap & VTD_ECAP_EIM && lapic_uses_x2apic();
}

static s32 take_entry(struct vtd_unit *u)
{
	s32 index = NO_INDEX;
	u32 i;

	spin_lock(&u->tables);
	i = bitmap_find_clear(u->irt_used, VTD_IRTES);
	if (i < VTD_IRTES) {
		bitmap_set(u->irt_used, i);
		index = (s32)i;
	}
	spin_unlock(&u->tables);
	return index;
}

static int write_entry(struct vtd_unit *u, s32 index, struct vtd_irte e)
{
	struct vtd_irte *at = &u->irt[index];

	/* The requester is there before the entry counts; of one that counts, it stays. Pairs with the IOMMU's read. */
	WRITE_ONCE(at->hi, e.hi);
	atomic_store_release(&at->lo, e.lo);
	vtd_publish(u, at, sizeof(*at));
	return vtd_flush_irtes(u, index);
}

static struct irq_msi message(s32 index, u8 vector)
{
	return (struct irq_msi){
		.address = VTD_MSI_ADDRESS | ((u32)index & 0x7fff) << VTD_MSI_INDEX |
			   ((u32)index >> 15) << VTD_MSI_INDEX15,
		.data = vector,
	};
}

static int remap_for(struct vtd_unit *u, u16 rid, const struct irq *irq, bool level, s32 *index,
		     struct irq_msi *out)
{
	int err;

	if (!wide(u) && irq->apic_id > 0xff)
		return -ENOTSUP;
	if (*index < 0)
		*index = take_entry(u);
	if (*index < 0)
		return -ENOSPC;
	err = write_entry(u, *index, vtd_irte_remapped(irq, rid, level, wide(u)));
	if (!err)
		*out = message(*index, level ? irq->vector : 0);
	return err;
}

/* By the id that the IOMMU sees. */
static int remap(u16 segment, u16 rid, const struct irq *irq, s32 *index, struct irq_msi *out)
{
	struct vtd_unit *u = vtd_unit_of(segment, rid);
	u16 aliases[IOMMU_ALIASES_MAX] = { 0 };
	u32 count = iommu_aliases(segment, rid, aliases);

	return u ? remap_for(u, aliases[count - 1], irq, false, index, out) : -ENODEV;
}

static void unremap(u16 segment, u16 rid, s32 index)
{
	struct vtd_unit *u = vtd_unit_of(segment, rid);

	if (!u || index < 0)
		return;
	if (write_entry(u, index, (struct vtd_irte){ 0, 0 }))
		return; /* it may still be used: nobody else gets it */
	spin_lock(&u->tables);
	bitmap_clear(u->irt_used, (u32)index);
	spin_unlock(&u->tables);
}

/* The unit that an I/O APIC's messages come to, and as whom. */
static struct vtd_unit *unit_of_ioapic(u8 id, u16 *rid)
{
	for (u32 i = 0; i < host.dmar.scope_count; i++) {
		const struct host_dma_scope *s = &host.dmar.scopes[i];
		struct pci_address at;

		if (s->reserved || s->type != HOST_SCOPE_IOAPIC || s->id != id ||
		    s->owner >= vtd_unit_count)
			continue;
		if (!vtd_scope_address(s, vtd_units[s->owner]->segment, &at))
			return NULL;
		*rid = (u16)(at.bus << 8 | at.devfn);
		return vtd_units[s->owner];
	}
	return NULL;
}

static s32 *pin_of(u8 id, u8 pin)
{
	for (u32 i = 0; i < host.ioapic_count; i++) {
		if (host.ioapics[i].id == id && pin < VTD_PINS)
			return &pins[i][pin];
	}
	return NULL;
}

static int remap_ioapic(u8 id, u8 pin, const struct irq *irq, bool level, s32 *index,
			struct irq_msi *out)
{
	s32 *kept = pin_of(id, pin);
	struct vtd_unit *u;
	int err;
	u16 rid;

	u = unit_of_ioapic(id, &rid);
	if (!u || !kept)
		return -ENODEV;
	*index = *kept - 1;
	err = remap_for(u, rid, irq, level, index, out);
	*kept = *index + 1;
	/* A line's data has the vector, too: the end of interrupt goes by it (5.1.5.1). */
	if (!err)
		out->data = irq->vector;
	return err;
}

bool vtd_can_remap(void)
{
	u16 rid;

	if (!host.dmar.remaps_interrupts)
		return false;
	for (u32 i = 0; i < vtd_unit_count; i++) {
		if (!(vtd_units[i]->ecap & VTD_ECAP_IR))
			return false;
	}
	for (u32 i = 0; i < host.ioapic_count; i++) {
		if (unit_of_ioapic(host.ioapics[i].id, &rid))
			continue;
		log_warn("iommu: no unit is I/O APIC %u's: interrupts are not remapped",
			 host.ioapics[i].id);
		return false;
	}
	return true;
}

int vtd_irq_start(struct vtd_unit *u)
{
	int err;

	u->irt = page_alloc(VTD_IRT_ORDER);
	if (!u->irt)
		return -ENOMEM;
	vtd_publish(u, u->irt, PAGE_SIZE << VTD_IRT_ORDER);
	vtd_write64(u, VTD_IRTA,
		    virt_to_phys(u->irt).v | (wide(u) ? VTD_IRTA_EIME : 0) | (IRTES_LOG2 - 1));
	err = vtd_command(u, (u32)VTD_IRTP, true);
	if (!err)
		err = vtd_flush_irtes(u, NO_INDEX);
	/* The old format stays refused: its bit (CFI) is not set. */
	if (!err)
		err = vtd_command(u, (u32)VTD_IRE, true);
	u->remaps = !err;
	return err;
}

void vtd_irq_register(void)
{
	static const struct irq_remap_ops ops = { remap, unremap, remap_ioapic };

	irq_set_remap_ops(&ops);
}
