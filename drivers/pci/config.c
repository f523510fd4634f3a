/*
 * The two ways to configuration space. A bus's memory, once mapped, stays: reads of it take no lock.
 */
#include "drivers/pci/config.h"

#include "arch/io.h"
#include "arch/lock.h"
#include "core/host.h"
#include "core/log.h"
#include "lib/atomic.h"
#include "lib/bootinfo.h"
#include "lib/hw/pci.h"
#include "mm/kmap.h"

#define BUS_SIZE (1ULL << 20)

struct range {
	struct host_mcfg mcfg;
	void *buses[PCI_BUSES]; /* NULL: not mapped; stored once */
};

static struct range ranges[HOST_MAX_MCFG]; /* const after pci_config_init() but for buses */
static u32 range_count;
/* The two ports: an access of each, that belong together. */
static struct spinlock lock = SPINLOCK_INIT(RANK_PCI_CONFIG, "pci configuration ports");

static struct range *find(u16 segment, u8 bus)
{
	for (u32 i = 0; i < range_count; i++) {
		const struct host_mcfg *m = &ranges[i].mcfg;

		if (m->segment == segment && bus >= m->bus_first && bus <= m->bus_last)
			return &ranges[i];
	}
	return NULL;
}

static bool overlaps(const struct host_mcfg *a, const struct host_mcfg *b)
{
	return a->segment == b->segment && a->bus_first <= b->bus_last &&
	       b->bus_first <= a->bus_last;
}

static const char *refuse(const struct boot_info *bi, const struct host_mcfg *m)
{
	/* base is bus 0's, wherever the range begins (PCI Firmware 3.3, 4.1.2). */
	u64 first = m->base.v + m->bus_first * BUS_SIZE;

	if (bootinfo_memory(bi, first, (u64)(m->bus_last - m->bus_first + 1) * BUS_SIZE))
		return "memory lies there";
	for (u32 i = 0; i < range_count; i++) {
		if (overlaps(m, &ranges[i].mcfg))
			return "another has these buses";
	}
	return NULL;
}

void pci_config_init(const struct boot_info *bi)
{
	range_count = 0;
	for (u32 i = 0; i < host.mcfg_count; i++) {
		const struct host_mcfg *m = &host.mcfg[i];
		const char *wrong = refuse(bi, m);

		if (wrong)
			log_warn("pci: MCFG: segment %u, buses %02x to %02x: %s: not used",
				 m->segment, m->bus_first, m->bus_last, wrong);
		else
			ranges[range_count++] = (struct range){ .mcfg = *m };
	}
}

/* AMD's processors want the A register in accesses to this memory (BKDG for family 10h, 2.11). */
static u32 memory_read(const volatile void *p, u32 size)
{
	u32 v = 0;

	if (size == 1)
		__asm__ volatile("movb %1, %%al" : "+a"(v) : "m"(*(const volatile u8 *)p));
	else if (size == 2)
		__asm__ volatile("movw %1, %%ax" : "+a"(v) : "m"(*(const volatile u16 *)p));
	else
		__asm__ volatile("movl %1, %%eax" : "=a"(v) : "m"(*(const volatile u32 *)p));
	return v;
}

static void memory_write(volatile void *p, u32 size, u32 v)
{
	if (size == 1)
		__asm__ volatile("movb %%al, %0" : "=m"(*(volatile u8 *)p) : "a"(v));
	else if (size == 2)
		__asm__ volatile("movw %%ax, %0" : "=m"(*(volatile u16 *)p) : "a"(v));
	else
		__asm__ volatile("movl %%eax, %0" : "=m"(*(volatile u32 *)p) : "a"(v));
}

/* NULL: by the ports. */
static volatile void *memory_of(struct pci_address a, u32 reg)
{
	const struct range *r = find(a.segment, a.bus);
	/* Pairs with the release in pci_config_map(). */
	u8 *bus = r ? atomic_load_acquire(&r->buses[a.bus]) : NULL;

	return bus ? bus + (u32)a.devfn * PCI_EXT_CONFIG_SIZE + reg : NULL;
}

static u32 select_of(struct pci_address a, u32 reg)
{
	return (u32)(PCI_CONFIG_ENABLE | (u32)a.bus << PCI_CONFIG_BUS |
		     (u32)a.devfn << PCI_CONFIG_DEVFN | (reg & ~3u));
}

static bool port_reaches(struct pci_address a, u32 reg)
{
	return !a.segment && reg < PCI_CONFIG_SIZE;
}

static u32 port_read(struct pci_address a, u32 reg)
{
	u64 flags;
	u32 v;

	if (!port_reaches(a, reg))
		return ~0u;
	flags = spin_lock_irq(&lock);
	outl(PCI_CONFIG_ADDRESS, select_of(a, reg));
	v = inl(PCI_CONFIG_DATA);
	spin_unlock_irq(&lock, flags);
	return v >> (reg & 3) * 8;
}

static void port_write(struct pci_address a, u32 reg, u32 size, u32 v)
{
	u16 port = (u16)(PCI_CONFIG_DATA + (reg & 3));
	u64 flags;

	if (!port_reaches(a, reg))
		return;
	flags = spin_lock_irq(&lock);
	outl(PCI_CONFIG_ADDRESS, select_of(a, reg));
	if (size == 1)
		outb(port, (u8)v);
	else if (size == 2)
		outw(port, (u16)v);
	else
		outl(port, v);
	spin_unlock_irq(&lock, flags);
}

static u32 cut(u32 v, u32 size)
{
	return size == 4 ? v : v & ((1u << size * 8) - 1);
}

u32 pci_config_read(struct pci_address a, u32 reg, u32 size)
{
	const volatile void *p;

	if (reg >= PCI_EXT_CONFIG_SIZE)
		return cut(~0u, size);
	p = memory_of(a, reg);
	return cut(p ? memory_read(p, size) : port_read(a, reg), size);
}

void pci_config_write(struct pci_address a, u32 reg, u32 size, u32 v)
{
	volatile void *p;

	if (reg >= PCI_EXT_CONFIG_SIZE)
		return;
	p = memory_of(a, reg);
	if (p)
		memory_write(p, size, v);
	else
		port_write(a, reg, size, v);
}

/* What the ports and the memory say of each function 0 is the same; nothing to compare in other segments. */
static bool agrees(u16 segment, u8 bus, const u8 *memory)
{
	for (u32 devfn = 0; !segment && devfn < PCI_DEVFNS; devfn += 8) {
		struct pci_address a = { segment, bus, (u8)devfn };
		u32 id = port_read(a, PCI_VENDOR);

		if (memory_read(memory + devfn * PCI_EXT_CONFIG_SIZE, 4) != id)
			return false;
	}
	return true;
}

bool pci_config_map(u16 segment, u8 bus)
{
	struct range *r = find(segment, bus);
	void *p;

	if (!r)
		return false;
	if (r->buses[bus])
		return true;
	p = kmap_mmio(PADDR(r->mcfg.base.v + bus * BUS_SIZE), BUS_SIZE);
	if (!p)
		return false;
	if (!agrees(segment, bus, p)) {
		log_warn("pci: bus %02x is not what the MCFG table's memory shows: by the ports",
			 bus);
		kunmap(p, BUS_SIZE);
		return false;
	}
	/* Pairs with the acquire in memory_of(). */
	atomic_store_release(&r->buses[bus], p);
	return true;
}
