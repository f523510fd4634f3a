/*
 * Faults (7): the interrupt wakes a thread, which reads the records. A device that reached for what is not its own gets one line
 * in the log, and is stopped: its context entry goes, its bus mastering is switched off, and its driver is told.
 */
#include "core/log.h"
#include "core/thread.h"
#include "drivers/iommu/vtd.h"
#include "lib/errno.h"
#include "mm/page.h"

static struct thread *watcher; /* const once there is a unit */

static const char *reason_text(u32 reason)
{
	static const struct {
		u8 reason;
		const char *text;
	} texts[] = {
		{ 0x01, "nothing is mapped for its bus" },
		{ 0x02, "nothing is mapped for it" },
		{ 0x04, "the address is out of range" },
		{ 0x05, "it may not write there" },
		{ 0x06, "it may not read there" },
		{ 0x22, "there is no such interrupt" },
		{ 0x25, "an interrupt that is not remapped" },
		{ 0x26, "an interrupt of another device" },
	};

	for (u32 i = 0; i < ARRAY_LEN(texts); i++) {
		if (texts[i].reason == reason)
			return texts[i].text;
	}
	return "the tables are wrong";
}

static struct dma_device *owner(struct vtd_unit *u, u16 rid)
{
	struct dma_device *d = NULL;

	spin_lock(&u->tables);
	for (u32 i = 1; i < VTD_DOMAINS && !d; i++) {
		const struct iommu_domain *dom = u->domains[i];

		for (u32 k = 0; dom && k < dom->alias_count; k++) {
			if (dom->aliases[k] == rid && !dom->blocked)
				d = dom->d;
		}
	}
	spin_unlock(&u->tables);
	return d;
}

static void handle(struct vtd_unit *u, u16 rid, u64 address, u32 reason, bool read)
{
	struct dma_device *d = owner(u, rid);
	bool irq = reason >= VTD_REASON_IRQ;

	vtd_block(u, rid);
	iommu_stop_device(u->segment, rid, d,
			  irq  ? "interrupt" :
			  read ? "read of" :
				 "write to",
			  irq ? 0 : address, reason_text(reason));
}

static void look(struct vtd_unit *u)
{
	u32 base = VTD_CAP_FRO(u->cap);

	for (u32 i = 0; i < VTD_CAP_NFR(u->cap); i++) {
		u32 at = base + i * VTD_FRCD_SIZE, top = vtd_read(u, at + 12), sid;
		u64 address;

		if (!(top & VTD_FRCD_F))
			continue;
		address = vtd_read64(u, at) & ~(u64)PAGE_MASK;
		sid = vtd_read(u, at + 8);
		vtd_write(u, at + 12, (u32)VTD_FRCD_F); /* the record is free again */
		handle(u, (u16)(sid & VTD_FRCD_SID), address, top & VTD_FRCD_REASON,
		       top & VTD_FRCD_READ);
	}
	vtd_write(u, VTD_FSTS, (u32)VTD_FSTS_PFO);
	vtd_write(u, VTD_FECTL, 0);
}

static void watch(void *arg)
{
	(void)arg;
	for (;;) {
		for (u32 i = 0; i < vtd_unit_count; i++)
			look(vtd_units[i]);
		thread_block();
	}
}

/* Masked until the thread has looked. */
static void fault_interrupt(void *arg)
{
	vtd_write(arg, VTD_FECTL, (u32)VTD_FECTL_IM);
	thread_wake(watcher);
}

static int start_watcher(void)
{
	const struct thread_spec spec = {
		.name = "iommu", .fn = watch, .cpu = -1, .detached = true
	};

	if (watcher)
		return 0;
	watcher = thread_create(&spec);
	if (!watcher)
		return -ENOMEM;
	thread_start(watcher);
	return 0;
}

/* The unit's own messages are not remapped; their upper half names CPUs beyond 255. */
int vtd_faults_start(struct vtd_unit *u)
{
	int err = start_watcher();

	if (!err)
		err = irq_alloc_on(&u->fault_irq, 0, fault_interrupt, u);
	if (err)
		return err;
	vtd_write(u, VTD_FEDATA, u->fault_irq.vector);
	vtd_write(u, VTD_FEADDR, 0xfee00000u | (u->fault_irq.apic_id & 0xff) << 12);
	vtd_write(u, VTD_FEUADDR, u->fault_irq.apic_id & ~0xffu);
	vtd_write(u, VTD_FECTL, 0);
	return 0;
}
