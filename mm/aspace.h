/*
 * Address spaces: the hypervisor's own, where no guest is mapped, and one for each VM, with its
 * heap, its vCPUs' stacks and the window onto its RAM. All shared top-level entries are filled at
 * boot and the same in each.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "mm/layout.h"
#include "mm/page.h"

struct aspace;
struct heap;

/* A space for the VM that owns owner; heap_limit bounds its heap in bytes. NULL: memory is short. */
struct aspace *aspace_create(owner_t owner, u64 heap_limit);

/* Frees it with its heap and stacks; no CPU may be in it. RAM granules are the VM's to free. */
void aspace_destroy(struct aspace *as);

struct heap *aspace_heap(struct aspace *as);
owner_t aspace_owner(const struct aspace *as);

/* Maps RAM into the window at its guest physical address: user pages, read and write, not executable. */
int aspace_map_ram(struct aspace *as, gpa_t gpa, paddr_t pa, u64 len) __must_check;
/* Removes it and flushes every CPU. */
int aspace_unmap_ram(struct aspace *as, gpa_t gpa, u64 len) __must_check;

/* A stack of size bytes with an unmapped page below it, in as (NULL: in the shared area). */
void *aspace_stack_alloc(struct aspace *as, size_t size);
void aspace_stack_free(struct aspace *as, void *stack, size_t size);

/* Makes as (NULL: the hypervisor's) this CPU's space. Interrupts off. */
void aspace_switch(struct aspace *as);
/* The value that aspace_switch would put into CR3, for a switch of stack and space together. */
u64 aspace_enter_cr3(struct aspace *as);
struct aspace *aspace_current(void);

/*
 * Calls fn for each leaf of as (NULL: the hypervisor's), shared mappings included; for the self-test.
 */
int aspace_walk(struct aspace *as, int (*fn)(void *ctx, u64 va, u64 size, paddr_t pa, u32 prot),
		void *ctx);
