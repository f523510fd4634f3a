/*
 * The hypervisor's shared mappings: device registers, and flushing translations on all CPUs.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"

/* Maps device registers uncached; pa need not be aligned. NULL: no room. Never for RAM. */
void *kmap_mmio(paddr_t pa, u64 len) __must_check;

/*
 * Maps memory that firmware left (ACPI tables) read-only, cached, for as long as it is needed.
 */
const void *kmap_firmware(paddr_t pa, u64 len) __must_check;
void kunmap(const void *p, u64 len);

/* Flushes the range from every CPU's TLB, in all address spaces, and waits for it. Interrupts on. */
void shootdown_all(u64 va, u64 len);
