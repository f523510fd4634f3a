/*
 * Threads' stacks, each at the upper end of a slot of 64 KiB whose lower end is never mapped: running
 * over faults, and does not reach the next stack. Shared stacks are pages that are also in the direct
 * map; a VM's lie in granules of its own.
 */
#include "core/panic.h"
#include "mm/aspace_impl.h"
#include "mm/kmap.h"
#include "mm/kmap_lock.h"
#include "mm/kspace.h"
#include "mm/shootdown.h"

#define PROT_STACK (PTAB_R | PTAB_W)
#define KSTACKS    4096
static_assert(KSTACKS *STACK_SLOT <= KMAP_STACK_SIZE, "shared stacks fit into their area");
static_assert(VM_STACKS *STACK_SLOT <= VM_STACK_SIZE, "a VM's stacks fit into their area");

static u64 kstacks[BITMAP_WORDS(KSTACKS)]; /* kmap_lock: slots in use */

static bool size_ok(size_t size)
{
	return size && size <= STACK_MAX && !(size & PAGE_MASK);
}

/* The lowest address of a stack of that size in slot i. */
static u64 stack_va(u64 base, u64 i, size_t size)
{
	return base + (i + 1) * STACK_SLOT - size;
}

static u32 order_of(size_t size)
{
	u32 order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

static void *shared_alloc(size_t size)
{
	void *pages = page_alloc(order_of(size));
	u64 va = 0;
	u32 i;

	if (!pages)
		return NULL;
	spin_lock(&kmap_lock);
	i = bitmap_find_clear(kstacks, KSTACKS);
	if (i < KSTACKS) {
		va = stack_va(KMAP_STACK_BASE, i, size);
		if (ptab_map(kspace_ptab(), va, virt_to_phys(pages), size,
			     PROT_STACK | PTAB_GLOBAL) == 0)
			bitmap_set(kstacks, i);
		else /* short of a table: no leaf was made, for a slot lies under one table */
			va = 0;
	}
	spin_unlock(&kmap_lock);
	if (!va)
		page_free(pages, order_of(size));
	return (void *)va;
}

static void shared_free(void *stack, size_t size)
{
	u64 va = (u64)stack;
	u32 i = (u32)((va - KMAP_STACK_BASE) / STACK_SLOT);
	struct ptab_leaf leaf;

	ASSERT(i < KSTACKS && va == stack_va(KMAP_STACK_BASE, i, size));
	spin_lock(&kmap_lock);
	ASSERT(bitmap_test(kstacks, i) && ptab_lookup(kspace_ptab(), va, &leaf) == 0);
	ASSERT(ptab_unmap(kspace_ptab(), va, size) == 0);
	spin_unlock(&kmap_lock);
	shootdown_all(va, size);
	spin_lock(&kmap_lock);
	bitmap_clear(kstacks, i);
	spin_unlock(&kmap_lock);
	page_free(phys_to_virt(leaf.pa), order_of(size));
}

/* Physical memory behind slot i, 0 when there is none. lock. */
static u64 slot_memory(struct aspace *as, u32 i)
{
	paddr_t *g = &as->stack_granules[i / STACKS_PER_GRANULE];

	if (!g->v && granule_alloc(as->owner, 1, 1, g))
		return 0;
	return g->v + i % STACKS_PER_GRANULE * STACK_SLOT;
}

static void *private_alloc(struct aspace *as, size_t size)
{
	u64 va = 0, pa;
	u32 i;

	spin_lock(&as->lock);
	i = bitmap_find_clear(as->stacks, VM_STACKS);
	pa = i < VM_STACKS ? slot_memory(as, i) : 0;
	if (pa) {
		va = stack_va(VM_STACK_BASE, i, size);
		if (ptab_map(&as->pt, va, PADDR(pa + STACK_SLOT - size), size, PROT_STACK) == 0)
			bitmap_set(as->stacks, i);
		else /* as in shared_alloc() */
			va = 0;
	}
	spin_unlock(&as->lock);
	return (void *)va;
}

static void private_free(struct aspace *as, void *stack, size_t size)
{
	u64 va = (u64)stack;
	u32 i = (u32)((va - VM_STACK_BASE) / STACK_SLOT);

	ASSERT(i < VM_STACKS && va == stack_va(VM_STACK_BASE, i, size));
	spin_lock(&as->lock);
	ASSERT(bitmap_test(as->stacks, i));
	ASSERT(ptab_unmap(&as->pt, va, size) == 0);
	spin_unlock(&as->lock);
	aspace_flush(as);
	spin_lock(&as->lock);
	bitmap_clear(as->stacks, i);
	spin_unlock(&as->lock);
}

void *aspace_stack_alloc(struct aspace *as, size_t size)
{
	if (!size_ok(size))
		return NULL;
	return as ? private_alloc(as, size) : shared_alloc(size);
}

void aspace_stack_free(struct aspace *as, void *stack, size_t size)
{
	ASSERT(size_ok(size));
	if (as)
		private_free(as, stack, size);
	else
		shared_free(stack, size);
}
