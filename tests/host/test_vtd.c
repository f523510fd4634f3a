/*
 * drivers/iommu on a VT-d unit that is here: tables and entries bit by bit (VT-d 4.1, chapters 5, 6 and 9), what the unit is
 * asked to forget and when, devices behind bridges, memory that the firmware keeps, faults, a unit that does not answer.
 *
 * sources: tests/host/fake_mm.c drivers/iommu/vtd.c drivers/iommu/vtd_queue.c drivers/iommu/vtd_domain.c
 * sources: drivers/iommu/vtd_fault.c drivers/iommu/vtd_irq.c drivers/iommu/fault.c mm/ptab.c lib/string.c
 * flags: -include tests/host/fake_vtd_io.h
 */
#include <stdlib.h>

#include "core/clock.h"
#include "core/dma.h"
#include "core/iommu.h"
#include "core/log.h"
#include "core/thread.h"
#include "drivers/iommu/kinds.h"
#include "drivers/iommu/vtd.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/kmap.h"
#include "mm/memmap.h"
#include "mm/page.h"
#include "tests/host/fake_iommu.h"

#define CAP_DEFAULT                                                                                \
	(2ull | VTD_CAP_SAGAW_3 | VTD_CAP_SAGAW_4 | 47ull << 16 | 0x20ull << 24 | VTD_CAP_2M |     \
	 VTD_CAP_PSI | 9ull << 48)
#define ECAP_DEFAULT (VTD_ECAP_QI | VTD_ECAP_IR | VTD_ECAP_EIM)
#define RID          0x0108u

struct host host;

/* --- the unit ---------------------------------------------------------------------------------------- */

static struct {
	u32 regs[1024];
	bool mute;
	u32 contexts, iotlbs, iecs, flushes; /* flushes: of the CPU's caches */
	u64 last_iotlb[2], last_iec;
} hw;

static void serve_queue(void)
{
	u64 base = hw.regs[VTD_IQA / 4] | (u64)hw.regs[VTD_IQA / 4 + 1] << 32;
	struct vtd_desc *queue = phys_to_virt(PADDR(base & ~0xfffull));
	u32 head = hw.regs[VTD_IQH / 4] >> 4, tail = hw.regs[VTD_IQT / 4] >> 4;

	for (; head != tail && !hw.mute; head = (head + 1) % 256) {
		struct vtd_desc d = queue[head];

		switch (d.lo & 0xf) {
		case 1:
			hw.contexts++;
			break;
		case 2:
			hw.iotlbs++;
			hw.last_iotlb[0] = d.lo;
			hw.last_iotlb[1] = d.hi;
			break;
		case 4:
			hw.iecs++;
			hw.last_iec = d.lo;
			break;
		case 5:
			CHECK_EQ(d.lo & 0x70, 0x60); /* status, fence, no interrupt */
			*(u32 *)phys_to_virt(PADDR(d.hi)) = (u32)(d.lo >> 32);
			break;
		default:
			CHECK(!"a descriptor that there is not");
		}
	}
	hw.regs[VTD_IQH / 4] = head << 4;
}

u32 fake_read32(const volatile void *p)
{
	return *(const volatile u32 *)p;
}

void fake_write32(volatile void *p, u32 v)
{
	u32 reg = (u32)((const u8 *)p - (u8 *)hw.regs);

	if (reg == VTD_GCMD) {
		hw.regs[VTD_GSTS / 4] =
			(v & 0x96ffffff) | ((v | hw.regs[VTD_GSTS / 4]) & (1u << 30 | 1u << 24));
		return;
	}
	hw.regs[reg / 4] = v;
	if (reg == VTD_IQT + 4)
		serve_queue();
	if (reg >= 0x200 && reg < 0x210 && reg % 16 == 12)
		hw.regs[reg / 4] = 0; /* a record that is cleared */
}

/* Memory as the unit sees it where it does not look into the caches: what was flushed. */
static struct {
	u64 line, words[8];
} seen[32768];

static u32 place_of(u64 line)
{
	u32 i = (u32)(line / 64 * 0x9e3779b9u) % ARRAY_LEN(seen);

	while (seen[i].line && seen[i].line != line)
		i = (i + 1) % ARRAY_LEN(seen);
	return i;
}

void fake_clflush(const void *p)
{
	u64 line = (u64)p & ~63ull;
	u32 i = place_of(line);

	seen[i].line = line;
	memcpy(seen[i].words, (const void *)line, 64);
	hw.flushes++;
}

static u64 unit_reads(const u64 *p)
{
	u32 i = place_of((u64)p & ~63ull);

	if (hw.regs[VTD_ECAP / 4] & VTD_ECAP_C)
		return *p;
	return seen[i].line ? seen[i].words[((u64)p & 63) / 8] : ~0ull;
}

void *fake_regs(u64 *at, u64 *size)
{
	*at = 0xfed90000;
	*size = sizeof(hw.regs);
	return hw.regs;
}

static bool remaps;

/* --- a machine ------------------------------------------------------------------------------------------- */

static struct dma_device dev = { .name = "0000:01:01.0", .rid = RID, .blocked = blocked };

static struct pci_device *device(u8 bus, u8 devfn, struct pci_device *parent)
{
	struct pci_device *d = &devices[device_count++];

	*d = (struct pci_device){ .at = { 0, bus, devfn }, .parent = parent };
	return d;
}

/* One unit for all, an I/O APIC at f0:1f.0. */
static void machine(u64 cap, u64 ecap)
{
	static struct vtd_unit *kept[64]; /* units are for ever */
	static u32 count;

	CHECK(count < ARRAY_LEN(kept));
	kept[count++] = vtd_units[0];
	vtd_units[0] = NULL;
	memset(&hw, 0, sizeof(hw));
	memset(&host, 0, sizeof(host));
	x2apic = true;
	hw.regs[VTD_CAP / 4] = (u32)cap;
	hw.regs[VTD_CAP / 4 + 1] = (u32)(cap >> 32);
	hw.regs[VTD_ECAP / 4] = (u32)ecap;
	host.dmar.remaps_interrupts = true;
	host.dmar.unit_count = 1;
	host.dmar.units[0] = (struct host_dma_unit){ PADDR(0xfed90000), 0, true };
	host.dmar.scope_count = 1;
	host.dmar.scopes[0] =
		(struct host_dma_scope){ HOST_SCOPE_IOAPIC, 2, 0xf0, 1, { 0xf8 }, 0, false };
	host.ioapic_count = 1;
	host.ioapics[0].id = 2;
	device_count = blocked_calls = vtd_unit_count = 0;
	ops = NULL;
	remap_ops = NULL;
	mode = IOMMU_STRICT;
	ram_at = reserved_at = 0;
	held = 0;
}

static u64 *context(u16 rid)
{
	u64 root = hw.regs[VTD_RTADDR / 4] | (u64)hw.regs[VTD_RTADDR / 4 + 1] << 32;
	u64 entry = ((u64 *)phys_to_virt(PADDR(root)))[rid >> 8 << 1];

	return entry & 1 ? (u64 *)phys_to_virt(PADDR(entry & ~0xfffull)) + (rid & 0xff) * 2 : NULL;
}

/* What the tables have for an address; 0: nothing. */
static u64 walk(u16 rid, u64 iova)
{
	u64 *c = context(rid), entry = c ? c[0] : 0;
	u32 levels = c && (c[1] & 7) == 2 ? 4 : 3;

	if (!(entry & 1))
		return 0;
	for (u32 level = levels; level--;) {
		u64 *table = phys_to_virt(PADDR(entry & 0xffffffffff000));

		entry = unit_reads(&table[iova >> (12 + 9 * level) & 511]);
		if (!(entry & 3) || !level || entry & 0x80)
			break;
	}
	return entry & 3 ? entry : 0;
}

TEST(the_way_on)
{
	machine(CAP_DEFAULT, ECAP_DEFAULT);
	hw.regs[VTD_GSTS / 4] = 0x86000000; /* the firmware used it */
	CHECK(vtd_init(&remaps));
	CHECK(ops && remap_ops);
	CHECK_EQ(hw.regs[VTD_GSTS / 4], 0x80000000 | 1 << 30 | 1 << 26 | 1 << 25 | 1 << 24);
	CHECK(hw.contexts >= 1 && hw.iotlbs >= 1 && hw.iecs >= 1);
	CHECK_EQ(hw.regs[VTD_IRTA / 4] & 0xfff, 0x80b); /* ids of 32 bits, 4096 entries */
	CHECK_EQ(hw.regs[VTD_FEDATA / 4], 0x51);
	CHECK_EQ(hw.regs[VTD_FEADDR / 4], 0xfee23000);
	CHECK_EQ(hw.regs[VTD_FEUADDR / 4], 0x100);
	CHECK(hw.flushes > 100); /* it does not look into the caches */
	CHECK(!context(RID));
}

TEST(units_that_are_not_used)
{
	static const struct {
		u64 cap, ecap;
	} bad[] = {
		{ CAP_DEFAULT, ECAP_DEFAULT & ~VTD_ECAP_QI },
		{ CAP_DEFAULT & ~(VTD_CAP_SAGAW_3 | VTD_CAP_SAGAW_4), ECAP_DEFAULT },
		{ ~0ull, ECAP_DEFAULT },
		{ CAP_DEFAULT | 0x3ffull << 24, ECAP_DEFAULT },
	};

	for (u32 i = 0; i < ARRAY_LEN(bad); i++) {
		machine(bad[i].cap, bad[i].ecap);
		CHECK(!vtd_init(&remaps));
		CHECK(!ops && !remap_ops && !vtd_unit_count);
		CHECK_EQ(hw.regs[VTD_GSTS / 4] & (u32)VTD_TE, 0);
	}
	machine(CAP_DEFAULT, ECAP_DEFAULT);
	hw.mute = true;
	CHECK(!vtd_init(&remaps));
	CHECK(!ops && !(hw.regs[VTD_GSTS / 4] & (u32)VTD_TE));
	machine(CAP_DEFAULT, ECAP_DEFAULT);
	mode = IOMMU_OFF;
	hw.regs[VTD_GSTS / 4] = (u32)VTD_TE;
	CHECK(!vtd_init(&remaps));
	CHECK_EQ(hw.regs[VTD_GSTS / 4], 0);
	machine(CAP_DEFAULT, ECAP_DEFAULT);
	host.ioapics[0].id = 3; /* nobody's: its lines would be lost */
	CHECK(vtd_init(&remaps));
	CHECK(ops && !remap_ops && !(hw.regs[VTD_GSTS / 4] & (u32)VTD_IRE));
	machine(CAP_DEFAULT, ECAP_DEFAULT);
	host.dmar.remaps_interrupts = false;
	CHECK(vtd_init(&remaps));
	CHECK(ops && !remap_ops);
}

static struct iommu_domain *attach(u64 cap, u64 ecap)
{
	struct iommu_domain *dom = NULL;

	machine(cap, ecap);
	CHECK(vtd_init(&remaps));
	device(1, 8, NULL);
	CHECK_EQ(ops->attach(&dev, &dom), 0);
	return dom;
}

TEST(domains)
{
	struct iommu_domain *dom = attach(CAP_DEFAULT, ECAP_DEFAULT);
	u32 before;

	CHECK_EQ(context(RID)[0] & 0xfff, 1); /* present, by second-level tables */
	CHECK_EQ(context(RID)[1] & 7, 2);
	CHECK_EQ(context(RID)[1] >> 8 & 0xffff, dom->id);
	CHECK(dom->id);
	CHECK(!context(RID + 1)[0]);
	CHECK_EQ(ops->limit(dom), (1ull << 48) - 1);
	CHECK_EQ(ops->map(dom, 0x200000, PADDR(0x12345000), 0x3000, PTAB_R), 0);
	CHECK_EQ(walk(RID, 0x200000), 0x12345001);
	CHECK_EQ(walk(RID, 0x202fff), 0x12347001);
	CHECK_EQ(walk(RID, 0x203000), 0);
	CHECK_EQ(walk(RID, 0x3f0000), 0); /* the rest of the table is in memory, too */
	CHECK_EQ(ops->map(dom, 0x204000, PADDR(0x1000), 0x1000, PTAB_W), 0);
	CHECK_EQ(walk(RID, 0x204000), 0x1002);
	CHECK_EQ(ops->map(dom, 0x400000, PADDR(0x40000000), 0x200000, PTAB_R | PTAB_W), 0);
	CHECK_EQ(walk(RID, 0x412345), 0x40000083); /* one leaf of 2 MiB */
	before = hw.iotlbs;
	CHECK_EQ(ops->unmap(dom, 0x200000, 0x3000), 0);
	CHECK_EQ(walk(RID, 0x200000), 0);
	CHECK_EQ(ops->flush(dom, 0x200000, 0x3000), 0);
	CHECK_EQ(hw.iotlbs, before + 1);
	/* By pages, with reads and writes under way; 3 pages are in a run of 4. */
	CHECK_EQ(hw.last_iotlb[0], 0x2 | 3 << 4 | 3 << 6 | (u64)dom->id << 16);
	CHECK_EQ(hw.last_iotlb[1], 0x200000 | 2);
	CHECK_EQ(ops->flush(dom, 0x203000, 0x2000), 0); /* over a boundary of 4 pages */
	CHECK_EQ(hw.last_iotlb[1], 0x200000 | 3);
	CHECK_EQ(ops->flush(dom, 0, ~0ull), 0);
	CHECK_EQ(hw.last_iotlb[0] & 0x30, 0x20);     /* the domain */
	CHECK_EQ(ops->flush(dom, 0, 0x40000000), 0); /* more than the unit takes by pages */
	CHECK_EQ(hw.last_iotlb[0] & 0x30, 0x20);
	before = hw.contexts;
	ops->detach(&dev, dom);
	CHECK(!context(RID)[0] && hw.contexts == before + 1);
}

TEST(three_levels_and_small_pages)
{
	struct iommu_domain *dom =
		attach(CAP_DEFAULT & ~(VTD_CAP_SAGAW_4 | VTD_CAP_2M | VTD_CAP_PSI), ECAP_DEFAULT);

	CHECK_EQ(context(RID)[1] & 7, 1);
	CHECK_EQ(ops->limit(dom), (1ull << 39) - 1);
	CHECK_EQ(ops->map(dom, 0x400000, PADDR(0x40000000), 0x200000, PTAB_R), 0);
	CHECK_EQ(walk(RID, 0x401000), 0x40001001);
	CHECK_EQ(ops->flush(dom, 0x400000, 0x1000), 0);
	CHECK_EQ(hw.last_iotlb[0] & 0x30, 0x20);
	CHECK_EQ(ops->map(dom, 1ull << 39, PADDR(0x1000), 0x1000, PTAB_R), -EINVAL);
	ops->detach(&dev, dom);
}

/* What was not there may be cached. */
TEST(caching_mode)
{
	struct iommu_domain *dom = attach(CAP_DEFAULT | VTD_CAP_CM, ECAP_DEFAULT);
	u32 before = hw.iotlbs;

	CHECK_EQ(ops->map(dom, 0x200000, PADDR(0x1000), 0x1000, PTAB_R), 0);
	CHECK_EQ(hw.iotlbs, before + 1);
	CHECK_EQ(hw.last_iotlb[1], 0x200000);
	CHECK_EQ(ops->map(dom, 0x200000, PADDR(0x1000), 0x1000, PTAB_R), -EEXIST);
	ops->detach(&dev, dom);
}

TEST(tables_that_the_unit_sees_in_the_caches)
{
	struct iommu_domain *dom = attach(CAP_DEFAULT, ECAP_DEFAULT | VTD_ECAP_C);

	CHECK_EQ(ops->map(dom, 0x200000, PADDR(0x1000), 0x1000, PTAB_R), 0);
	CHECK_EQ(hw.flushes, 0);
	ops->detach(&dev, dom);
}

TEST(behind_a_conventional_bridge)
{
	struct dma_device second = { .name = "second", .rid = 0x0210 };
	struct iommu_domain *dom, *other;
	struct pci_device *port, *bridge;

	machine(CAP_DEFAULT, ECAP_DEFAULT);
	CHECK(vtd_init(&remaps));
	port = device(0, 0x20, NULL);
	port->caps.express = 0x40;
	port->express_type = PCI_EXPRESS_ROOT_PORT;
	bridge = device(1, 0, port);
	bridge->caps.express = 0x40;
	bridge->express_type = PCI_EXPRESS_TO_PCI;
	bridge->secondary = 2;
	device(2, 8, bridge);
	device(2, 0x10, bridge);
	dev.rid = 0x0208;
	CHECK_EQ(ops->attach(&dev, &dom), 0);
	/* Its own id, and the one that such a bridge lends. */
	CHECK_EQ(context(0x0208)[0], context(0x0200)[0]);
	CHECK(context(0x0208)[0] & 1);
	/* A second one there would share it. */
	CHECK_EQ(ops->attach(&second, &other), -EBUSY);
	ops->detach(&dev, dom);
	CHECK(!context(0x0208)[0] && !context(0x0200)[0]);
	CHECK_EQ(ops->attach(&second, &other), 0);
	ops->detach(&second, other);
	dev.rid = RID;
}

static void reserve(u64 base, u64 len)
{
	host.dmar.reserved_count = 1;
	host.dmar.reserved[0] = (struct host_dma_reserved){ 0, base, len };
	host.dmar.scope_count = 2;
	host.dmar.scopes[1] =
		(struct host_dma_scope){ HOST_SCOPE_ENDPOINT, 0, 1, 1, { 8 }, 0, true };
}

TEST(memory_that_the_firmware_keeps)
{
	struct iommu_domain *dom;

	machine(CAP_DEFAULT, ECAP_DEFAULT);
	device(1, 8, NULL);
	reserve(0x7bb81000, 0x2000);
	CHECK(vtd_init(&remaps));
	CHECK_EQ(walk(RID, 0x7bb82000), 0x7bb82003); /* before any driver */
	CHECK_EQ(ops->attach(&dev, &dom), 0);
	CHECK_EQ(walk(RID, 0x7bb82000), 0x7bb82003);
	CHECK_EQ(reserved_at, 0x7bb81000);
	CHECK_EQ(ops->map(dom, 0x200000, PADDR(0x1000), 0x1000, PTAB_R), 0);
	ops->detach(&dev, dom);
	CHECK_EQ(walk(RID, 0x7bb82000), 0);
	/* Our own memory is not the firmware's to give. */
	machine(CAP_DEFAULT, ECAP_DEFAULT);
	device(1, 8, NULL);
	reserve(0x7bb81000, 0x2000);
	ram_at = 0x7bb82000;
	CHECK(vtd_init(&remaps));
	CHECK_EQ(walk(RID, 0x7bb82000), 0);
	CHECK_EQ(ops->attach(&dev, &dom), -EPERM);
}

static void fault(u16 rid, u64 address, u32 reason, bool read)
{
	hw.regs[0x200 / 4] = (u32)address;
	hw.regs[0x204 / 4] = (u32)(address >> 32);
	hw.regs[0x208 / 4] = rid;
	hw.regs[0x20c / 4] = (u32)VTD_FRCD_F | (read ? (u32)VTD_FRCD_READ : 0) | reason;
	woken = false;
	vtd_units[0]->fault_irq.fn(vtd_units[0]);
	CHECK(woken && hw.regs[VTD_FECTL / 4] == (u32)VTD_FECTL_IM);
	run_watcher();
	CHECK(!hw.regs[0x20c / 4] && !hw.regs[VTD_FECTL / 4]);
}

TEST(faults)
{
	struct iommu_domain *dom = attach(CAP_DEFAULT, ECAP_DEFAULT);
	u32 before = hw.contexts;

	CHECK_EQ(ops->map(dom, 0x200000, PADDR(0x1000), 0x1000, PTAB_R), 0);
	last_log[0] = '\0';
	fault(RID, 0x5000, 5, false);
	CHECK(last_log[0] && blocked_calls == 1 && devices[0].gone);
	CHECK_EQ(context(RID)[0], 2); /* not present, and no more is told of it */
	CHECK(hw.contexts > before);
	fault(RID, 0x6000, 2, true); /* one that was on its way */
	CHECK_EQ(blocked_calls, 1);
	fault(0x0300, 0x6000, 1, true); /* of a device that nobody knows */
	fault(RID, 7ull << 48, 0x22, false);
	ops->detach(&dev, dom);
	CHECK_EQ(context(RID)[0], 0);
	CHECK_EQ(ops->attach(&dev, &dom), 0);
	CHECK(context(RID)[0] & 1);
	ops->detach(&dev, dom);
}

TEST(a_unit_that_does_not_answer)
{
	struct iommu_domain *dom = attach(CAP_DEFAULT, ECAP_DEFAULT);
	u64 before = now;

	hw.mute = true;
	CHECK_EQ(ops->flush(dom, 0x200000, 0x1000), -ETIMEDOUT);
	CHECK(now - before < 3000000000ull);
	CHECK(devices[0].gone); /* not bus master any more */
	before = now;
	CHECK_EQ(ops->flush(dom, 0x200000, 0x1000), -ETIMEDOUT);
	CHECK(now - before < 100000000ull); /* it is not asked again */
	ops->detach(&dev, dom);             /* its tables stay: the unit may still use them */
}

/* --- interrupts ------------------------------------------------------------------------------------------- */

TEST(entries)
{
	struct irq irq = { .vector = 0x41, .apic_id = 0x12345 };
	struct vtd_irte e = vtd_irte_remapped(&irq, 0xf0f8, false, true);

	CHECK_EQ(e.lo, 0x0001234500410001);
	CHECK_EQ(e.hi, 0x4f0f8); /* that requester alone */
	irq.apic_id = 0x23;
	e = vtd_irte_remapped(&irq, 0x100, true, false);
	CHECK_EQ(e.lo, 0x0000230000410011); /* level, ids of 8 bits */
	e = vtd_irte_posted(0x123456789abc40, 0x62, 0x100, true);
	CHECK_EQ(e.lo & 0x3fffffffff, 0x62c001); /* present, urgent, posted */
	CHECK_EQ(e.lo >> 38, 0x789abc40 >> 6);
	CHECK_EQ(e.hi, 0x123456ull << 32 | 0x40100);
}

TEST(messages_and_lines)
{
	struct irq irq = { .vector = 0x41, .apic_id = 7, .entry = -1 };
	struct irq_msi msi;
	struct vtd_irte *irt;
	s32 index = -1, other = -1, pin = -1;
	u32 before;

	machine(CAP_DEFAULT, ECAP_DEFAULT);
	CHECK(vtd_init(&remaps));
	device(1, 8, NULL);
	irt = vtd_units[0]->irt;
	before = hw.iecs;
	CHECK_EQ(remap_ops->remap(0, RID, &irq, &index, &msi), 0);
	CHECK(index >= 0 && hw.iecs == before + 1);
	CHECK_EQ(hw.last_iec, 0x14 | (u64)index << 32); /* that entry alone */
	CHECK_EQ(msi.address, 0xfee00010 | (u32)index << 5);
	CHECK_EQ(msi.data, 0);
	CHECK_EQ(irt[index].lo, 0x0000000700410001);
	CHECK_EQ(irt[index].hi, 0x40000 | RID);
	/* It moves: the same entry. */
	irq.apic_id = 9;
	CHECK_EQ(remap_ops->remap(0, RID, &irq, &index, &msi), 0);
	CHECK_EQ(irt[index].lo >> 32, 9);
	CHECK_EQ(remap_ops->remap(0, RID, &irq, &other, &msi), 0);
	CHECK(other != index);
	remap_ops->unremap(0, RID, index);
	CHECK_EQ(irt[index].lo, 0);
	other = -1;
	CHECK_EQ(remap_ops->remap(0, RID, &irq, &other, &msi), 0);
	CHECK_EQ(other, index);
	/* A line: by the I/O APIC's requester id, and each time by the same entry. */
	CHECK_EQ(remap_ops->remap_ioapic(2, 11, &irq, true, &pin, &msi), 0);
	CHECK_EQ(irt[pin].hi, 0x40000 | 0xf0f8);
	CHECK(irt[pin].lo & 0x10);
	CHECK_EQ(msi.data, 0x41);
	index = -1;
	CHECK_EQ(remap_ops->remap_ioapic(2, 11, &irq, false, &index, &msi), 0);
	CHECK(index == pin && !(irt[pin].lo & 0x10));
	CHECK_EQ(remap_ops->remap_ioapic(3, 11, &irq, true, &pin, &msi), -ENODEV);
	CHECK_EQ(remap_ops->remap(1, RID, &irq, &other, &msi), -ENODEV);
}

TEST(ids_of_8_bits_where_the_cpus_have_no_others)
{
	struct irq irq = { .vector = 0x41, .apic_id = 7, .entry = -1 };
	struct irq_msi msi;
	s32 index = -1;

	machine(CAP_DEFAULT, ECAP_DEFAULT | VTD_ECAP_EIM);
	x2apic = false;
	CHECK(vtd_init(&remaps));
	device(1, 8, NULL);
	CHECK(!(hw.regs[VTD_IRTA / 4] & VTD_IRTA_EIME));
	CHECK_EQ(remap_ops->remap(0, RID, &irq, &index, &msi), 0);
	CHECK_EQ(vtd_units[0]->irt[index].lo, 0x0000070000410001);
}

TEST(all_entries)
{
	struct irq irq = { .vector = 0x41, .apic_id = 7 };
	struct irq_msi msi;
	s32 index;

	machine(CAP_DEFAULT, ECAP_DEFAULT & ~VTD_ECAP_EIM);
	CHECK(vtd_init(&remaps));
	device(1, 8, NULL);
	for (u32 i = 0; i < VTD_IRTES; i++) {
		index = -1;
		CHECK_EQ(remap_ops->remap(0, RID, &irq, &index, &msi), 0);
	}
	index = -1;
	CHECK_EQ(remap_ops->remap(0, RID, &irq, &index, &msi), -ENOSPC);
	irq.apic_id = 256; /* which ids of 8 bits cannot name */
	index = 0;
	CHECK_EQ(remap_ops->remap(0, RID, &irq, &index, &msi), -ENOTSUP);
}
