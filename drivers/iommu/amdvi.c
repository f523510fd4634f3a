/*
 * AMD-Vi units: registers, the way on.
 */
#include "drivers/iommu/amdvi.h"

#include "arch/io.h"
#include "core/iommu.h"
#include "core/log.h"
#include "drivers/iommu/kinds.h"
#include "drivers/pci/pci.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/kmap.h"

#define TABLE_SIZE (PAGE_SIZE << AMDVI_DTES_ORDER)

struct amdvi_unit *amdvi_units[HOST_MAX_DMA_UNITS]; /* const after amdvi_init() */
u32 amdvi_unit_count;

/* In one access each: QEMU's unit, for one, takes the rings' bases no other way. */
u64 amdvi_read(const struct amdvi_unit *u, u32 reg)
{
	return mmio_read64(u->regs + reg);
}

void amdvi_write(struct amdvi_unit *u, u32 reg, u64 v)
{
	mmio_write64(u->regs + reg, v);
}

static struct amdvi_unit *make(u32 number)
{
	const struct host_ivrs_unit *h = &host.ivrs.units[number];
	struct amdvi_unit *u = kalloc(sizeof(*u));

	if (!u)
		return NULL;
	u->number = number;
	u->rid = h->rid;
	u->pci = pci_find((struct pci_address){ h->segment, (u8)(h->rid >> 8), (u8)h->rid });
	spin_init(&u->lock, RANK_IOMMU_QUEUE, "IOMMU commands");
	u->regs = kmap_mmio(h->base, AMDVI_REGS_SIZE);
	if (u->regs)
		return u;
	kfree(u);
	return NULL;
}

/* What the firmware says that this machine's links want (5.2.2.1). */
static u64 control_of(u8 flags)
{
	static const u64 bits[] = { AMDVI_HT_TUNNEL, AMDVI_PASS_PW, AMDVI_RES_PASS_PW,
				    AMDVI_ISOCHRONOUS };
	u64 v = AMDVI_COHERENT;

	for (u32 i = 0; i < ARRAY_LEN(bits); i++)
		v |= flags & BIT(i) ? bits[i] : 0;
	return v;
}

static int switch_on(struct amdvi_unit *u, paddr_t table, u64 remapping)
{
	u64 control = control_of(host.ivrs.units[u->number].flags) | remapping;
	int err;

	amdvi_write(u, AMDVI_CONTROL, 0);
	err = amdvi_rings_start(u);
	if (err)
		return err;
	amdvi_write(u, AMDVI_DEVICE_TABLE, table.v | (TABLE_SIZE / PAGE_SIZE - 1));
	control |= AMDVI_COMMAND_RING | AMDVI_EVENT_LOG | AMDVI_EVENT_INT;
	amdvi_write(u, AMDVI_CONTROL, control);
	err = amdvi_events_start(u);
	if (err)
		return err;
	/* The commands work before anything depends on it, and whatever the firmware left in the caches is gone. */
	amdvi_write(u, AMDVI_CONTROL, control | AMDVI_ENABLE);
	err = amdvi_forget_pages(u, 0, 0, ~0ULL);
	return err ? err : amdvi_forget_device(u, u->rid);
}

static bool find_units(void)
{
	for (u32 i = 0; i < host.ivrs.unit_count; i++) {
		struct amdvi_unit *u = host.ivrs.units[i].segment ? NULL : make(i);

		if (!u) {
			log_error("iommu: AMD-Vi unit %u: %s: none is used", i,
				  host.ivrs.units[i].segment ? "it is not of segment 0" :
							       "its registers cannot be mapped");
			return false;
		}
		amdvi_units[amdvi_unit_count++] = u;
	}
	return amdvi_unit_count;
}

static void give_up(void)
{
	for (u32 i = 0; i < amdvi_unit_count; i++)
		amdvi_write(amdvi_units[i], AMDVI_CONTROL, 0);
	amdvi_unit_count = 0;
}

u32 amdvi_init(bool *remaps)
{
	bool remap;
	u64 remapping;
	paddr_t table;

	if (!find_units() || iommu_mode() == IOMMU_OFF) {
		give_up();
		return 0;
	}
	remap = amdvi_can_remap();
	remapping = remap ? amdvi_irq_start() : 0;
	if (amdvi_table_start(remap, &table)) {
		give_up();
		return 0;
	}
	for (u32 i = 0; i < amdvi_unit_count; i++) {
		int err = switch_on(amdvi_units[i], table, remapping);

		if (err) {
			log_error("iommu: AMD-Vi unit %u does not start (error %d): none is used",
				  i, -err);
			give_up();
			return 0;
		}
	}
	iommu_register(&amdvi_ops);
	if (remap)
		amdvi_irq_register();
	*remaps = remap;
	return amdvi_unit_count;
}
