/*
 * drivers/iommu on an AMD-Vi unit that is here: the device table and page tables bit by bit (AMD IOMMU 3.08, chapter 2), what the
 * unit is asked to forget, aliases, memory that the firmware keeps, interrupt tables of both forms, events, a unit that does not answer.
 *
 * sources: tests/host/fake_mm.c drivers/iommu/amdvi.c drivers/iommu/amdvi_ring.c drivers/iommu/amdvi_domain.c
 * sources: drivers/iommu/amdvi_irq.c drivers/iommu/fault.c mm/ptab.c lib/string.c
 * flags: -include tests/host/fake_amdvi_io.h
 */
#include "drivers/iommu/amdvi.h"
#include "drivers/iommu/kinds.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/fake_iommu.h"
#include "mm/page.h"

#define RID 0x0048u

struct host host;

static struct {
	u64 regs[0x4000 / 8];
	bool mute;
	u32 devices, pages, irqs;
	u64 last[2];
} hw;

void *fake_regs(u64 *at, u64 *size)
{
	*at = 0xfed80000;
	*size = sizeof(hw.regs);
	return hw.regs;
}

static bool have_msi, remaps;
static u32 masked = 2;

int pci_msi_alloc(struct pci_device *d)
{
	(void)d;
	return have_msi ? 0 : -ENOTSUP;
}

int pci_irq_connect(struct pci_device *d, u32 index, struct irq *irq)
{
	(void)d;
	CHECK(!index && irq->vector);
	return 0;
}

void pci_irq_mask(struct pci_device *d, u32 index, bool on)
{
	(void)d;
	(void)index;
	masked = on;
}

void thread_block_until(u64 deadline_ns)
{
	(void)deadline_ns;
	thread_block();
}

/* --- the unit ---------------------------------------------------------------------------------------- */

static u64 reg(u32 at)
{
	return hw.regs[at / 8];
}

static void run(struct amdvi_entry e)
{
	u32 op = (u32)(e.lo >> 60);

	if (op == 1) {
		CHECK(e.lo & 1); /* it is to store */
		*(u64 *)phys_to_virt(PADDR(e.lo & 0xffffffffffff8)) = e.hi;
		return;
	}
	CHECK(op == 2 || op == 3 || op == 5);
	hw.irqs += op == 5;
	hw.devices += op == 2;
	hw.pages += op == 3;
	hw.last[0] = e.lo;
	hw.last[1] = e.hi;
}

static void serve(void)
{
	struct amdvi_entry *ring = phys_to_virt(PADDR(reg(AMDVI_COMMANDS) & 0xffffffffff000));
	u64 head = reg(AMDVI_COMMAND_HEAD);

	if (!(reg(AMDVI_CONTROL) & AMDVI_COMMAND_RING))
		return;
	for (; head != reg(AMDVI_COMMAND_TAIL) && !hw.mute; head = (head + 16) % 4096)
		run(ring[head / 16]);
	hw.regs[AMDVI_COMMAND_HEAD / 8] = head;
}

u64 fake_read64(const volatile void *p)
{
	return *(const volatile u64 *)p;
}

void fake_write64(volatile void *p, u64 v)
{
	u32 at = (u32)((const u8 *)p - (u8 *)hw.regs);

	hw.regs[at / 8] = v;
	if (at == AMDVI_COMMAND_TAIL)
		serve();
}

/* --- a machine ----------------------------------------------------------------------------------------- */

static struct dma_device dev = { .name = "0000:00:09.0", .rid = RID, .blocked = blocked };

static struct pci_device *device(u8 bus, u8 devfn, struct pci_device *parent)
{
	struct pci_device *d = &devices[device_count++];

	*d = (struct pci_device){ .at = { 0, bus, devfn }, .parent = parent };
	return d;
}

/* One unit for all but bus 2, whose devices are seen as 01:04.0; it is 00:02.0 itself. */
static void machine(void)
{
	static struct amdvi_unit *kept[32]; /* units are for ever */
	static u32 count;

	CHECK(count < ARRAY_LEN(kept));
	kept[count++] = amdvi_units[0];
	amdvi_units[0] = NULL;
	memset(&hw, 0, sizeof(hw));
	memset(&host, 0, sizeof(host));
	host.ivrs.unit_count = 1;
	host.ivrs.units[0] = (struct host_ivrs_unit){ PADDR(0xfed80000), 0, 0x10, 5 };
	host.ivrs.range_count = 2;
	host.ivrs.ranges[0] = (struct host_ivrs_range){ 0, false, 0, 0x1ff, 0 };
	host.ivrs.ranges[1] = (struct host_ivrs_range){ 0, true, 0x200, 0x2ff, 0x120 };
	device_count = blocked_calls = amdvi_unit_count = 0;
	device(0, 0x10, NULL);
	device(0, RID, NULL);
	ops = NULL;
	remap_ops = NULL;
	remaps = x2apic = false;
	mode = IOMMU_STRICT;
	ram_at = reserved_at = 0;
	held = 0;
	have_msi = true;
	masked = 2;
}

static u64 *dte(u16 rid)
{
	return (u64 *)phys_to_virt(PADDR(reg(AMDVI_DEVICE_TABLE) & 0xffffffffff000)) + rid * 4;
}

/* What the tables have for an address, with the rights of all levels; 0: nothing. */
static u64 walk(u16 rid, u64 iova)
{
	u64 entry = dte(rid)[0], rights = AMDVI_READ | AMDVI_WRITE;
	u32 level = entry >> 9 & 7;

	CHECK((entry & 3) == 3 && level == 4);
	for (;;) {
		u32 next;

		rights &= entry;
		entry = ((u64 *)phys_to_virt(
			PADDR(entry & 0xffffffffff000)))[iova >> (3 + 9 * level) & 511];
		if (!(entry & 1))
			return 0;
		next = entry >> 9 & 7;
		if (!next || level == 1)
			break;
		CHECK_EQ(next, level - 1);
		level = next;
	}
	return (entry & 0xffffffffff000) | (rights & entry & (AMDVI_READ | AMDVI_WRITE)) |
	       (level > 1 ? level : 0);
}

TEST(the_way_on)
{
	machine();
	CHECK_EQ(amdvi_init(&remaps), 1);
	CHECK(ops);
	CHECK_EQ(reg(AMDVI_DEVICE_TABLE) & 0xfff, 0x1ff); /* 2 MiB */
	CHECK_EQ(reg(AMDVI_COMMANDS) >> 56, 8);
	CHECK_EQ(reg(AMDVI_EVENTS) >> 56, 8);
	CHECK_EQ(reg(AMDVI_CONTROL), 0x1 | 0x2 | 0x4 | 0x8 | 0x200 | 0x400 | 0x1000);
	CHECK(hw.pages && !masked);
	/* Every requester id there is reaches nothing: one that is not valid would reach everything. */
	for (u32 rid = 0; rid < 0x10000; rid++)
		CHECK(!walk((u16)rid, 0x200000) && !dte((u16)rid)[1]);
}

TEST(units_that_are_not_used)
{
	machine();
	hw.mute = true;
	CHECK_EQ(amdvi_init(&remaps), 0);
	CHECK(!ops && !reg(AMDVI_CONTROL));
	machine();
	host.ivrs.units[0].segment = 1;
	CHECK_EQ(amdvi_init(&remaps), 0);
	machine();
	mode = IOMMU_OFF;
	hw.regs[AMDVI_CONTROL / 8] = 1;
	CHECK_EQ(amdvi_init(&remaps), 0);
	CHECK(!ops && !reg(AMDVI_CONTROL));
	machine();
	host.ivrs.unit_count = 0;
	CHECK_EQ(amdvi_init(&remaps), 0);
	machine();
	have_msi = false; /* it is looked at each second, then */
	CHECK_EQ(amdvi_init(&remaps), 1);
	CHECK_EQ(masked, 2);
}

static struct iommu_domain *attach(void)
{
	struct iommu_domain *dom = NULL;

	machine();
	CHECK_EQ(amdvi_init(&remaps), 1);
	CHECK_EQ(ops->attach(&dev, &dom), 0);
	return dom;
}

TEST(domains)
{
	struct iommu_domain *dom = attach(), *again;

	CHECK_EQ(dte(RID)[1], dom->id);
	CHECK(dom->id && !dte(RID + 1)[1]);
	CHECK_EQ(ops->map(dom, 0x200000, PADDR(0x12345000), 0x3000, PTAB_R), 0);
	CHECK_EQ(walk(RID, 0x200000), 0x12345000 | AMDVI_READ);
	CHECK_EQ(walk(RID, 0x202fff), 0x12347000 | AMDVI_READ);
	CHECK_EQ(walk(RID, 0x203000), 0);
	CHECK_EQ(ops->map(dom, 0x400000, PADDR(0x40000000), 0x200000, PTAB_W), 0);
	CHECK_EQ(walk(RID, 0x412345), 0x40000000 | AMDVI_WRITE | 2); /* one leaf of 2 MiB */
	CHECK_EQ(walk(RID + 1, 0x200000), 0);
	CHECK_EQ(ops->unmap(dom, 0x201000, 0x1000), 0);
	CHECK(!walk(RID, 0x201000) && walk(RID, 0x202000));
	CHECK_EQ(ops->flush(dom, 0x201000, 0x1000), 0);
	CHECK_EQ(hw.last[0], 3ull << 60 | (u64)dom->id << 32);
	CHECK_EQ(hw.last[1], 0x201000);
	CHECK_EQ(ops->flush(dom, 0x200000, 0x3000), 0);
	CHECK_EQ(hw.last[1], 0x7ffffffffffff003); /* all of the domain, with its tables */
	CHECK_EQ(ops->attach(&dev, &again), -EBUSY);
	hw.devices = hw.pages = 0;
	ops->detach(&dev, dom);
	CHECK(!walk(RID, 0x200000) && !dte(RID)[1]);
	CHECK(hw.devices == 1 && hw.pages == 1);
}

TEST(aliases)
{
	struct dma_device behind = { .name = "behind", .rid = 0x208 };
	struct dma_device other = { .name = "other", .rid = 0x300 };
	struct iommu_domain *dom;

	machine();
	CHECK_EQ(amdvi_init(&remaps), 1);
	CHECK_EQ(ops->attach(&behind, &dom), 0);
	CHECK(dte(0x208)[1] == dom->id && dte(0x120)[1] == dom->id);
	ops->detach(&behind, dom);
	CHECK(!dte(0x208)[1] && !dte(0x120)[1]);
	CHECK_EQ(ops->attach(&other, &dom), -ENODEV); /* no unit's */
	other.segment = 1;
	CHECK_EQ(ops->attach(&other, &dom), -ENODEV);
}

TEST(memory_that_the_firmware_keeps)
{
	struct iommu_domain *dom;

	machine();
	host.ivrs.reserved_count = 1;
	host.ivrs.reserved[0] = (struct host_ivrs_reserved){ 0x40, 0x4f, 0x7bb81000, 0x2000 };
	CHECK_EQ(amdvi_init(&remaps), 1);
	CHECK_EQ(ops->attach(&dev, &dom), 0);
	CHECK_EQ(walk(RID, 0x7bb82000) & ~0xfffull & 0xffffffffff, 0x7bb82000);
	CHECK_EQ(reserved_at, 0x7bb81000);
	ops->detach(&dev, dom);
	ram_at = 0x7bb82000; /* ours is not the firmware's to give */
	CHECK_EQ(ops->attach(&dev, &dom), -EPERM);
	CHECK(!dte(RID)[1]);
}

/* --- interrupts ------------------------------------------------------------------------------------------- */

TEST(entries)
{
	struct irq irq = { .vector = 0x41, .apic_id = 0x12345678 };
	struct amdvi_irte e = amdvi_irte_wide(&irq);

	CHECK(e.lo == 0x34567801 && e.hi == 0x1200000000000041);
	CHECK_EQ(amdvi_irte_narrow(&irq), 0x417801);
	/* To a guest's APIC: on, told of, for a guest; that runs; its page, vector and CPU. */
	e = amdvi_irte_posted(0xbcdef12345000, 0x62, 0x12345678, false, 0x77);
	CHECK(e.lo == 0x7734567885 && e.hi == 0x120bcdef12345062);
	e = amdvi_irte_posted(0x12345000, 0x62, 3, true, 0);
	CHECK(e.lo == 0x3c5 && e.hi == 0x12345062);
}

/* With the I/O APIC 9, which is ff:08.0 to the unit: none of its devices. */
static void with_lines(u64 features)
{
	machine();
	hw.regs[AMDVI_FEATURES / 8] = features;
	host.ioapic_count = host.ivrs.ioapic_count = 1;
	host.ioapics[0].id = 9;
	host.ivrs.ioapics[0] = (struct host_ivrs_ioapic){ 0, 9, 0xff40 };
}

static u64 *table(u16 rid)
{
	u64 q = dte(rid)[2];

	CHECK_EQ(q & ~0xffffffffff000ull, 0x2000000000000011); /* valid, remapped, of 256 */
	return phys_to_virt(PADDR(q & 0xffffffffff000));
}

TEST(nobody_sends_before_it_has_a_table)
{
	with_lines(0x84);
	CHECK_EQ(amdvi_init(&remaps), 1);
	CHECK(remaps && remap_ops);
	for (u32 rid = 0; rid < 0x10000; rid++)
		CHECK_EQ(dte((u16)rid)[2], 1);
	CHECK_EQ(reg(AMDVI_CONTROL) >> 16, 2); /* entries of 128 bits; ids of 8, as the CPUs have */
	with_lines(0x84);
	x2apic = true;
	CHECK_EQ(amdvi_init(&remaps), 1);
	CHECK_EQ(reg(AMDVI_CONTROL) >> 16, 0x400000002);
	with_lines(0x04); /* ids of 32 bits need entries of 128 */
	x2apic = true;
	CHECK_EQ(amdvi_init(&remaps), 1);
	CHECK_EQ(reg(AMDVI_CONTROL) >> 16, 0);
	/* An I/O APIC that is no unit's would be silent: all stays as it is. */
	with_lines(0x84);
	host.ivrs.ioapics[0].id = 8;
	CHECK_EQ(amdvi_init(&remaps), 1);
	CHECK(!remaps && !remap_ops && !dte(0x10)[2] && !(reg(AMDVI_CONTROL) >> 16));
}

TEST(messages)
{
	struct irq irq = { .vector = 0x41, .apic_id = 7 };
	struct irq_msi msi;
	s32 index = -1, other = -1;
	u64 *t;

	with_lines(0x80);
	CHECK_EQ(amdvi_init(&remaps), 1);
	hw.devices = hw.irqs = 0;
	CHECK_EQ(remap_ops->remap(0, 0x61, &irq, &index, &msi), 0);
	t = table(0x61);
	CHECK(hw.devices == 1 && hw.irqs == 1);
	CHECK_EQ(hw.last[0], 5ull << 60 | 0x61);
	CHECK(msi.address == 0xfee00000 && msi.data == (u32)index && index < 256);
	CHECK(t[2 * index] == 0x701 && t[2 * index + 1] == 0x41);
	/* It moves: the same entry, and the old one is forgotten. */
	irq.apic_id = 9;
	irq.vector = 0x55;
	CHECK_EQ(remap_ops->remap(0, 0x61, &irq, &index, &msi), 0);
	CHECK(t[2 * index] == 0x901 && t[2 * index + 1] == 0x55 && hw.irqs == 2);
	CHECK_EQ(remap_ops->remap(0, 0x61, &irq, &other, &msi), 0);
	CHECK(other != index && hw.devices == 1);
	remap_ops->unremap(0, 0x61, index);
	CHECK(!t[2 * index] && hw.irqs == 4);
	other = -1;
	CHECK_EQ(remap_ops->remap(0, 0x61, &irq, &other, &msi), 0);
	CHECK_EQ(other, index);
	/* Another sender's table is another one. */
	other = -1;
	CHECK_EQ(remap_ops->remap(0, 0x62, &irq, &other, &msi), 0);
	CHECK(table(0x62) != t);
	/* One that is seen as another: both have it. */
	CHECK_EQ(remap_ops->remap(0, 0x210, &irq, &other, &msi), 0);
	CHECK(table(0x210) == table(0x120));
	irq.apic_id = 0x100;
	CHECK_EQ(remap_ops->remap(0, 0x61, &irq, &index, &msi), -ENOTSUP);
	irq.apic_id = 9;
	CHECK_EQ(remap_ops->remap(1, 0x61, &irq, &index, &msi), -ENODEV);
	CHECK_EQ(remap_ops->remap(0, 0x300, &irq, &index, &msi), -ENODEV); /* no unit's */
	for (u32 i = 0; i < 254; i++) {
		other = -1;
		CHECK_EQ(remap_ops->remap(0, 0x61, &irq, &other, &msi), 0);
	}
	other = -1;
	CHECK_EQ(remap_ops->remap(0, 0x61, &irq, &other, &msi), -ENOSPC);
}

TEST(entries_of_32_bits)
{
	struct irq irq = { .vector = 0x41, .apic_id = 7 };
	struct irq_msi msi;
	s32 index = -1;

	with_lines(0);
	CHECK_EQ(amdvi_init(&remaps), 1);
	CHECK_EQ(remap_ops->remap(0, 0x71, &irq, &index, &msi), 0);
	CHECK_EQ(((u32 *)table(0x71))[index], 0x410701);
	remap_ops->unremap(0, 0x71, index);
	CHECK_EQ(((u32 *)table(0x71))[index], 0);
}

TEST(lines)
{
	struct irq irq = { .vector = 0x41, .apic_id = 7 };
	struct irq_msi msi;
	s32 index = -1;
	u64 *t;

	with_lines(0x80);
	CHECK_EQ(amdvi_init(&remaps), 1);
	/* The entry is the vector's: the end of an interrupt goes by what the I/O APIC sent. */
	CHECK_EQ(remap_ops->remap_ioapic(9, 11, &irq, true, &index, &msi), 0);
	t = table(0xff40);
	CHECK(index == 0x41 && msi.data == 0x41 && t[2 * 0x41] == 0x701 && t[2 * 0x41 + 1] == 0x41);
	CHECK_EQ(remap_ops->remap_ioapic(9, 12, &irq, true, &index, &msi), -ENOSPC);
	irq.vector = 0x42;
	CHECK_EQ(remap_ops->remap_ioapic(9, 11, &irq, true, &index, &msi), 0);
	CHECK(index == 0x42 && !t[2 * 0x41] && t[2 * 0x42 + 1] == 0x42);
	irq.vector = 0x41;
	CHECK_EQ(remap_ops->remap_ioapic(9, 12, &irq, false, &index, &msi), 0);
	CHECK_EQ(remap_ops->remap_ioapic(8, 12, &irq, false, &index, &msi), -ENODEV);
	CHECK_EQ(remap_ops->remap_ioapic(9, 240, &irq, false, &index, &msi), -ENODEV);
}

static void event(u64 code, u16 rid, u64 flags, u64 address)
{
	u64 *log = phys_to_virt(PADDR(reg(AMDVI_EVENTS) & 0xffffffffff000));
	u64 tail = reg(AMDVI_EVENT_TAIL);

	log[tail / 8] = code << 60 | flags | rid;
	log[tail / 8 + 1] = address;
	hw.regs[AMDVI_EVENT_TAIL / 8] = (tail + 16) % 4096;
	woken = false;
	amdvi_units[0]->event_irq.fn(amdvi_units[0]);
	CHECK(woken);
	run_watcher();
	CHECK_EQ(reg(AMDVI_EVENT_HEAD), reg(AMDVI_EVENT_TAIL));
}

TEST(events)
{
	struct iommu_domain *dom = attach();

	CHECK_EQ(ops->map(dom, 0x200000, PADDR(0x1000), 0x1000, PTAB_R), 0);
	last_log[0] = '\0';
	event(AMDVI_EVENT_PAGE, RID, AMDVI_EVENT_WRITE, 0x5000);
	CHECK(last_log[0] && blocked_calls == 1 && devices[1].gone);
	CHECK(!walk(RID, 0x200000) && !dte(RID)[1]);
	event(AMDVI_EVENT_PAGE, RID, 0, 0x6000); /* one that was on its way */
	CHECK_EQ(blocked_calls, 1);
	event(AMDVI_EVENT_PAGE, RID, AMDVI_EVENT_IRQ, 0x6000);
	event(AMDVI_EVENT_PAGE, 0xffff, 0, 0x6000); /* of a device that nobody knows */
	event(AMDVI_EVENT_COMMAND, 0, 0, 0x1000);
	event(0xf, 0, 0, ~0ull);
	ops->detach(&dev, dom);
	CHECK_EQ(ops->attach(&dev, &dom), 0);
	CHECK_EQ(dte(RID)[1], dom->id);
	/* A tail that cannot be: the ring is gone through once at most. */
	hw.regs[AMDVI_EVENT_TAIL / 8] = ~0ull;
	run_watcher();
	ops->detach(&dev, dom);
}

TEST(a_unit_that_does_not_answer)
{
	struct iommu_domain *dom = attach();
	u64 before = now;

	hw.mute = true;
	CHECK_EQ(ops->flush(dom, 0x200000, 0x1000), -ETIMEDOUT);
	CHECK(now - before < 3000000000ull);
	CHECK(devices[1].gone); /* not bus master any more */
	before = now;
	CHECK_EQ(ops->flush(dom, 0x200000, 0x1000), -ETIMEDOUT);
	CHECK(now - before < 100000000ull); /* it is not asked again */
	ops->detach(&dev, dom);             /* its tables stay: the unit may still use them */
}
