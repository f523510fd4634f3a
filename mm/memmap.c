/*
 * Two short sorted lists: RAM in whole pages as the firmware states it, and what occupies parts of
 * it. RAM is rounded inward and occupants outward, so that a doubtful page belongs to its keeper.
 */
#include "mm/memmap.h"

#include "core/log.h"
#include "lib/bootinfo.h"

struct range {
	u64 start, end;
	enum memmap_kind kind;
};

static struct range ram[BOOT_MAX_REGIONS];
static u32 ram_count;
static struct range taken[BOOT_MAX_MODULES + MEMMAP_KEPT_MAX + 2]; /* and image, table */
static u32 taken_count;

/*
 * Behind what firmware and boot loaders write to for their own use, and several, since a large boot set may
 * cover some; low, where they break up no large piece of memory.
 */
static const u64 kept_places[MEMMAP_KEPT_MAX] = { 32 * MIB, 64 * MIB, 128 * MIB, 256 * MIB };

static void ram_add(const struct boot_region *r, u64 limit, u64 *unused)
{
	u64 end = r->base + r->len;
	u64 floor = ram_count ? ram[ram_count - 1].end : PAGE_SIZE; /* page 0 is the BIOS's */
	struct range n;

	if (end < r->base)
		return;
	if (end > limit)
		*unused += end - MAX(limit, r->base);
	n.start = MAX(ALIGN_UP(r->base, PAGE_SIZE), floor);
	n.end = MIN(ALIGN_DOWN(end, PAGE_SIZE), limit);
	n.kind = MEMMAP_FREE;
	if (n.start < n.end && r->base <= limit)
		ram[ram_count++] = n;
}

static void taken_add(u64 start, u64 len, enum memmap_kind kind)
{
	if (!len || start + len < start || taken_count == ARRAY_LEN(taken))
		return;
	taken[taken_count++] = (struct range){
		.start = ALIGN_DOWN(start, PAGE_SIZE),
		.end = ALIGN_UP(start + len, PAGE_SIZE),
		.kind = kind,
	};
}

void memmap_init(const struct boot_info *bi, u64 limit)
{
	u64 unused = 0;

	ram_count = 0;
	taken_count = 0;
	for (u32 i = 0; i < bi->region_count; i++)
		if (bi->regions[i].type == BOOT_MEM_USABLE)
			ram_add(&bi->regions[i], limit, &unused);
	taken_add(bi->image_pa, bi->image_size, MEMMAP_IMAGE);
	for (u32 i = 0; i < bi->module_count; i++)
		taken_add(bi->modules[i].pa, bi->modules[i].size, MEMMAP_MODULE);
	for (u32 i = 0; i < MEMMAP_KEPT_MAX; i++)
		if (memmap_all_free(PADDR(kept_places[i]), MEMMAP_KEPT_SIZE))
			taken_add(kept_places[i], MEMMAP_KEPT_SIZE, MEMMAP_KEPT);
	if (unused)
		log_warn("memory: %llu MiB lie too high and are not used",
			 (unsigned long long)(unused / MIB));
}

void memmap_take(paddr_t pa, u64 len)
{
	taken_add(pa.v, len, MEMMAP_TABLE);
}

static const struct range *find(const struct range *list, u32 count, u64 start, u64 end)
{
	for (u32 i = 0; i < count; i++)
		if (start < list[i].end && end > list[i].start)
			return &list[i];
	return NULL;
}

enum memmap_kind memmap_kind(paddr_t page)
{
	u64 start = ALIGN_DOWN(page.v, PAGE_SIZE);
	const struct range *r = find(taken, taken_count, start, start + PAGE_SIZE);

	if (!r)
		r = find(ram, ram_count, start, start + PAGE_SIZE);
	return r ? r->kind : MEMMAP_ABSENT;
}

bool memmap_has_ram(paddr_t pa, u64 len)
{
	return find(ram, ram_count, pa.v, pa.v + len) || find(taken, taken_count, pa.v, pa.v + len);
}

bool memmap_all_free(paddr_t pa, u64 len)
{
	u64 at = pa.v, end = pa.v + len;

	if (end < at || find(taken, taken_count, at, end))
		return false;
	for (u32 i = 0; i < ram_count && at < end; i++)
		if (at >= ram[i].start && at < ram[i].end)
			at = ram[i].end; /* the next range may touch this one */
	return at >= end;
}

bool memmap_occupied(paddr_t pa, u64 len)
{
	return find(taken, taken_count, pa.v, pa.v + len);
}

u32 memmap_kept(paddr_t out[MEMMAP_KEPT_MAX])
{
	u32 n = 0;

	for (u32 i = 0; i < taken_count; i++)
		if (taken[i].kind == MEMMAP_KEPT)
			out[n++] = PADDR(taken[i].start);
	return n;
}

u64 memmap_end(void)
{
	return ram_count ? ram[ram_count - 1].end : 0;
}

u64 memmap_total(void)
{
	u64 total = 0;

	for (u32 i = 0; i < ram_count; i++)
		total += ram[i].end - ram[i].start;
	return total;
}
