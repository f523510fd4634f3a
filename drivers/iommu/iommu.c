/*
 * Which maker's IOMMUs there are.
 */
#include "drivers/iommu/iommu.h"

#include "core/iommu.h"
#include "core/log.h"
#include "drivers/iommu/kinds.h"
#include "lib/types.h"

void iommu_init(void)
{
	static const char *const modes[] = { [IOMMU_STRICT] = "strict", [IOMMU_LAZY] = "lazy" };
	bool remaps = false;
	u32 units = vtd_init(&remaps);

	if (!units)
		units = amdvi_init(&remaps);
	if (!units) {
		log_warn("iommu: %s: devices can reach all memory",
			 iommu_mode() == IOMMU_OFF ? "off" : "none that is used");
		return;
	}
	log_info("iommu: %s, %s, %u unit%s, interrupts %sremapped", iommu_ops()->name,
		 modes[iommu_mode()], units, units == 1 ? "" : "s", remaps ? "" : "not ");
}
