/*
 * What core/ asks of an IOMMU: a domain (address space) for each device, maps in it, invalidation. Interrupt remapping is
 * core/irq.h's. drivers/iommu/ has the makers' kinds behind const ops; none registered: there is no IOMMU.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct dma_device;
struct iommu_domain; /* each kind's own */

enum iommu_mode {
	IOMMU_STRICT, /* an unmap returns when the device cannot reach the page any more */
	IOMMU_LAZY,   /* invalidations are gathered: a page is not given to anyone else before */
	IOMMU_OFF,    /* devices see all memory; the log warns, and passthrough is refused */
};

struct iommu_ops {
	const char *name; /* "VT-d", "AMD-Vi" */
	/* A domain for this device, nothing mapped but what firmware reserves for it (RMRR, unity maps); the device is attached. */
	int (*attach)(struct dma_device *d, struct iommu_domain **out);
	/* The device is blocked from now on; the domain's tables are freed after their invalidation. */
	void (*detach)(struct dma_device *d, struct iommu_domain *domain);
	/* Whole pages. prot: PTAB_R what the device may read, PTAB_W what it may write. No flush is needed after it but in caching mode, which map does itself. */
	int (*map)(struct iommu_domain *domain, u64 iova, paddr_t pa, u64 len, u32 prot);
	/* Takes the pages out of the tables; the device may still have them cached until flush(). */
	int (*unmap)(struct iommu_domain *domain, u64 iova, u64 len);
	/* After return no device of the domain reaches what was unmapped before. -ETIMEDOUT: the device was blocked instead. */
	int (*flush)(struct iommu_domain *domain, u64 iova, u64 len);
	/* The highest address that the tables can name. */
	u64 (*limit)(const struct iommu_domain *domain);
};

/* By drivers/iommu at start, once, before any driver of a device. */
void iommu_register(const struct iommu_ops *ops);
/* NULL: there is none, or iommu=off. */
const struct iommu_ops *iommu_ops(void);
enum iommu_mode iommu_mode(void);
