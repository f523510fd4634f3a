/*
 * Functions on PCI buses for host tests of drivers/pci: their configuration space is here, with bits that can be written and
 * bits that cannot; memory behind base addresses; resets; one that is pulled out. Besides, what drivers/pci stands on.
 */
#pragma once

#include "drivers/pci/pci.h"
#include "lib/types.h"

#define FAKE_FUNCTIONS 48u

struct fake_function {
	struct pci_address at;
	bool present, gone;
	u8 space[PCI_EXT_CONFIG_SIZE], writable[PCI_EXT_CONFIG_SIZE]; /* masks */
	u32 busy; /* reads that give all ones, as after a reset */
	bool never_back;
	u32 resets;
	bool sized_while_on;           /* a base address was changed while it was decoded */
	u8 memory[4096] __aligned(16); /* behind fake_bar() */
	u64 memory_at;
};

extern struct fake_function fake_functions[FAKE_FUNCTIONS];
extern u64 fake_now;
extern u32 fake_maps, fake_irq_moves;
extern bool fake_no_memory_space; /* only the first 256 bytes are reached */

/* No functions; what pci_init() found before is forgotten. */
void fake_pci_start(void);
/* pci_init() with no memory where base addresses could be. */
void fake_pci_scan(void);

/* A function that answers, its command register writable. */
struct fake_function *fake_function(u8 bus, u32 slot, u32 fn, u16 vendor, u32 class);
struct fake_function *fake_bridge(u8 bus, u32 slot, u32 fn, u8 secondary, u8 subordinate);
void fake_put8(struct fake_function *f, u32 reg, u32 v);
void fake_put16(struct fake_function *f, u32 reg, u32 v);
void fake_put32(struct fake_function *f, u32 reg, u32 v);
u32 fake_get16(const struct fake_function *f, u32 reg);
/* Base address register i, of so many bytes; flags: its low bits. 64-bit ones have two. */
void fake_bar(struct fake_function *f, u32 i, u64 base, u64 size, u32 flags);
/* A capability at that place, which follows the last one; extended from 256 on. */
void fake_cap(struct fake_function *f, u32 at, u32 id);

/* What pci_init() made of it; NULL: nothing. */
struct pci_device *fake_found(const struct fake_function *f);
