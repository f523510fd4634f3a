/*
 * Between the files that find devices.
 */
#pragma once

#include "drivers/pci/pci.h"

/*
 * Reads base address register i of count and finds out how long its range is; nothing is decoded meanwhile, and after
 * it all is as before. How many registers it was. What can be wrong by itself is in out->wrong. Any context but NMI.
 */
u32 pci_bar_read(struct pci_address at, u32 i, u32 count, struct pci_bar *out);

/* Fills d->bars, and d->windows of a bridge. */
void pci_read_bars(struct pci_device *d);
/* What is wrong with the base addresses beside memory, the machine's own registers and each other's. All are known. */
void pci_check_bars(const struct boot_info *bi);

/* Fills d->caps. Says in the log what is wrong with the lists; what was found before that is used. */
void pci_find_caps(struct pci_device *d);

/* Numbers the groups of all devices, and switches on what keeps them apart. */
void pci_make_groups(void);

/* Fills d->hostdev and adds it. */
void pci_add_hostdev(struct pci_device *d);

/* The list of all, parents first; const after pci_init(). */
struct list *pci_devices(void);
