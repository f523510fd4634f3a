/*
 * The machine's IOMMUs.
 */
#pragma once

/*
 * Finds them and switches them on, as iommu= says: after it no device reaches memory that was not mapped for it, and
 * interrupts are remapped where that can be. Boot CPU, once, after pci_init() and before any line or message is connected; a thread.
 */
void iommu_init(void);
