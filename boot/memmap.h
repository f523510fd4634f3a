/*
 * The memory map that firmware reports, brought into order.
 */
#pragma once

#include "lib/bootinfo.h"

/*
 * Adds a region as firmware reports it: any order, overlaps allowed, page rounding not required.
 * What does not fit is counted in regions_dropped, except that reserved ranges are never lost: they
 * then push out the smallest usable region. Lengths that wrap are cut at the end of the address space.
 */
void memmap_add(struct boot_info *info, u64 base, u64 len, u32 type);

/*
 * Sorts and resolves overlaps (whatever is not usable wins), makes usable regions whole pages, joins
 * neighbours. Call once, after the last memmap_add().
 */
void memmap_finish(struct boot_info *info);
