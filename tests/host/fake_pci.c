/*
 * The buses of fake_pci.h.
 */
#include "tests/host/fake_pci.h"

#include <stdlib.h>

#include "lib/bootinfo.h"
#include "lib/errno.h"
#include "tests/host/harness.h"

#include "drivers/pci/scan.c"

struct fake_function fake_functions[FAKE_FUNCTIONS];
u64 fake_now;
u32 fake_maps, fake_irq_moves;
bool fake_no_memory_space;
struct host host;

/* --- what drivers/pci stands on ------------------------------------------------------------------ */

u64 clock_ns(void)
{
	return fake_now += 1000;
}

void thread_block_until(u64 deadline_ns)
{
	fake_now = MAX(fake_now, deadline_ns);
}

void *kalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

u8 cpu_phys_bits(void)
{
	return 46;
}

void spin_lock(struct spinlock *l)
{
	CHECK_EQ(l->next, 0);
	l->next = 1;
}

void spin_unlock(struct spinlock *l)
{
	CHECK_EQ(l->next, 1);
	l->next = 0;
}

int irq_compose_msi(struct irq *irq, u16 segment, u16 rid, struct irq_msi *out)
{
	irq->segment = segment;
	irq->rid = rid;
	*out = (struct irq_msi){ .address = 0x1fee00000ull | irq->cpu << 12, .data = irq->vector };
	return irq->vector ? 0 : -ENOSPC;
}

int irq_move(struct irq *irq, u32 cpu, int (*reroute)(struct irq *irq, void *ctx), void *ctx)
{
	irq->cpu = cpu;
	fake_irq_moves++;
	return reroute(irq, ctx);
}

void *kmap_mmio(paddr_t pa, u64 len)
{
	for (u32 i = 0; i < FAKE_FUNCTIONS; i++) {
		struct fake_function *f = &fake_functions[i];

		if (f->present && f->memory_at && pa.v >= f->memory_at &&
		    pa.v + len <= f->memory_at + sizeof(f->memory)) {
			fake_maps++;
			return f->memory + (pa.v - f->memory_at);
		}
	}
	return NULL;
}

void kunmap(const void *p, u64 len)
{
	(void)p;
	(void)len;
	fake_maps--;
}

/* --- configuration space ------------------------------------------------------------------------- */

static struct fake_function *answering(struct pci_address a)
{
	for (u32 i = 0; i < FAKE_FUNCTIONS; i++) {
		struct fake_function *f = &fake_functions[i];

		if (f->present && f->at.segment == a.segment && f->at.bus == a.bus &&
		    f->at.devfn == a.devfn)
			return f;
	}
	return NULL;
}

static bool reached(u32 reg)
{
	return reg < PCI_CONFIG_SIZE || !fake_no_memory_space;
}

u32 pci_config_read(struct pci_address a, u32 reg, u32 size)
{
	struct fake_function *f = answering(a);
	u32 v = 0;

	CHECK(reg + size <= PCI_EXT_CONFIG_SIZE && !(reg % size));
	if (f && f->busy && !f->never_back)
		f->busy--;
	if (!f || f->gone || f->busy || !reached(reg))
		return size == 4 ? ~0u : (1u << size * 8) - 1;
	for (u32 i = 0; i < size; i++)
		v |= (u32)f->space[reg + i] << i * 8;
	return v;
}

static bool is_reset(const struct fake_function *f, u32 reg, u32 size, u32 v)
{
	for (u32 at = PCI_CAP_FIRST; at < PCI_CONFIG_SIZE; at += 4) {
		if (f->space[at] == PCI_CAP_EXPRESS && reg == at + PCI_EXPRESS_DEVICE_CONTROL &&
		    size == 2)
			return v & PCI_EXPRESS_DO_FLR;
		if (f->space[at] == PCI_CAP_AF && reg == at + PCI_AF_CONTROL)
			return v & PCI_AF_DO_FLR;
	}
	return false;
}

static void do_reset(struct fake_function *f)
{
	f->resets++;
	f->busy = 5;
	memset(f->space + PCI_COMMAND, 0, 2);
	for (u32 i = PCI_BAR0; i < PCI_BAR0 + 24; i++)
		f->space[i] &= (u8)~f->writable[i];
}

void pci_config_write(struct pci_address a, u32 reg, u32 size, u32 v)
{
	struct fake_function *f = answering(a);

	CHECK(reg + size <= PCI_EXT_CONFIG_SIZE && !(reg % size));
	if (!f || f->gone || f->busy || !reached(reg))
		return;
	if (is_reset(f, reg, size, v)) {
		do_reset(f);
		return;
	}
	if (reg >= PCI_BAR0 && reg < PCI_BAR0 + 24 && v == ~0u && f->space[PCI_COMMAND] & 3 &&
	    f->space[PCI_HEADER] % 128 == 0)
		f->sized_while_on = true;
	for (u32 i = 0; i < size; i++) {
		u8 mask = f->writable[reg + i];

		f->space[reg + i] = (u8)((f->space[reg + i] & ~mask) | ((u8)(v >> i * 8) & mask));
	}
}

void pci_config_init(const struct boot_info *bi)
{
	(void)bi;
}

bool pci_config_map(u16 segment, u8 bus)
{
	(void)segment;
	(void)bus;
	return !fake_no_memory_space;
}

/* --- making functions ------------------------------------------------------------------------------ */

void fake_pci_start(void)
{
	while (!list_empty(&devices)) {
		struct pci_device *d = list_entry(devices.next, struct pci_device, node);

		hostdev_remove(&d->hostdev);
		list_del(&d->node);
		free(d->vectors);
		free(d);
	}
	device_count = 0;
	memset(&scan, 0, sizeof(scan));
	memset(fake_functions, 0, sizeof(fake_functions));
	memset(&host, 0, sizeof(host));
	fake_now = fake_maps = fake_irq_moves = 0;
	fake_no_memory_space = false;
}

void fake_pci_scan(void)
{
	static struct boot_info bi;

	bi.region_count = 1;
	bi.regions[0] = (struct boot_region){ 0, 0x80000000, BOOT_MEM_USABLE };
	pci_init(&bi);
}

void fake_put8(struct fake_function *f, u32 reg, u32 v)
{
	f->space[reg] = (u8)v;
}

void fake_put16(struct fake_function *f, u32 reg, u32 v)
{
	fake_put8(f, reg, v & 0xff);
	fake_put8(f, reg + 1, v >> 8 & 0xff);
}

void fake_put32(struct fake_function *f, u32 reg, u32 v)
{
	fake_put16(f, reg, v & 0xffff);
	fake_put16(f, reg + 2, v >> 16);
}

u32 fake_get16(const struct fake_function *f, u32 reg)
{
	return f->space[reg] | (u32)f->space[reg + 1] << 8;
}

struct fake_function *fake_function(u8 bus, u32 slot, u32 fn, u16 vendor, u32 class)
{
	struct fake_function *f = fake_functions;

	while (f->present)
		f++;
	CHECK(f < fake_functions + FAKE_FUNCTIONS);
	f->present = true;
	f->at = (struct pci_address){ 0, bus, PCI_DEVFN(slot, fn) };
	fake_put16(f, PCI_VENDOR, vendor);
	fake_put16(f, PCI_DEVICE, 0x1000 + slot);
	fake_put32(f, PCI_REVISION, class << 8 | 1);
	fake_put16(f, PCI_COMMAND, 7); /* as firmware leaves it */
	f->writable[PCI_COMMAND] = 7;
	f->writable[PCI_COMMAND + 1] = 4;
	return f;
}

struct fake_function *fake_bridge(u8 bus, u32 slot, u32 fn, u8 secondary, u8 subordinate)
{
	struct fake_function *f = fake_function(bus, slot, fn, 0x8086, 0x060400);

	fake_put8(f, PCI_HEADER, PCI_HEADER_BRIDGE);
	fake_put8(f, PCI_BRIDGE_PRIMARY, bus);
	fake_put8(f, PCI_BRIDGE_SECONDARY, secondary);
	fake_put8(f, PCI_BRIDGE_SUBORDINATE, subordinate);
	fake_put32(f, PCI_BRIDGE_MEMORY, 0xfe10fe00);   /* fe000000 to fe1fffff */
	fake_put32(f, PCI_BRIDGE_PREFETCH, 0x00000010); /* none: its end is before its start */
	fake_put16(f, PCI_BRIDGE_IO, 0xd0c0);           /* c000 to dfff */
	return f;
}

void fake_bar(struct fake_function *f, u32 i, u64 base, u64 size, u32 flags)
{
	u32 reg = PCI_BAR0 + i * 4;
	u64 mask = ~(size - 1);

	fake_put32(f, reg, (u32)base | flags);
	for (u32 b = 0; b < 4; b++)
		f->writable[reg + b] = (u8)(mask >> b * 8);
	if (!(flags & 1))
		f->memory_at = base;
	if ((flags & 7) != PCI_BAR_TYPE_64)
		return;
	fake_put32(f, reg + 4, (u32)(base >> 32));
	for (u32 b = 0; b < 4; b++)
		f->writable[reg + 4 + b] = (u8)(mask >> (32 + b * 8));
}

/* The end of the list so far: where the next one's place belongs. */
static u32 last_link(const struct fake_function *f)
{
	u32 at = PCI_CAPABILITIES;

	for (u32 n = 0; n < 50 && f->space[at]; n++)
		at = f->space[at] + 1u;
	return at;
}

void fake_cap(struct fake_function *f, u32 at, u32 id)
{
	u32 last = PCI_EXT_CAPABILITIES;

	if (at < PCI_CONFIG_SIZE) {
		fake_put16(f, PCI_STATUS, PCI_STATUS_CAPABILITIES);
		fake_put8(f, last_link(f), at);
		fake_put8(f, at, id);
		return;
	}
	while (at != PCI_EXT_CAPABILITIES && fake_get16(f, last + 2) >> 4)
		last = fake_get16(f, last + 2) >> 4;
	if (at != PCI_EXT_CAPABILITIES)
		fake_put16(f, last + 2, at << 4 | 1);
	fake_put16(f, at, id);
	fake_put16(f, at + 2, 1);
}

struct pci_device *fake_found(const struct fake_function *f)
{
	return pci_find(f->at);
}
