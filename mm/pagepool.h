/*
 * How the page allocator of mm/page.h gets its first granules, which the image, the boot set or
 * mm's own table share with it.
 */
#pragma once

#include "lib/addr.h"
#include "lib/types.h"

/* Before anything else of the page allocator. */
void pagepool_init(void);

/*
 * Gives it the pages of a granule (the hypervisor's, mapped) whose bit in taken, a bitmap of 512, is
 * clear. They hold zeroes, but for one, which it clears and keeps for its own map. foreign of the
 * others are not the hypervisor's at all; for the statistics.
 */
void pagepool_add(paddr_t granule, const u64 *taken, u32 foreign);
