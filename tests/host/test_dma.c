/*
 * core/dma.h: without an IOMMU, and with one whose tables are a list here: what a device can reach at each moment, bounce
 * buffers, one invalidation for a list, lazy invalidation, leaks, shortage.
 *
 * sources: tests/host/fake_mm.c core/dma.c lib/string.c
 */
#include "core/dma.h"

#include <stdlib.h>

#include "core/iommu.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/page.h"
#include "mm/ptab.h"
#include "tests/host/fake_mm.h"
#include "tests/host/harness.h"

#define PAGES 64u

/* --- an IOMMU: entries in its tables, and those that it has cached ---------------------------------- */

struct entry {
	u64 iova, pa;
	u32 prot;
	bool mapped, cached;
};

struct iommu_domain {
	struct entry entries[PAGES];
	u32 maps, flushes;
	bool attached;
};

static struct iommu_domain domain;
static enum iommu_mode mode;
static bool have_iommu;
static int map_result, attach_result;
static u64 reserved;

static int attach(struct dma_device *d, struct iommu_domain **out)
{
	if (attach_result)
		return attach_result;
	memset(&domain, 0, sizeof(domain));
	domain.attached = true;
	if (reserved)
		dma_reserve(d, reserved, PAGE_SIZE);
	*out = &domain;
	return 0;
}

static void detach(struct dma_device *d, struct iommu_domain *dom)
{
	(void)d;
	dom->attached = false;
}

static struct entry *find(u64 iova, bool cached)
{
	for (u32 i = 0; i < PAGES; i++) {
		struct entry *e = &domain.entries[i];

		if (e->iova == iova && (e->mapped || (cached && e->cached)))
			return e;
	}
	return NULL;
}

static int map(struct iommu_domain *dom, u64 iova, paddr_t pa, u64 len, u32 prot)
{
	CHECK(!(iova % PAGE_SIZE) && !(pa.v % PAGE_SIZE) && len && !(len % PAGE_SIZE));
	if (map_result)
		return map_result;
	for (u64 at = 0; at < len; at += PAGE_SIZE) {
		struct entry *e = dom->entries;

		CHECK(!find(iova + at, true)); /* nothing stale is there, either */
		while (e->mapped || e->cached)
			e++;
		CHECK(e < dom->entries + PAGES);
		*e = (struct entry){ iova + at, pa.v + at, prot, true, true };
	}
	dom->maps++;
	return 0;
}

static int unmap(struct iommu_domain *dom, u64 iova, u64 len)
{
	(void)dom;
	for (u64 at = 0; at < len; at += PAGE_SIZE) {
		struct entry *e = find(iova + at, false);

		if (!e)
			return -ENOENT;
		e->mapped = false;
	}
	return 0;
}

static int flush(struct iommu_domain *dom, u64 iova, u64 len)
{
	dom->flushes++;
	for (u32 i = 0; i < PAGES; i++) {
		struct entry *e = &dom->entries[i];

		if (!e->mapped && e->iova >= iova && e->iova - iova < len)
			e->cached = false;
	}
	return 0;
}

static const struct iommu_ops ops = { .name = "test",
				      .attach = attach,
				      .detach = detach,
				      .map = map,
				      .unmap = unmap,
				      .flush = flush };

const struct iommu_ops *iommu_ops(void)
{
	return have_iommu ? &ops : NULL;
}

enum iommu_mode iommu_mode(void)
{
	return mode;
}

/* The byte that the device finds at an address, for reading or writing; NULL: it finds nothing. */
static u8 *device_sees(u64 addr, u32 prot)
{
	struct entry *e = find(ALIGN_DOWN(addr, PAGE_SIZE), true);

	if (!have_iommu)
		return phys_to_virt(PADDR(addr));
	if (!e || (e->prot & prot) != prot)
		return NULL;
	return phys_to_virt(PADDR(e->pa + addr % PAGE_SIZE));
}

/* --- the rest of the host --------------------------------------------------------------------------- */

static owner_t owner = OWNER_HV;

owner_t granule_owner(paddr_t pa)
{
	(void)pa;
	return owner;
}

void *kalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock){ .rank = (u8)rank, .name = name };
}

u64 spin_lock_irq(struct spinlock *l)
{
	CHECK_EQ(l->next, 0);
	l->next = 1;
	return 0;
}

void spin_unlock_irq(struct spinlock *l, u64 flags)
{
	(void)flags;
	CHECK_EQ(l->next, 1);
	l->next = 0;
}

static struct dma_device dev;

static void start(bool iommu, enum iommu_mode m)
{
	have_iommu = iommu;
	mode = m;
	map_result = attach_result = 0;
	reserved = 0;
	owner = OWNER_HV;
	fake_pages_left = -1;
	dev = (struct dma_device){ .name = "0000:01:00.0", .mask = ~0ULL, .align = 1 };
	CHECK_EQ(dma_device_start(&dev), 0);
}

static void stop(u32 leaks)
{
	CHECK_EQ(dma_device_stop(&dev), leaks);
	CHECK(!domain.attached);
}

static u8 *page(void)
{
	return page_alloc(0);
}

/* --- tests ------------------------------------------------------------------------------------------ */

TEST(without_an_iommu)
{
	u8 *p = page(), *ring;
	struct dma_map m;
	dma_addr_t at;

	start(false, IOMMU_STRICT);
	CHECK_EQ(dma_map(&dev, virt_to_phys(p + 16), 100, DMA_BOTH, &m), 0);
	CHECK(m.addr.v == virt_to_phys(p + 16).v && !m.bounce);
	dma_unmap(&dev, &m, 100);
	ring = dma_alloc(&dev, 8192, &at);
	CHECK(ring && at.v == virt_to_phys(ring).v);
	dma_free(&dev, ring, 8192, at);
	stop(0);
	CHECK_EQ(fake_pages, 1);
	page_free(p, 0);
}

TEST(what_a_device_reaches)
{
	u8 *p = page(), *ring;
	struct dma_map m;
	dma_addr_t at;

	start(true, IOMMU_STRICT);
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, DMA_TO_DEVICE, &m), 0);
	CHECK(m.addr.v != virt_to_phys(p).v && m.addr.v >= PAGE_SIZE);
	CHECK(device_sees(m.addr.v + 5, PTAB_R) == p + 5);
	CHECK(!device_sees(m.addr.v, PTAB_W));
	CHECK(!device_sees(m.addr.v + PAGE_SIZE, PTAB_R));
	CHECK(!device_sees(virt_to_phys(p).v, PTAB_R));
	dma_unmap(&dev, &m, 0);
	CHECK(!device_sees(m.addr.v, PTAB_R)); /* nor by what the IOMMU has cached */
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, DMA_FROM_DEVICE, &m), 0);
	CHECK(device_sees(m.addr.v, PTAB_W) == p && !device_sees(m.addr.v, PTAB_R));
	dma_unmap(&dev, &m, PAGE_SIZE);
	ring = dma_alloc(&dev, 3 * PAGE_SIZE, &at);
	CHECK(device_sees(at.v + 2 * PAGE_SIZE, PTAB_R | PTAB_W) == ring + 2 * PAGE_SIZE);
	dma_free(&dev, ring, 3 * PAGE_SIZE, at);
	CHECK(!device_sees(at.v, PTAB_R));
	stop(0);
	page_free(p, 0);
}

/* The hypervisor's other bytes of a page are none of the device's. */
TEST(pieces_of_pages_are_bounced)
{
	u8 *p = page();
	struct dma_map m;
	struct dma_stats stats;
	u8 *seen;

	start(true, IOMMU_STRICT);
	memset(p, 0x11, PAGE_SIZE);
	CHECK_EQ(dma_map(&dev, virt_to_phys(p + 512), 512, DMA_BOTH, &m), 0);
	seen = device_sees(m.addr.v, PTAB_R | PTAB_W);
	CHECK(seen && seen != p + 512 && seen[0] == 0x11 && seen[511] == 0x11 && seen[512] == 0);
	memset(seen, 0x22, 600);
	dma_unmap(&dev, &m, 500);
	CHECK(p[511] == 0x11 && p[512] == 0x22 && p[1011] == 0x22 && p[1012] == 0x11);
	CHECK_EQ(dma_map(&dev, virt_to_phys(p + 512), 512, DMA_FROM_DEVICE, &m), 0);
	CHECK_EQ(device_sees(m.addr.v, PTAB_W)[0], 0); /* it gets nothing to read */
	dma_unmap(&dev, &m, 0);
	CHECK_EQ(p[512], 0x22);
	/* A guest's page is the guest's as a whole. */
	owner = OWNER_VM;
	CHECK_EQ(dma_map(&dev, virt_to_phys(p + 512), 512, DMA_BOTH, &m), 0);
	CHECK(!m.bounce && device_sees(m.addr.v, PTAB_R) == p + 512);
	dma_unmap(&dev, &m, 512);
	dma_device_stats(&dev, &stats);
	CHECK(stats.maps == 3 && stats.unmaps == 3 && stats.bounced == 2 && !stats.mapped);
	stop(0);
	CHECK_EQ(fake_pages, 1);
	page_free(p, 0);
}

TEST(what_a_device_cannot_take)
{
	u8 *p = page();
	struct dma_map m;

	start(false, IOMMU_STRICT);
	dev.align = 4;
	CHECK_EQ(dma_map(&dev, virt_to_phys(p + 2), 8, DMA_TO_DEVICE, &m), 0);
	CHECK(m.bounce && !(m.addr.v & 3));
	dma_unmap(&dev, &m, 0);
	dev.align = 1;
	dev.mask = virt_to_phys(p).v + 100;
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), 101, DMA_TO_DEVICE, &m), 0);
	CHECK(!m.bounce);
	dma_unmap(&dev, &m, 0);
	dev.mask = 0xffff; /* nor is any page here so low */
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), 101, DMA_TO_DEVICE, &m), -ENOMEM);
	owner = OWNER_VM; /* not mapped: cannot be copied */
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), 101, DMA_TO_DEVICE, &m), -EINVAL);
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), 0, DMA_TO_DEVICE, &m), -EINVAL);
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), GRANULE_SIZE + 1, DMA_BOTH, &m), -EINVAL);
	CHECK_EQ(dma_map(&dev, PADDR(~0ull - 1), 8, DMA_BOTH, &m), -EINVAL);
	CHECK_EQ(fake_pages, 1);
	stop(0);
	page_free(p, 0);
}

TEST(lists_go_by_one_invalidation)
{
	u8 *p = page_alloc(3);
	struct dma_piece pieces[8];
	struct dma_map maps[8];
	struct dma_stats stats;

	start(true, IOMMU_STRICT);
	for (u32 i = 0; i < 8; i++)
		pieces[i] = (struct dma_piece){ virt_to_phys(p + i * PAGE_SIZE), PAGE_SIZE };
	CHECK_EQ(dma_map_list(&dev, pieces, 8, DMA_FROM_DEVICE, maps), 0);
	CHECK_EQ(domain.maps, 8);
	dma_unmap_list(&dev, maps, 8);
	CHECK_EQ(domain.flushes, 1);
	for (u32 i = 0; i < 8; i++)
		CHECK(!device_sees(maps[i].addr.v, PTAB_W));
	dma_device_stats(&dev, &stats);
	CHECK_EQ(stats.flushes, 1);
	/* All or nothing. */
	pieces[5].len = 0;
	CHECK_EQ(dma_map_list(&dev, pieces, 8, DMA_FROM_DEVICE, maps), -EINVAL);
	for (u32 i = 0; i < PAGES; i++)
		CHECK(!domain.entries[i].mapped);
	stop(0);
	page_free(p, 3);
}

TEST(lazy)
{
	u8 *p = page(), *ring;
	struct dma_map m;
	dma_addr_t at;
	u64 first = 0;

	start(true, IOMMU_LAZY);
	for (u32 i = 0; i < 40; i++) {
		CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, DMA_BOTH, &m), 0);
		first = first ? first : m.addr.v;
		CHECK(!i || m.addr.v != first); /* the IOMMU may still have the old one */
		dma_unmap(&dev, &m, 0);
	}
	CHECK_EQ(domain.flushes, 0);
	/* Memory that is given back has its own: nobody gets it before. */
	ring = dma_alloc(&dev, PAGE_SIZE, &at);
	dma_free(&dev, ring, PAGE_SIZE, at);
	CHECK(!device_sees(at.v, PTAB_R));
	CHECK_EQ(dma_map(&dev, virt_to_phys(p + 8), 8, DMA_BOTH, &m), 0);
	dma_unmap(&dev, &m, 0);
	CHECK(!device_sees(m.addr.v, PTAB_R));
	CHECK_EQ(domain.flushes, 2);
	stop(0);
	start(true, IOMMU_LAZY);
	for (u32 i = 0; i < PAGES + 1; i++) { /* and at the latest after so many */
		domain.entries[PAGES - 1].cached = false;
		CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, DMA_BOTH, &m), 0);
		dma_unmap(&dev, &m, 0);
		if (i == PAGES - 2)
			for (u32 k = 0; k < PAGES - 1; k++)
				domain.entries[k].cached = domain.entries[k].mapped;
	}
	CHECK_EQ(domain.flushes, 1);
	stop(0);
	page_free(p, 0);
}

TEST(leaks_are_told_of)
{
	u8 *p = page();
	struct dma_map a, b;

	start(true, IOMMU_STRICT);
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, DMA_BOTH, &a), 0);
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, DMA_BOTH, &b), 0);
	CHECK(a.addr.v != b.addr.v);
	dma_unmap(&dev, &a, 0);
	CHECK(device_sees(b.addr.v, PTAB_R) == p);
	stop(1);
	CHECK_EQ(dma_device_stop(&dev), 0); /* it was never started */
	page_free(p, 0);
}

TEST(directions)
{
	u8 *p = page();
	struct dma_map m;

	start(true, IOMMU_STRICT);
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, DMA_TO_DEVICE, &m), 0);
	CHECK_PANIC(dma_unmap(&dev, &m, 1)); /* it cannot have written */
	dma_unmap(&dev, &m, 0);
	CHECK_PANIC(dma_unmap(&dev, &m, 0));
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, 0, &m), -EINVAL);
	stop(0);
	page_free(p, 0);
}

TEST(addresses_that_firmware_has)
{
	u8 *p = page();
	struct dma_map maps[3];

	have_iommu = true;
	mode = IOMMU_STRICT;
	attach_result = map_result = 0;
	dev = (struct dma_device){ .name = "x", .mask = ~0ULL, .align = 1 };
	reserved = GRANULE_SIZE + PAGE_SIZE;
	CHECK_EQ(dma_device_start(&dev), 0);
	for (u32 i = 0; i < 3; i++) {
		CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, DMA_BOTH, &maps[i]), 0);
		CHECK(maps[i].addr.v != reserved);
	}
	dma_unmap_list(&dev, maps, 3);
	stop(0);
	page_free(p, 0);
}

TEST(shortage)
{
	u8 *p = page();
	struct dma_map m;
	dma_addr_t at;

	start(true, IOMMU_STRICT);
	map_result = -ENOMEM;
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, DMA_BOTH, &m), -ENOMEM);
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), 8, DMA_BOTH, &m), -ENOMEM);
	CHECK(!dma_alloc(&dev, PAGE_SIZE, &at));
	map_result = 0;
	fake_pages_left = 0;
	CHECK(!dma_alloc(&dev, PAGE_SIZE, &at));
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), 8, DMA_BOTH, &m), -ENOMEM);
	fake_pages_left = -1;
	CHECK(!dma_alloc(&dev, 0, &at));
	CHECK(!dma_alloc(&dev, GRANULE_SIZE + 1, &at));
	CHECK_EQ(dma_map(&dev, virt_to_phys(p), PAGE_SIZE, DMA_BOTH, &m), 0);
	CHECK_EQ(m.addr.v, GRANULE_SIZE); /* no address was lost */
	dma_unmap(&dev, &m, 0);
	stop(0);
	CHECK_EQ(fake_pages, 1);
	attach_result = -EIO;
	dev = (struct dma_device){ .name = "x", .mask = ~0ULL, .align = 1 };
	CHECK_EQ(dma_device_start(&dev), -EIO);
	CHECK(!dev.started && !dev.iovas && !dev.stale);
	page_free(p, 0);
}
