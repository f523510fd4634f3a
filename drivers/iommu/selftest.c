/*
 * QEMU's `edu` device as attacker: it copies between its buffer and any address that it is told (QEMU, docs/specs/edu). What was
 * mapped for it it reaches; the hypervisor's memory, a guest's, what was unmapped and what was freed it does not, and it is
 * stopped for trying.
 */
#include "arch/io.h"
#include "core/clock.h"
#include "core/iommu.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "drivers/pci/pci.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/direct.h"
#include "mm/kmap.h"
#include "mm/page.h"

#define EDU_VENDOR 0x1234u
#define EDU_DEVICE 0x11e8u
#define EDU_SIZE   0x1000u
#define EDU_BUFFER 0x40000u
#define EDU_SOURCE 0x80u
#define EDU_TARGET 0x88u
#define EDU_COUNT  0x90u
#define EDU_CMD    0x98u
#define EDU_START  1u
#define EDU_WRITES 2u /* to memory */
#define PIECE      512u
#define STEP_NS    5000000ull

static struct {
	struct pci_device *pci;
	u8 *regs;
	u32 blocked; /* atomic */
	bool told_of; /* faults are, on this machine: else what counts is that memory stays as it was */
} edu;

static u8 victim[PAGE_SIZE] __aligned(PAGE_SIZE);

static int find_edu(struct pci_device *d, void *arg)
{
	(void)arg;
	if (d->vendor != EDU_VENDOR || d->device != EDU_DEVICE)
		return 0;
	edu.pci = d;
	return 1;
}

static void blocked(struct dma_device *d)
{
	(void)d;
	atomic_fetch_add(&edu.blocked, 1);
}

static void edu_write(u32 reg, u64 v)
{
	mmio_write32(edu.regs + reg, (u32)v);
	mmio_write32(edu.regs + reg + 4, (u32)(v >> 32));
}

/* Copies PIECE bytes at address from or to the device, and waits until it says that it has. */
static int copy(u64 address, bool writes)
{
	u64 end = clock_ns() + SELFTEST_PATIENCE_NS;

	edu_write(EDU_SOURCE, writes ? EDU_BUFFER : address);
	edu_write(EDU_TARGET, writes ? address : EDU_BUFFER);
	edu_write(EDU_COUNT, PIECE);
	edu_write(EDU_CMD, EDU_START | (writes ? EDU_WRITES : 0));
	while (mmio_read32(edu.regs + EDU_CMD) & EDU_START) {
		if (clock_ns() > end)
			return selftest_fail("the device does not end");
		thread_block_until(clock_ns() + STEP_NS);
	}
	return 0;
}

static int start(void)
{
	int err = dma_device_start(&edu.pci->dma);

	edu.blocked = 0;
	if (!err)
		err = pci_bus_master(edu.pci, true);
	return err ? selftest_fail("the device cannot be started: %d", -err) : 0;
}

static int stop(void)
{
	if (pci_bus_master(edu.pci, false))
		return selftest_fail("bus mastering stays on");
	return dma_device_stop(&edu.pci->dma) ? selftest_fail("maps were left") : 0;
}

/* What it may do. */
static int allowed(u8 *a, u8 *b)
{
	struct dma_map from, to;
	int ret;

	memset(a, 0x5a, PAGE_SIZE);
	memset(b, 0, PAGE_SIZE);
	if (dma_map(&edu.pci->dma, virt_to_phys(a), PAGE_SIZE, DMA_TO_DEVICE, &from) ||
	    dma_map(&edu.pci->dma, virt_to_phys(b), PAGE_SIZE, DMA_FROM_DEVICE, &to))
		return selftest_fail("no map");
	ret = copy(from.addr.v, false);
	if (!ret)
		ret = copy(to.addr.v, true);
	dma_unmap(&edu.pci->dma, &from, 0);
	dma_unmap(&edu.pci->dma, &to, PIECE);
	if (!ret && (memcmp(a, b, PIECE) || b[PIECE]))
		ret = selftest_fail("what was mapped was not reached");
	return !ret && edu.blocked ? selftest_fail("it was stopped") : ret;
}

/* What it may not: memory as it was, the device stopped. Then it is started anew. */
static int attack(const char *what, u64 address, bool writes, const u8 *memory)
{
	u64 end = clock_ns() + SELFTEST_PATIENCE_NS;
	int ret = copy(address, writes);

	while (!ret && edu.told_of && !atomic_load_relaxed(&edu.blocked)) {
		if (clock_ns() > end)
			return selftest_fail("%s: nobody was told", what);
		thread_block_until(clock_ns() + STEP_NS);
	}
	for (u32 i = 0; !ret && memory && i < PIECE; i++) {
		if (memory[i] != 0x33)
			ret = selftest_fail("%s: memory was written", what);
	}
	if (!ret && edu.told_of && pci_read16(edu.pci, PCI_COMMAND) & PCI_COMMAND_MASTER)
		ret = selftest_fail("%s: it is still bus master", what);
	if (!ret)
		ret = stop();
	return ret ? ret : start();
}

static int attack_what_was_mapped(u8 *p)
{
	struct dma_map m;
	int ret;

	/* Used first, so that the IOMMU has it cached. */
	if (dma_map(&edu.pci->dma, virt_to_phys(p), PAGE_SIZE, DMA_BOTH, &m))
		return selftest_fail("no map");
	ret = copy(m.addr.v, true);
	dma_unmap(&edu.pci->dma, &m, PIECE);
	memset(p, 0x33, PAGE_SIZE);
	if (!ret)
		ret = attack("unmapped", m.addr.v, true, p);
	if (ret)
		return ret;
	if (dma_map(&edu.pci->dma, virt_to_phys(p), PAGE_SIZE, DMA_TO_DEVICE, &m))
		return selftest_fail("no map");
	ret = copy(m.addr.v, true);
	dma_unmap(&edu.pci->dma, &m, 0);
	for (u32 i = 0; !ret && i < PIECE; i++) {
		if (p[i] != 0x33)
			ret = selftest_fail("it wrote to what it may read");
	}
	if (!ret)
		ret = attack("read-only", m.addr.v, true, p);
	return ret;
}

static int attack_freed(void)
{
	dma_addr_t at;
	u8 *ring = dma_alloc(&edu.pci->dma, PAGE_SIZE, &at);
	int ret = ring ? copy(at.v, true) : selftest_fail("no memory");
	u8 *p;

	dma_free(&edu.pci->dma, ring, PAGE_SIZE, at);
	p = page_alloc(0); /* the same, most likely */
	if (!p)
		return selftest_fail("no memory");
	memset(p, 0x33, PAGE_SIZE);
	if (!ret)
		ret = attack("freed", at.v, true, p);
	page_free(p, 0);
	return ret;
}

static void is_zero(void *p, void *ctx)
{
	for (u32 i = 0; i < PIECE; i++)
		*(bool *)ctx &= !((u8 *)p)[i];
}

static int attack_guest(void)
{
	bool zero = true;
	paddr_t pa;
	int ret;

	if (granule_alloc(OWNER_VM, 1, 1, &pa))
		return selftest_fail("no memory");
	ret = attack("a guest's", pa.v, true, NULL);
	granule_visit(pa, is_zero, &zero);
	granule_free(pa, 1);
	return !ret && !zero ? selftest_fail("a guest's memory was written") : ret;
}

static int attacks(u8 *a, u8 *b)
{
	int ret = start();

	if (!ret)
		ret = allowed(a, b);
	memset(victim, 0x33, sizeof(victim));
	if (!ret)
		ret = attack("the hypervisor's", virt_to_phys(victim).v, true, victim);
	if (!ret)
		ret = attack("the hypervisor's, read", virt_to_phys(victim).v, false, victim);
	/* Lazily, what stays its owner's may be reached for a while. */
	if (!ret && iommu_mode() == IOMMU_STRICT)
		ret = attack_what_was_mapped(a);
	if (!ret)
		ret = attack_freed();
	if (!ret)
		ret = attack_guest();
	/* After all that it works, once it is started anew. */
	if (!ret)
		ret = allowed(a, b);
	return ret ? ret : stop();
}

static int test(bool told_of)
{
	u8 *a = page_alloc(0), *b = page_alloc(0);
	int ret;

	if (!a || !b)
		return selftest_fail("no memory");
	if (!iommu_ops())
		return selftest_fail("there is no IOMMU");
	if (!pci_each(find_edu, NULL))
		return selftest_fail("there is no edu device");
	edu.regs = pci_bar_map(edu.pci, 0, 0, EDU_SIZE);
	if (!edu.regs || pci_decode(edu.pci, true))
		return selftest_fail("no registers");
	edu.pci->dma.mask = ~0ULL;
	edu.pci->dma.blocked = blocked;
	edu.told_of = told_of;
	ret = attacks(a, b);
	kunmap(edu.regs, EDU_SIZE);
	page_free(a, 0);
	page_free(b, 0);
	return ret;
}

static int test_told(void)
{
	return test(true);
}

/* QEMU's AMD-Vi blocks what is not mapped, and logs no event of it. */
static int test_untold(void)
{
	return test(false);
}

SELFTEST(iommu_told, "iommu-told", test_told);
SELFTEST(iommu_untold, "iommu-untold", test_untold);
