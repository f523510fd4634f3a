/*
 * The NVMe driver, for the table of drivers.
 */
#pragma once

struct pci_driver;

extern const struct pci_driver nvme_driver;
