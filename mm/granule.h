/*
 * The table of owners, one entry for each 2 MiB of physical address space: mm's inner interface to
 * it. What the rest of Plinth may call is in mm/page.h.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "mm/page.h"

struct granule {
	owner_t owner;
	/*
	 * OWNER_FREE: GRANULE_DIRTY or 0. OWNER_HV: page.c's, where its map of pages is. A VM's: GRANULE_FAILED or
	 * 0. Else 0.
	 */
	u16 aux;
};

#define GRANULE_DIRTY  1 /* holds what was there before Plinth */
#define GRANULE_FAILED 2 /* memory of it has failed: it will be reserved when it is given back */

/* How long the table must be for RAM that ends at end. */
u64 granule_table_size(u64 end);

/* Takes the table, zeroed memory of that size, into use: all is OWNER_RESERVED. */
void granule_init(struct granule *t, u64 end);

/* States an owner while the boot CPU runs alone. */
void granule_set_owner(paddr_t pa, owner_t owner);

/* The table's end: a granule from there on is reserved. */
u64 granule_end(void);

/* page.c's field of a granule that the hypervisor owns. */
u16 *granule_aux(paddr_t pa);

/*
 * Takes the lowest free granule for the hypervisor: in the direct map and zeroed. -ENOMEM. And
 * gives it back: unmapped on all CPUs, then zeroed, then free.
 */
int granule_take(paddr_t *out) __must_check;
void granule_drop(paddr_t pa);

/* Bytes in granules that are free, the hypervisor's, and VMs'. */
void granule_stats(u64 *free, u64 *hv, u64 *vm);
