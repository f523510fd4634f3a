/*
 * What both makers' drivers do about a device that reached for what is not its own, and by which ids a device is seen.
 */
#pragma once

#include "lib/types.h"

struct dma_device;

#define IOMMU_ALIASES_MAX 4u

/*
 * One line in the log (what: "read of", "write to", "interrupt"), bus mastering off, and d's driver is told; d may be NULL.
 * The IOMMU lets nothing more of it through. A thread.
 */
void iommu_stop_device(u16 segment, u16 rid, struct dma_device *d, const char *what, u64 address,
		       const char *why);

/* Bus mastering off. A thread. */
void iommu_silence(u16 segment, u16 rid);

/* The requester ids that a function is seen by, its own first; how many. */
u32 iommu_aliases(u16 segment, u16 rid, u16 out[IOMMU_ALIASES_MAX]);
