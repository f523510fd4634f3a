/*
 * Mappings of what is not RAM: device registers and the firmware's tables, and for a moment the low
 * pages through which other CPUs start. Addresses are handed out upward and never again, so that a
 * stale pointer faults; 510 GiB of them outlast any number of boot-time mappings.
 */
#include "mm/kmap.h"

#include "arch/feature.h"
#include "core/panic.h"
#include "mm/init.h"
#include "mm/kmap_lock.h"
#include "mm/kspace.h"
#include "mm/memmap.h"
#include "mm/page.h"

#define LOW_END 0xa0000 /* of conventional memory */

struct spinlock kmap_lock = SPINLOCK_INIT(RANK_KMAP, "kmap");
static u64 next = KMAP_MAP_BASE; /* kmap_lock */
static u64 low_next = PAGE_SIZE; /* boot CPU only */

/* The next free address with pa's position in a large page, where that makes large leaves. lock. */
static u64 take_va(u64 pa, u64 len)
{
	u64 unit = len >= GRANULE_SIZE ? GRANULE_SIZE : PAGE_SIZE;
	u64 va = ALIGN_UP(next, unit) + pa % unit;

	if (va > KMAP_BASE + KMAP_SIZE || len > KMAP_BASE + KMAP_SIZE - va)
		return 0;
	next = va + len + PAGE_SIZE; /* a page stays unmapped behind it */
	return va;
}

/* pa and len are page-aligned. */
static void *map_pages(u64 pa, u64 len, u32 prot)
{
	u64 va;

	spin_lock(&kmap_lock);
	va = take_va(pa, len);
	if (va && ptab_map(kspace_ptab(), va, PADDR(pa), len, prot | PTAB_GLOBAL)) {
		/* No splitting, for nothing larger than the range was mapped: it cannot fail. */
		ASSERT(ptab_unmap(kspace_ptab(), va, len) == 0);
		va = 0;
	}
	spin_unlock(&kmap_lock);
	return (void *)va;
}

static void *map_foreign(paddr_t pa, u64 len, u32 prot)
{
	u64 start = ALIGN_DOWN(pa.v, PAGE_SIZE);
	u64 end = ALIGN_UP(pa.v + len, PAGE_SIZE);
	u8 *p;

	if (!len || end <= start || (end - 1) >> cpu_phys_bits())
		return NULL;
	if (memmap_has_ram(PADDR(start), end - start))
		return NULL;
	p = map_pages(start, end - start, prot);
	return p ? p + (pa.v - start) : NULL;
}

void *kmap_mmio(paddr_t pa, u64 len)
{
	return map_foreign(pa, len, PTAB_R | PTAB_W | PTAB_UNCACHED);
}

const void *kmap_firmware(paddr_t pa, u64 len)
{
	return map_foreign(pa, len, PTAB_R);
}

void kunmap(const void *p, u64 len)
{
	u64 start = ALIGN_DOWN((u64)p, PAGE_SIZE);
	u64 end = ALIGN_UP((u64)p + len, PAGE_SIZE);

	ASSERT(start >= KMAP_MAP_BASE && end <= KMAP_BASE + KMAP_SIZE && start < end);
	spin_lock(&kmap_lock);
	ASSERT(ptab_unmap(kspace_ptab(), start, end - start) == 0);
	spin_unlock(&kmap_lock);
	shootdown_all(start, end - start);
}

paddr_t mm_low_pages(u32 count)
{
	u64 len = count * PAGE_SIZE;

	for (u64 pa = low_next; pa + len <= LOW_END; pa += PAGE_SIZE) {
		if (memmap_all_free(PADDR(pa), len)) {
			low_next = pa + len;
			return PADDR(pa);
		}
	}
	return PADDR(0);
}

void *mm_low_map(paddr_t pa, u32 count)
{
	ASSERT(pa.v >= PAGE_SIZE && pa.v + count * PAGE_SIZE <= low_next);
	return map_pages(pa.v, count * PAGE_SIZE, PTAB_R | PTAB_W);
}

void mm_low_unmap(void *p, u32 count)
{
	kunmap(p, count * PAGE_SIZE);
}
