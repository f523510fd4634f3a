/*
 * The makers' drivers, for iommu.c.
 */
#pragma once

#include "lib/types.h"

/*
 * Each finds its units, switches translation on and registers with core/iommu.h. How many; 0: there are none, or they are not
 * used. *remaps: interrupts, too. A thread, once.
 */
u32 vtd_init(bool *remaps);
u32 amdvi_init(bool *remaps);
