/*
 * Threads' stacks, each at the upper end of a slot of 64 KiB whose lower end is never mapped: running
 * over faults, and does not reach the next stack. Its shadow stack is the slot's second page. Shared stacks are pages that are also in the direct
 * map; a VM's lie in granules of its own.
 */
#include "arch/feature.h"
#include "arch/shstk.h"
#include "core/panic.h"
#include "mm/aspace_impl.h"
#include "mm/kmap.h"
#include "mm/kmap_lock.h"
#include "mm/kspace.h"
#include "mm/shootdown.h"

#define PROT_STACK  (PTAB_R | PTAB_W)
#define PROT_SHADOW (PTAB_R | PTAB_SHADOW)
#define KSTACKS     4096
static_assert(STACK_SLOT == SHSTK_SLOT && STACK_SHADOW + PAGE_SIZE - 8 == SHSTK_TOP,
	      "arch/shstk.h");
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

/* Maps a stack at va, and its shadow stack where there is memory for one (not 0). Locked. */
static bool map_stack(struct ptab *pt, u64 va, u64 pa, size_t size, u64 shadow, u32 flags)
{
	/* Short of a table no leaf is made, for a slot lies under one table. */
	if (ptab_map(pt, va, PADDR(pa), size, PROT_STACK | flags))
		return false;
	if (shadow)
		ASSERT(ptab_map(pt, ALIGN_DOWN(va, STACK_SLOT) + STACK_SHADOW, PADDR(shadow),
				PAGE_SIZE, PROT_SHADOW | flags) == 0);
	return true;
}

static void unmap_stack(struct ptab *pt, u64 va, size_t size)
{
	ASSERT(ptab_unmap(pt, va, size) == 0);
	if (cpu_has(CPU_SHSTK))
		ASSERT(ptab_unmap(pt, ALIGN_DOWN(va, STACK_SLOT) + STACK_SHADOW, PAGE_SIZE) == 0);
}

/* In the word that no shadow stack uses. */
static void put_token(u64 *shadow, u64 slot)
{
	/* For an interrupt stack: the token's own address, not busy (SDM: supervisor shadow-stack token). */
	shadow[PAGE_SIZE / sizeof(u64) - 1] = slot + SHSTK_TOP;
}

static u64 map_shared(void *pages, void *shadow, size_t size)
{
	u64 va = 0;
	u32 i;

	spin_lock(&kmap_lock);
	i = bitmap_find_clear(kstacks, KSTACKS);
	if (i < KSTACKS) {
		va = stack_va(KMAP_STACK_BASE, i, size);
		if (shadow)
			put_token(shadow, ALIGN_DOWN(va, STACK_SLOT));
		if (map_stack(kspace_ptab(), va, virt_to_phys(pages).v, size,
			      shadow ? virt_to_phys(shadow).v : 0, PTAB_GLOBAL))
			bitmap_set(kstacks, i);
		else
			va = 0;
	}
	spin_unlock(&kmap_lock);
	return va;
}

static void *shared_alloc(size_t size)
{
	void *pages = page_alloc(order_of(size));
	void *shadow = cpu_has(CPU_SHSTK) ? page_alloc(0) : NULL;
	u64 va = 0;

	if (pages && (shadow || !cpu_has(CPU_SHSTK)))
		va = map_shared(pages, shadow, size);
	if (va)
		return (void *)va;
	if (pages)
		page_free(pages, order_of(size));
	if (shadow)
		page_free(shadow, 0);
	return NULL;
}

/* The page behind va, which is mapped. */
static void *page_behind(u64 va)
{
	struct ptab_leaf leaf;

	ASSERT(ptab_lookup(kspace_ptab(), va, &leaf) == 0);
	return phys_to_virt(PADDR(leaf.pa.v + (va - leaf.va)));
}

static void shared_free(void *stack, size_t size)
{
	u64 va = (u64)stack, slot = ALIGN_DOWN(va, STACK_SLOT);
	u32 i = (u32)((va - KMAP_STACK_BASE) / STACK_SLOT);
	void *pages, *shadow;

	ASSERT(i < KSTACKS && va == stack_va(KMAP_STACK_BASE, i, size));
	spin_lock(&kmap_lock);
	ASSERT(bitmap_test(kstacks, i));
	pages = page_behind(va);
	shadow = cpu_has(CPU_SHSTK) ? page_behind(slot + STACK_SHADOW) : NULL;
	unmap_stack(kspace_ptab(), va, size);
	spin_unlock(&kmap_lock);
	shootdown_all(slot, STACK_SLOT);
	spin_lock(&kmap_lock);
	bitmap_clear(kstacks, i);
	spin_unlock(&kmap_lock);
	page_free(pages, order_of(size));
	if (shadow)
		page_free(shadow, 0);
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
		if (map_stack(&as->pt, va, pa + STACK_SLOT - size, size,
			      cpu_has(CPU_SHSTK) ? pa + STACK_SHADOW : 0, 0))
			bitmap_set(as->stacks, i);
		else
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
	unmap_stack(&as->pt, va, size);
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
