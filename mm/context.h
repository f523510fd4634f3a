/*
 * Which address space each CPU is in, and under which PCIDs it remembers translations of others.
 * mm's inner interface; aspace_switch() and its like are in mm/aspace.h.
 */
#pragma once

#include "lib/types.h"

struct aspace;

/* Boot CPU, after cpu_features_init(). */
void context_init(void);

/* Drops what this CPU holds of as, if it is in it. Interrupts off. */
void context_flush(struct aspace *as);

/* True when that CPU is in as. */
bool context_is_in(u32 cpu, const struct aspace *as);
