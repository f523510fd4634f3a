/*
 * A device's end, and its names.
 */
#include "drivers/iommu/fault.h"

#include "core/log.h"
#include "drivers/pci/pci.h"
#include "lib/errno.h"

static struct pci_device *device_of(u16 segment, u16 rid)
{
	return pci_find((struct pci_address){ segment, (u8)(rid >> 8), (u8)rid });
}

void iommu_silence(u16 segment, u16 rid)
{
	struct pci_device *p = device_of(segment, rid);

	if (p && pci_bus_master(p, false) == -EIO)
		log_error("iommu: %s: its bus mastering cannot be switched off", p->name);
}

void iommu_stop_device(u16 segment, u16 rid, struct dma_device *d, const char *what, u64 address,
		       const char *why)
{
	static struct log_limit limit = { .name = "iommu" };
	const struct pci_device *p = device_of(segment, rid);

	log_limited(&limit, LOG_ERROR, "iommu: %04x:%02x:%02x.%x (%s): %s 0x%llx: %s: stopped",
		    segment, rid >> 8, PCI_SLOT(rid & 0xff), PCI_FUNC(rid),
		    p && p->driver ? p->driver->name : "no driver", what,
		    (unsigned long long)address, why);
	iommu_silence(segment, rid);
	if (d && d->blocked)
		d->blocked(d);
}

u32 iommu_aliases(u16 segment, u16 rid, u16 out[IOMMU_ALIASES_MAX])
{
	const struct pci_device *d = device_of(segment, rid);
	u32 n = 0;

	out[n++] = rid;
	for (const struct pci_device *b = d ? d->parent : NULL; b; b = b->parent) {
		u16 own = (u16)(b->at.bus << 8 | b->at.devfn);

		if (n == IOMMU_ALIASES_MAX)
			break;
		/* A bridge from PCIe to PCI lends its second bus, others their own id (PCIe to PCI Bridge 1.0, 2.3). */
		if (!b->caps.express)
			out[n++] = own;
		else if (b->express_type == PCI_EXPRESS_TO_PCI)
			out[n++] = (u16)(b->secondary << 8);
	}
	return n;
}
