/*
 * The direct map, which holds the hypervisor's own granules and nothing else, and the window that
 * each CPU opens for a moment to zero a granule on its way to another owner.
 */
#pragma once

#include "lib/addr.h"
#include "lib/types.h"

/* Adds a granule: one leaf of 2 MiB, read and write. */
void direct_map(paddr_t granule);

/* Removes it, and returns when no CPU can use it any more. See shootdown_all(). */
void direct_unmap(paddr_t granule);

/* Zeroes a granule that is mapped nowhere. */
void granule_zero(paddr_t granule);

/* Calls fn with a granule that is mapped nowhere else, interrupts off: for start-up, since that takes long. */
void granule_visit(paddr_t granule, void (*fn)(void *p, void *ctx), void *ctx);
