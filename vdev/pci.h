/*
 * The guest's PCI bus: functions and their configuration space, which vdev/pci_host.c shows by memory (ECAM) and by the ports.
 */
#pragma once

#include "lib/compiler.h"
#include "lib/hw/pci.h"
#include "lib/types.h"

struct vm;

/* A function: 256 bytes of configuration space, and which of their bits the guest may change. */
struct pci_fn {
	u8 devfn;
	u8 config[PCI_CONFIG_SIZE];   /* the host bridge's lock */
	u8 writable[PCI_CONFIG_SIZE]; /* const after creation */
};

/* Ids, class (base class, sub class, programming interface) and revision; the rest is 0, nothing can be written. */
void pci_fn_init(struct pci_fn *f, u8 devfn, u16 vendor, u16 device, u32 class, u8 revision);

/* Little-endian fields of size bytes in configuration space; the latter: which bits can be written. */
void pci_fn_set(struct pci_fn *f, u32 reg, u32 size, u32 value);
void pci_fn_set_writable(struct pci_fn *f, u32 reg, u32 size, u32 bits);
