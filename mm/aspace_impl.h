/*
 * What an address space consists of; for mm alone.
 */
#pragma once

#include "arch/lock.h"
#include "arch/paging.h"
#include "lib/bitmap.h"
#include "lib/types.h"
#include "mm/aspace.h"
#include "mm/page.h"
#include "mm/ptab.h"

/* Top-level entries from the direct map's on are shared. */
#define SHARED_FIRST PML4_INDEX(DIRECT_BASE)

/*
 * A stack lies at the upper end of a slot of its own; what is below it in the slot stays unmapped, but for a page
 * that is its shadow stack, where there are any.
 * In a VM's space each slot has as much memory behind it, a granule for every 32 of them.
 */
#define STACK_SLOT         (64 * KIB)
#define STACK_SHADOW       PAGE_SIZE                    /* where its shadow stack begins */
#define STACK_MAX          (STACK_SLOT - 3 * PAGE_SIZE) /* with guard pages around that */
#define STACKS_PER_GRANULE (GRANULE_SIZE / STACK_SLOT)
#define VM_STACKS          512
#define VM_STACK_GRANULES  (VM_STACKS / STACKS_PER_GRANULE)

/* A granule's worth of the heap area. */
struct heap_slot {
	paddr_t pa; /* .v 0: the slot is free */
	u32 run;    /* slots of the piece of heap that begins here; 0: within one */
};

struct aspace {
	u64 id;                  /* const; no other space ever had it */
	owner_t owner;           /* const */
	u64 generation;          /* raised, in full order, when a translation was taken away */
	struct spinlock lock;    /* RANK_ASPACE */
	struct ptab pt;          /* lock: the private part */
	paddr_t root;            /* const: of pt */
	struct heap *heap;       /* const */
	u32 slot_count;          /* const */
	struct heap_slot *slots; /* lock: what is mapped at VM_HEAP_BASE */
	u64 stacks[BITMAP_WORDS(VM_STACKS)];       /* lock: stack slots in use */
	paddr_t stack_granules[VM_STACK_GRANULES]; /* lock; .v 0: none yet */
};

/* A translation of as was taken away: no CPU uses it any more on return. See shootdown.h. */
void aspace_flush(struct aspace *as);
