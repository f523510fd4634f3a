/*
 * Brings firmware's memory map into order: sorted, without overlap, usable memory in whole pages.
 * Firmware tables may say anything; where two entries disagree, memory counts as not usable.
 */
#include "boot/memmap.h"
#include "lib/string.h"

static u64 region_end(const struct boot_region *r)
{
	return r->base + r->len;
}

static void remove_at(struct boot_info *info, u32 i)
{
	info->region_count--;
	memmove(&info->regions[i], &info->regions[i + 1],
		(info->region_count - i) * sizeof(info->regions[0]));
}

/* Makes room for a region that must not be lost; false when nothing smaller can go. */
static bool drop_smallest_usable(struct boot_info *info)
{
	u32 best = BOOT_MAX_REGIONS;

	for (u32 i = 0; i < info->region_count; i++)
		if (info->regions[i].type == BOOT_MEM_USABLE &&
		    (best == BOOT_MAX_REGIONS || info->regions[i].len < info->regions[best].len))
			best = i;
	if (best == BOOT_MAX_REGIONS)
		return false;
	remove_at(info, best);
	return true;
}

/* Inserts in order of bases. */
static void insert(struct boot_info *info, struct boot_region r)
{
	u32 i = info->region_count;

	if (i == BOOT_MAX_REGIONS) {
		info->regions_dropped++;
		if (r.type == BOOT_MEM_USABLE || !drop_smallest_usable(info))
			return;
		i = info->region_count;
	}
	for (; i > 0 && info->regions[i - 1].base > r.base; i--)
		info->regions[i] = info->regions[i - 1];
	info->regions[i] = r;
	info->region_count++;
}

void memmap_add(struct boot_info *info, u64 base, u64 len, u32 type)
{
	struct boot_region *last = &info->regions[MAX(info->region_count, 1) - 1];

	if (type < BOOT_MEM_USABLE || type > BOOT_MEM_BAD)
		type = BOOT_MEM_RESERVED;
	len = MIN(len, ~base);         /* so that no region's end wraps */
	if (type == BOOT_MEM_USABLE) { /* whole pages only */
		u64 start = ALIGN_UP(base, PAGE_SIZE);
		u64 end = ALIGN_DOWN(base + len, PAGE_SIZE);

		if (start < base || end <= start)
			return;
		base = start;
		len = end - start;
	}
	if (!len)
		return;
	/* EFI maps come sorted, in many pieces of the same kind: join them at once. */
	if (info->region_count && last->type == type && region_end(last) == base) {
		last->len += len;
		return;
	}
	insert(info, (struct boot_region){ base, len, type });
}

/* Takes [base, end) out of the usable region i; may split it. True when the array changed. */
static bool cut(struct boot_info *info, u32 i, u64 base, u64 end)
{
	struct boot_region r = info->regions[i];
	u64 low_end = ALIGN_DOWN(MAX(base, r.base), PAGE_SIZE);
	u64 high_base = ALIGN_UP(end, PAGE_SIZE);

	if (base >= region_end(&r) || end <= r.base)
		return false;
	remove_at(info, i);
	if (low_end > r.base)
		insert(info, (struct boot_region){ r.base, low_end - r.base, r.type });
	if (high_base >= end && high_base < region_end(&r))
		insert(info, (struct boot_region){ high_base, region_end(&r) - high_base, r.type });
	return true;
}

/* Cuts every other region out of the usable ones; starts again after each change. */
static bool cut_once(struct boot_info *info)
{
	for (u32 i = 0; i < info->region_count; i++) {
		if (info->regions[i].type != BOOT_MEM_USABLE)
			continue;
		for (u32 j = 0; j < info->region_count; j++) {
			const struct boot_region *r = &info->regions[j];

			if (r->type != BOOT_MEM_USABLE && cut(info, i, r->base, region_end(r)))
				return true;
		}
	}
	return false;
}

/* Joins or trims neighbours of the sorted list that touch or overlap and are of a like kind. */
static void join(struct boot_info *info)
{
	for (u32 i = 0; i + 1 < info->region_count;) {
		struct boot_region *a = &info->regions[i], *b = a + 1;

		if (b->base > region_end(a) || (b->base == region_end(a) && a->type != b->type)) {
			i++;
		} else if (a->type == b->type) {
			a->len = MAX(region_end(a), region_end(b)) - a->base;
			remove_at(info, i + 1);
		} else { /* two kinds of unusable memory: the first keeps its range */
			u64 end = region_end(b), from = region_end(a);
			u32 type = b->type;

			remove_at(info, i + 1);
			if (end > from)
				insert(info, (struct boot_region){ from, end - from, type });
		}
	}
}

void memmap_finish(struct boot_info *info)
{
	while (cut_once(info))
		;
	join(info);
}
