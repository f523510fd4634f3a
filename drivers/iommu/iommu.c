/*
 * Which maker's IOMMUs there are.
 */
#include "drivers/iommu/iommu.h"

#include "core/iommu.h"
#include "core/log.h"
#include "drivers/iommu/vtd.h"

void iommu_init(void)
{
	static const char *const modes[] = { [IOMMU_STRICT] = "strict", [IOMMU_LAZY] = "lazy" };

	if (!vtd_init()) {
		log_warn("iommu: %s: devices can reach all memory",
			 iommu_mode() == IOMMU_OFF ? "off" : "none that is used");
		return;
	}
	log_info("iommu: %s, %s, %u unit%s, interrupts %sremapped", iommu_ops()->name,
		 modes[iommu_mode()], vtd_unit_count, vtd_unit_count == 1 ? "" : "s",
		 vtd_units[0]->remaps ? "" : "not ");
}
