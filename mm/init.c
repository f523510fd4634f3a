/*
 * The start of memory management. The page allocator runs first, on the boot path's map of the low
 * 4 GiB, and gives the pages for the real tables; then everything else joins.
 */
#include "mm/init.h"

#include "arch/feature.h"
#include "core/log.h"
#include "core/panic.h"
#include "lib/bitmap.h"
#include "lib/bootinfo.h"
#include "lib/string.h"
#include "mm/context.h"
#include "mm/granule.h"
#include "mm/heap_backing.h"
#include "mm/kspace.h"
#include "mm/memmap.h"
#include "mm/page.h"
#include "mm/pagepool.h"
#include "mm/shootdown.h"

#define BOOT_MAP_END (4 * GIB)
#define LOW_END      MIB /* below: kept apart, for other CPUs to start in */
#define PAGES        (GRANULE_SIZE / PAGE_SIZE)

/* Room for the granule table in free whole granules below 4 GiB. */
static paddr_t table_place(u64 len)
{
	u64 n = ALIGN_UP(len, GRANULE_SIZE);

	for (u64 pa = GRANULE_SIZE; pa + n <= BOOT_MAP_END; pa += GRANULE_SIZE)
		if (memmap_all_free(PADDR(pa), n))
			return PADDR(pa);
	panic("memory: no %llu KiB in one piece below 4 GiB", (unsigned long long)(n / KIB));
}

/* Free where all of it is RAM that nothing occupies; ours where image, boot set or table lie. */
static owner_t first_owner(paddr_t granule)
{
	if (memmap_all_free(granule, GRANULE_SIZE))
		return OWNER_FREE;
	if (memmap_occupied(granule, GRANULE_SIZE))
		return OWNER_HV;
	return OWNER_RESERVED;
}

/* Gives the page allocator what is free in a granule that something occupies; low memory is not. */
static void donate(paddr_t granule)
{
	u64 taken[BITMAP_WORDS(PAGES)] = { 0 };
	u32 foreign = 0;

	for (u32 i = 0; i < PAGES; i++) {
		paddr_t pa = PADDR(granule.v + i * PAGE_SIZE);
		enum memmap_kind kind = pa.v < LOW_END ? MEMMAP_ABSENT : memmap_kind(pa);

		if (kind == MEMMAP_FREE)
			memset(phys_to_virt(pa), 0, PAGE_SIZE);
		else
			bitmap_set(taken, i);
		foreign += kind == MEMMAP_ABSENT;
	}
	pagepool_add(granule, taken, foreign);
}

/* Donates the occupied granules from start to end. What the allocator took by itself is not occupied. */
static void donate_range(u64 start, u64 end)
{
	for (u64 pa = start; pa < end; pa += GRANULE_SIZE)
		if (memmap_occupied(PADDR(pa), GRANULE_SIZE))
			donate(PADDR(pa));
}

/* The granule table, and who owns what. Returns where the table's granules end. */
static u64 own_memory(u64 *table_start)
{
	u64 len = granule_table_size(memmap_end());
	paddr_t table = table_place(len);

	memmap_take(table, len);
	memset(phys_to_virt(table), 0, len);
	granule_init(phys_to_virt(table), memmap_end());
	for (u64 pa = 0; pa < granule_end(); pa += GRANULE_SIZE)
		granule_set_owner(PADDR(pa), first_owner(PADDR(pa)));
	*table_start = table.v;
	return table.v + ALIGN_UP(len, GRANULE_SIZE);
}

void mm_init(const struct boot_info *bi)
{
	u64 table_start, table_end;
	struct page_stats s;

	kspace_begin(bi->image_pa);
	memmap_init(bi, MIN(DIRECT_SIZE, 1ULL << cpu_phys_bits()));
	table_end = own_memory(&table_start);
	pagepool_init();
	donate_range(table_start, table_end);
	kspace_init();
	donate_range(0, table_start);
	donate_range(table_end, granule_end());
	context_init();
	kheap_init();
	page_stats(&s);
	log_info("memory: %llu MiB, %llu MiB free, %llu KiB in use",
		 (unsigned long long)(s.total / MIB), (unsigned long long)(s.free / MIB),
		 (unsigned long long)(s.hv_used / KIB));
}

void mm_init_cpu(void)
{
	shootdown_join();
}

paddr_t mm_root(void)
{
	return kspace_root();
}
