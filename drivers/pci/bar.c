/*
 * Base address registers and bridges' windows. The firmware has given the addresses; they are checked, never changed.
 */
#include "arch/cpu.h"
#include "arch/feature.h"
#include "core/host.h"
#include "core/log.h"
#include "drivers/pci/scan.h"
#include "lib/bootinfo.h"

#define PORT_END    0x10000u
#define LAPIC_BASE  0xfee00000u
#define LAPIC_SIZE  0x100000u /* where messages go, too */
#define ECAM_BUS    (1ULL << 20)
#define IOAPIC_SIZE 0x1000u

static u32 reg_of(u32 i)
{
	return PCI_BAR0 + i * 4;
}

/* The bits that can be set; nothing is decoded meanwhile. */
static u64 writable_bits(struct pci_address at, u32 i, bool wide)
{
	u64 flags = irq_save(), bits;
	u32 command = pci_config_read(at, PCI_COMMAND, 2);
	u32 low = pci_config_read(at, reg_of(i), 4),
	    high = wide ? pci_config_read(at, reg_of(i + 1), 4) : 0;

	pci_config_write(at, PCI_COMMAND, 2,
			 command & (u32) ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
	pci_config_write(at, reg_of(i), 4, ~0u);
	bits = pci_config_read(at, reg_of(i), 4);
	pci_config_write(at, reg_of(i), 4, low);
	if (wide) {
		pci_config_write(at, reg_of(i + 1), 4, ~0u);
		bits |= (u64)pci_config_read(at, reg_of(i + 1), 4) << 32;
		pci_config_write(at, reg_of(i + 1), 4, high);
	}
	pci_config_write(at, PCI_COMMAND, 2, command);
	irq_restore(flags);
	return bits;
}

static const char *wrong_of(const struct pci_bar *b, u64 bits)
{
	u64 end = b->range.io ? PORT_END : 1ULL << cpu_phys_bits();
	/* From the lowest on all can be set, but for ports' upper half. */
	u64 all = b->range.io ? PORT_END - 1 : b->wide ? ~0ULL : ~0u;

	if (((bits & all) | (b->range.len - 1)) != all)
		return "its size is no power of two";
	if (!b->range.base)
		return "the firmware gave it no address";
	if (b->range.base & (b->range.len - 1))
		return "its address is not aligned";
	if (b->range.base >= end || b->range.len > end - b->range.base)
		return "its address is out of range";
	return NULL;
}

u32 pci_bar_read(struct pci_address at, u32 i, u32 count, struct pci_bar *out)
{
	u32 v = pci_config_read(at, reg_of(i), 4), type = v & (u32)PCI_BAR_TYPE;
	u64 mask, bits;

	*out = (struct pci_bar){ .range.io = v & PCI_BAR_IO };
	out->wide = !out->range.io && type == PCI_BAR_TYPE_64;
	out->prefetch = !out->range.io && (v & PCI_BAR_PREFETCH);
	if (!out->range.io && type != PCI_BAR_TYPE_32 && type != PCI_BAR_TYPE_64) {
		out->present = true;
		out->wrong = "it is of an unknown kind";
		return 1;
	}
	if (out->wide && i + 1 == count) {
		out->present = true;
		out->wrong = "its other half is missing";
		return 1;
	}
	mask = out->range.io ? PCI_BAR_IO_MASK : ~0ULL << 32 | PCI_BAR_MEMORY_MASK;
	bits = writable_bits(at, i, out->wide) & mask;
	out->range.base = v & mask;
	if (out->wide)
		out->range.base |= (u64)pci_config_read(at, reg_of(i + 1), 4) << 32;
	out->range.len = bits & -bits;
	out->present = bits;
	if (bits)
		out->wrong = wrong_of(out, bits);
	return out->wide ? 2 : 1;
}

static struct pci_range range_of(bool io, u64 first, u64 last)
{
	return (struct pci_range){ io, first, first <= last ? last - first + 1 : 0 };
}

/* The prefetchable window; where it has no upper halves they read as zeroes or are not to be looked at. */
static struct pci_range prefetch_window(const struct pci_device *d)
{
	u32 v = pci_read32(d, PCI_BRIDGE_PREFETCH);
	u64 first = (u64)(v & PCI_BRIDGE_MEM_MASK) << 16;
	u64 last = (v & PCI_BRIDGE_MEM_MASK << 16) | 0xfffffu;

	if (v & PCI_BRIDGE_MEM_64) {
		first |= (u64)pci_read32(d, PCI_BRIDGE_PREFETCH_BASE) << 32;
		last |= (u64)pci_read32(d, PCI_BRIDGE_PREFETCH_LIMIT) << 32;
	}
	return range_of(false, first, last);
}

static struct pci_range io_window(const struct pci_device *d)
{
	u32 v = pci_read16(d, PCI_BRIDGE_IO);
	u32 first = (v & PCI_BRIDGE_IO_MASK) << 8, last = (v & PCI_BRIDGE_IO_MASK << 8) | 0xfffu;

	if (v & PCI_BRIDGE_IO_32) {
		u32 upper = pci_read32(d, PCI_BRIDGE_IO_UPPER);

		first |= upper << 16;
		last |= upper & 0xffff0000u;
	}
	return range_of(true, first, last);
}

static struct pci_range memory_window(const struct pci_device *d)
{
	u32 v = pci_read32(d, PCI_BRIDGE_MEMORY);

	return range_of(false, (u64)(v & PCI_BRIDGE_MEM_MASK) << 16,
			(v & PCI_BRIDGE_MEM_MASK << 16) | 0xfffffu);
}

void pci_read_bars(struct pci_device *d)
{
	u32 count = d->header == PCI_HEADER_DEVICE ? PCI_BARS :
		    d->header == PCI_HEADER_BRIDGE ? PCI_BRIDGE_BARS :
						     0;

	/* A host bridge's are what memory is reached by: they are not played with. */
	if (d->class >> 8 == PCI_CLASS_HOST)
		count = 0;
	for (u32 i = 0; i < count;)
		i += pci_bar_read(d->at, i, count, &d->bars[i]);
	if (d->header == PCI_HEADER_BRIDGE) {
		d->windows[0] = io_window(d);
		d->windows[1] = memory_window(d);
		d->windows[2] = prefetch_window(d);
	}
}

static bool overlap(const struct pci_range *a, u64 base, u64 len)
{
	return len && a->base < base + len && base < a->base + a->len;
}

static bool within(const struct pci_range *a, const struct pci_range *outer)
{
	return a->io == outer->io && outer->len && a->base >= outer->base &&
	       a->base + a->len <= outer->base + outer->len;
}

static bool handed_on(const struct pci_range *r, const struct pci_device *bridge)
{
	/* A bridge that hands on what no other takes has programming interface 1 (PCI-to-PCI Bridge 1.2, 13). */
	if (bridge->class & 1)
		return true;
	for (u32 i = 0; i < PCI_WINDOWS; i++) {
		if (within(r, &bridge->windows[i]))
			return true;
	}
	return false;
}

/* The machine's own registers, that the firmware's tables name. */
static bool machine_has(const struct pci_range *r)
{
	if (overlap(r, LAPIC_BASE, LAPIC_SIZE))
		return true;
	for (u32 i = 0; i < host.ioapic_count; i++) {
		if (overlap(r, host.ioapics[i].base.v, IOAPIC_SIZE))
			return true;
	}
	for (u32 i = 0; i < host.mcfg_count; i++) {
		const struct host_mcfg *m = &host.mcfg[i];

		if (overlap(r, m->base.v + m->bus_first * ECAM_BUS,
			    (m->bus_last - m->bus_first + 1) * ECAM_BUS))
			return true;
	}
	return false;
}

static const char *refuse(const struct pci_device *d, const struct pci_range *r,
			  const struct boot_info *bi)
{
	if (!r->io && bootinfo_memory(bi, r->base, r->len))
		return "memory lies there";
	if (!r->io && machine_has(r))
		return "the machine's own registers lie there";
	if (d->parent && !handed_on(r, d->parent))
		return "its bridge does not hand on these addresses";
	return NULL;
}

/* Both are wrong: who would answer nobody can say. */
static void check_against(struct pci_device *d, struct pci_bar *b, struct pci_device *other)
{
	for (u32 i = 0; i < PCI_BARS; i++) {
		struct pci_bar *o = &other->bars[i];

		if (!o->present || o == b || !o->range.len || o->range.io != b->range.io ||
		    d->at.segment != other->at.segment)
			continue;
		if (overlap(&b->range, o->range.base, o->range.len) && o->range.base)
			b->wrong = "another device has these addresses";
	}
}

static void check_bar(struct pci_device *d, u32 i, const struct boot_info *bi)
{
	struct pci_bar *b = &d->bars[i];

	if (!b->present)
		return;
	if (!b->wrong)
		b->wrong = refuse(d, &b->range, bi);
	list_for_each(node, pci_devices()) {
		if (!b->wrong)
			check_against(d, b, list_entry(node, struct pci_device, node));
	}
	/* What the firmware left out is common, and seen in nodedev-dumpxml. */
	if (b->wrong && b->range.base)
		log_warn("pci: %s: BAR %u at 0x%llx: %s: not used", d->name, i,
			 (unsigned long long)b->range.base, b->wrong);
}

void pci_check_bars(const struct boot_info *bi)
{
	list_for_each(node, pci_devices()) {
		struct pci_device *d = list_entry(node, struct pci_device, node);

		for (u32 i = 0; i < PCI_BARS; i++)
			check_bar(d, i, bi);
	}
}
