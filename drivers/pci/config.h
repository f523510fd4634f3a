/*
 * Configuration space: by memory where the MCFG table has the bus and it is mapped, else by the ports, of which
 * segment 0 alone is reached. What is not there reads as all ones and is not written.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct boot_info;

struct pci_address {
	u16 segment;
	u8 bus, devfn; /* devfn: device 7..3, function 2..0 */
};

#define PCI_DEVFN(device, function) ((u8)((device) << 3 | (function)))
#define PCI_SLOT(devfn)             ((devfn) >> 3)
#define PCI_FUNC(devfn)             ((devfn)&7u)

/*
 * Which ranges of the MCFG table are used: those that no memory lies in. Boot CPU, once, after acpi_init(); before it
 * there are the ports.
 */
void pci_config_init(const struct boot_info *bi);

/*
 * Makes the bus's memory usable. False: it has none, or what it shows is not what the ports show. Boot CPU, at start.
 */
bool pci_config_map(u16 segment, u8 bus);

/*
 * One register of size 1, 2 or 4 bytes, aligned to its size, below 4096; from 256 on by memory only. One access to it,
 * but that smaller reads by the ports are of the whole four bytes. Any context but NMI.
 */
u32 pci_config_read(struct pci_address a, u32 reg, u32 size);
void pci_config_write(struct pci_address a, u32 reg, u32 size, u32 v);
