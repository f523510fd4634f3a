/*
 * VT-d units: registers, commands, which device is whose, the way on. Whatever state the firmware left them in, they are
 * switched off first.
 */
#include "drivers/iommu/vtd.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "core/clock.h"
#include "core/iommu.h"
#include "core/log.h"
#include "drivers/iommu/kinds.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "mm/page.h"

#define COMMAND_NS 1000000000ull

struct vtd_unit *vtd_units[HOST_MAX_DMA_UNITS]; /* const after vtd_init() */
u32 vtd_unit_count;

u32 vtd_read(const struct vtd_unit *u, u32 reg)
{
	return mmio_read32(u->regs + reg);
}

u64 vtd_read64(const struct vtd_unit *u, u32 reg)
{
	return vtd_read(u, reg) | (u64)vtd_read(u, reg + 4) << 32;
}

void vtd_write(struct vtd_unit *u, u32 reg, u32 v)
{
	mmio_write32(u->regs + reg, v);
}

void vtd_write64(struct vtd_unit *u, u32 reg, u64 v)
{
	vtd_write(u, reg, (u32)v);
	vtd_write(u, reg + 4, (u32)(v >> 32));
}

static int wait_for(const struct vtd_unit *u, u32 reg, u32 bit, bool on)
{
	u64 end = clock_ns() + COMMAND_NS;

	while (!!(vtd_read(u, reg) & bit) != on) {
		if (clock_ns() >= end)
			return -ETIMEDOUT;
		cpu_relax();
	}
	return 0;
}

int vtd_command(struct vtd_unit *u, u32 bit, bool on)
{
	u32 status = vtd_read(u, VTD_GSTS) & VTD_KEPT;
	/* Of these the status says that it was done; write buffers that are flushed, that it is not under way. */
	bool done = bit == (u32)VTD_WBF ? false : on;

	vtd_write(u, VTD_GCMD, on ? status | bit : status & ~bit);
	return wait_for(u, VTD_GSTS, bit, done);
}

void vtd_publish(const struct vtd_unit *u, const void *p, u64 len)
{
	u64 at = ALIGN_DOWN((u64)p, CACHE_LINE);

	if (u->ecap & VTD_ECAP_C)
		return;
	for (; at < (u64)p + len; at += CACHE_LINE)
		clflush((const void *)at);
	/* The flushes are done before the IOMMU is told of anything: pairs with its reads. */
	smp_mb();
}

/* --- which unit ------------------------------------------------------------------------------------ */

bool vtd_scope_address(const struct host_dma_scope *s, u16 segment, struct pci_address *out)
{
	*out = (struct pci_address){ segment, s->bus, s->path[0] };
	for (u32 i = 1; i < s->depth; i++) {
		const struct pci_device *bridge = pci_find(*out);

		if (!bridge || !bridge->secondary)
			return false;
		*out = (struct pci_address){ segment, bridge->secondary, s->path[i] };
	}
	return true;
}

/* An endpoint is itself; a bridge is itself and all that is behind it. */
static bool scope_has(const struct host_dma_scope *s, u16 segment, const struct pci_device *d,
		      u16 rid)
{
	struct pci_address at;
	bool bridge = s->type == HOST_SCOPE_BRIDGE;

	if ((s->type != HOST_SCOPE_ENDPOINT && !bridge) || !vtd_scope_address(s, segment, &at))
		return false;
	if ((at.bus << 8 | at.devfn) == rid)
		return true;
	for (d = d ? d->parent : NULL; bridge && d; d = d->parent) {
		if (d->at.bus == at.bus && d->at.devfn == at.devfn)
			return true;
	}
	return false;
}

static bool unit_names(const struct vtd_unit *u, const struct pci_device *d, u16 rid)
{
	for (u32 i = 0; i < host.dmar.scope_count; i++) {
		const struct host_dma_scope *s = &host.dmar.scopes[i];

		if (!s->reserved && s->owner == u->number && scope_has(s, u->segment, d, rid))
			return true;
	}
	return false;
}

struct vtd_unit *vtd_unit_of(u16 segment, u16 rid)
{
	const struct pci_device *d =
		pci_find((struct pci_address){ segment, (u8)(rid >> 8), (u8)rid });
	struct vtd_unit *rest = NULL;

	for (u32 i = 0; i < vtd_unit_count; i++) {
		struct vtd_unit *u = vtd_units[i];

		if (u->segment != segment)
			continue;
		if (unit_names(u, d, rid))
			return u;
		if (u->all)
			rest = u;
	}
	return rest;
}

/* --- the way on ------------------------------------------------------------------------------------ */

static const char *lacks(const struct vtd_unit *u)
{
	u64 regs = VTD_CAP_FRO(u->cap) + VTD_CAP_NFR(u->cap) * VTD_FRCD_SIZE;

	if (u->cap == ~0ULL || u->ecap == ~0ULL)
		return "it does not answer";
	if (!(u->ecap & VTD_ECAP_QI))
		return "it has no invalidation queue";
	if (!u->format.levels)
		return "its tables have neither 3 nor 4 levels";
	if (regs > VTD_REGS_MIN)
		return "its fault records are out of reach";
	return NULL;
}

static struct vtd_unit *make(u32 number)
{
	const struct host_dma_unit *h = &host.dmar.units[number];
	struct vtd_unit *u = kalloc(sizeof(*u));

	if (!u)
		return NULL;
	u->number = number;
	u->segment = h->segment;
	u->all = h->all;
	spin_init(&u->tables, RANK_IOMMU, "IOMMU tables");
	spin_init(&u->lock, RANK_IOMMU_QUEUE, "IOMMU queue");
	u->regs = kmap_mmio(h->base, VTD_REGS_MIN);
	if (!u->regs) {
		kfree(u);
		return NULL;
	}
	u->cap = vtd_read64(u, VTD_CAP);
	u->ecap = vtd_read64(u, VTD_ECAP);
	vtd_format(&u->format, u->cap, u->ecap);
	return u;
}

static int switch_off(struct vtd_unit *u)
{
	static const u32 bits[] = { (u32)VTD_TE, (u32)VTD_IRE, (u32)VTD_QIE };

	for (u32 i = 0; i < ARRAY_LEN(bits); i++) {
		if (vtd_read(u, VTD_GSTS) & bits[i] && vtd_command(u, bits[i], false))
			return -ETIMEDOUT;
	}
	return 0;
}

/* Ranges that the firmware kept all DMA from while it had nothing better (10.3). */
static void open_protected_memory(struct vtd_unit *u)
{
	if (!(u->cap & (VTD_CAP_PLMR | VTD_CAP_PHMR)))
		return;
	vtd_write(u, VTD_PMEN, vtd_read(u, VTD_PMEN) & (u32)~VTD_PMEN_EPM);
	if (wait_for(u, VTD_PMEN, (u32)VTD_PMEN_PRS, false))
		log_warn("iommu: unit %u: its protected memory stays", u->number);
}

static int switch_on(struct vtd_unit *u, bool remap)
{
	int err = switch_off(u);

	u->root = page_alloc(0);
	if (!u->root)
		return -ENOMEM;
	vtd_publish(u, u->root, PAGE_SIZE);
	vtd_write64(u, VTD_RTADDR, virt_to_phys(u->root).v);
	if (!err)
		err = vtd_command(u, (u32)VTD_RTP, true);
	if (!err)
		err = vtd_queue_start(u);
	if (!err)
		err = vtd_flush_contexts(u);
	if (!err && remap)
		err = vtd_irq_start(u);
	if (!err)
		err = vtd_faults_start(u);
	if (!err)
		err = vtd_command(u, (u32)VTD_TE, true);
	if (!err)
		open_protected_memory(u);
	return err;
}

/* All or none: a device that no unit holds could reach everything. */
static bool find_units(void)
{
	for (u32 i = 0; i < host.dmar.unit_count; i++) {
		struct vtd_unit *u = make(i);
		const char *why = u ? lacks(u) : "its registers cannot be mapped";

		if (why) {
			log_error("iommu: VT-d unit %u at 0x%llx: %s: none is used", i,
				  (unsigned long long)host.dmar.units[i].base.v, why);
			if (u)
				kunmap(u->regs, VTD_REGS_MIN);
			kfree(u);
			return false;
		}
		vtd_units[vtd_unit_count++] = u;
	}
	return vtd_unit_count;
}

static void give_up(void)
{
	for (u32 i = 0; i < vtd_unit_count; i++) {
		if (switch_off(vtd_units[i]))
			log_error("iommu: VT-d unit %u cannot be switched off", i);
	}
	vtd_unit_count = 0;
}

u32 vtd_init(bool *remaps)
{
	bool remap;

	if (!find_units() || iommu_mode() == IOMMU_OFF) {
		give_up();
		return 0;
	}
	remap = vtd_can_remap();
	for (u32 i = 0; i < vtd_unit_count; i++) {
		int err = switch_on(vtd_units[i], remap);

		if (err) {
			log_error("iommu: VT-d unit %u does not start (error %d): none is used", i,
				  -err);
			give_up();
			return 0;
		}
	}
	vtd_reserve_all();
	iommu_register(&vtd_ops);
	if (remap)
		vtd_irq_register();
	*remaps = remap;
	return vtd_unit_count;
}
