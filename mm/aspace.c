/*
 * A VM's address space: its top-level table has the shared entries of the hypervisor's and, private,
 * the window onto its RAM, its heap and its threads' stacks. What backs heap and stacks are granules
 * that the VM owns, so that they are mapped here and nowhere else.
 */
#include "mm/aspace.h"

#include "arch/cpu.h"
#include "core/panic.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/aspace_impl.h"
#include "mm/context.h"
#include "mm/heap_backing.h"
#include "mm/kspace.h"
#include "mm/shootdown.h"

#define PROT_WINDOW (PTAB_R | PTAB_W | PTAB_USER)
#define PROT_HEAP   (PTAB_R | PTAB_W)

static u64 last_id;

static u64 slot_va(u64 i)
{
	return VM_HEAP_BASE + i * GRANULE_SIZE;
}

/* The slot that p lies in, or slot_count. */
static u64 slot_of(const struct aspace *as, const void *p)
{
	u64 i = ((u64)p - VM_HEAP_BASE) / GRANULE_SIZE;

	return MIN(i, as->slot_count);
}

/* The first of count free slots, or slot_count. lock. */
static u32 slots_find(const struct aspace *as, u32 count)
{
	u32 run = 0;

	for (u32 i = 0; i < as->slot_count; i++) {
		run = as->slots[i].pa.v ? 0 : run + 1;
		if (run == count)
			return i + 1 - count;
	}
	return as->slot_count;
}

static int slot_fill(struct aspace *as, u32 i)
{
	paddr_t pa;
	int err = granule_alloc(as->owner, 1, 1, &pa);

	if (err)
		return err;
	err = ptab_map(&as->pt, slot_va(i), pa, GRANULE_SIZE, PROT_HEAP);
	if (err)
		granule_free(pa, 1);
	else
		as->slots[i] = (struct heap_slot){ .pa = pa };
	return err;
}

/* Unmaps count slots from first on and frees what is in them. */
static void slots_drop(struct aspace *as, u32 first, u32 count)
{
	spin_lock(&as->lock);
	/* Whole leaves: nothing is split, so it cannot fail. */
	ASSERT(ptab_unmap(&as->pt, slot_va(first), count * GRANULE_SIZE) == 0);
	spin_unlock(&as->lock);
	aspace_flush(as);
	for (u32 i = first; i < first + count; i++)
		granule_free(as->slots[i].pa, 1);
	spin_lock(&as->lock);
	for (u32 i = first; i < first + count; i++)
		as->slots[i] = (struct heap_slot){ 0 };
	spin_unlock(&as->lock);
}

static void *heap_get(void *ctx, u32 count)
{
	struct aspace *as = ctx;
	u32 first, i;

	spin_lock(&as->lock);
	first = slots_find(as, count);
	i = first;
	while (first != as->slot_count && i < first + count && slot_fill(as, i) == 0)
		i++;
	if (first != as->slot_count)
		as->slots[first].run = i - first;
	spin_unlock(&as->lock);
	if (first == as->slot_count)
		return NULL;
	if (i < first + count) {
		if (i > first)
			slots_drop(as, first, i - first);
		return NULL;
	}
	return (void *)slot_va(first);
}

static void heap_put(void *ctx, void *chunk)
{
	struct aspace *as = ctx;
	u64 i = slot_of(as, chunk);

	ASSERT(i < as->slot_count && as->slots[i].run);
	slots_drop(as, (u32)i, as->slots[i].run);
}

static u32 heap_count(void *ctx, const void *chunk)
{
	const struct aspace *as = ctx;
	u64 i = slot_of(as, chunk);

	return i < as->slot_count ? as->slots[i].run : 0;
}

static paddr_t heap_pa(void *ctx, const void *p)
{
	const struct aspace *as = ctx;
	u64 i = slot_of(as, p);

	ASSERT(i < as->slot_count && as->slots[i].pa.v);
	return PADDR(as->slots[i].pa.v + (u64)p % GRANULE_SIZE);
}

static bool heap_usable(void *ctx)
{
	return aspace_current() == ctx;
}

static const struct heap_backing vm_backing = {
	.get = heap_get,
	.put = heap_put,
	.count = heap_count,
	.phys = heap_pa,
	.usable = heap_usable,
};

static int fill(struct aspace *as, u64 heap_limit)
{
	u64 limit = MIN(heap_limit, VM_HEAP_SIZE / 2);

	/* The limit, its metadata (a 64th of each chunk) and what is lost at chunks' ends. */
	as->slot_count = (u32)((limit + limit / 32) / GRANULE_SIZE + 2);
	as->slots = kalloc(as->slot_count * sizeof(*as->slots));
	as->heap = heap_create(&vm_backing, as, limit);
	if (!as->slots || !as->heap)
		return -ENOMEM;
	return ptab_init(&as->pt, kspace_format());
}

struct aspace *aspace_create(owner_t owner, u64 heap_limit)
{
	struct aspace *as = kalloc(sizeof(*as));

	if (!as)
		return NULL;
	ASSERT(owner >= OWNER_VM);
	as->owner = owner;
	/* Ids need only differ; pairs with nothing. */
	as->id = atomic_fetch_add(&last_id, 1) + 1;
	spin_init(&as->lock, RANK_ASPACE, "aspace");
	if (fill(as, heap_limit)) {
		heap_destroy(as->heap);
		kfree(as->slots);
		kfree(as);
		return NULL;
	}
	as->root = virt_to_phys(as->pt.root);
	for (u64 i = SHARED_FIRST; i < PTAB_ENTRIES; i++)
		as->pt.root[i] = kspace_ptab()->root[i];
	return as;
}

void aspace_destroy(struct aspace *as)
{
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		ASSERT(!context_is_in(cpu, as));
	/* CPUs may still remember translations, but under a PCID that only this id would enter. */
	for (u32 i = 0; i < as->slot_count; i++)
		if (as->slots[i].pa.v)
			granule_free(as->slots[i].pa, 1);
	for (u32 i = 0; i < VM_STACK_GRANULES; i++)
		if (as->stack_granules[i].v)
			granule_free(as->stack_granules[i], 1);
	ptab_destroy(&as->pt, SHARED_FIRST);
	heap_destroy(as->heap);
	kfree(as->slots);
	kfree(as);
}

struct heap *aspace_heap(struct aspace *as)
{
	return as->heap;
}

owner_t aspace_owner(const struct aspace *as)
{
	return as->owner;
}

void aspace_flush(struct aspace *as)
{
	/* After the entries changed, before looking who is in as. Pairs with context.c's loads. */
	atomic_fetch_add(&as->generation, 1);
	shootdown_aspace(as);
}

static bool window_range_ok(gpa_t gpa, u64 len)
{
	return gpa.v <= WINDOW_SIZE && len <= WINDOW_SIZE - gpa.v;
}

int aspace_map_ram(struct aspace *as, gpa_t gpa, paddr_t pa, u64 len)
{
	int err;

	if (!window_range_ok(gpa, len) || pa.v + len < pa.v)
		return -EINVAL;
	for (u64 g = ALIGN_DOWN(pa.v, GRANULE_SIZE); g < pa.v + len; g += GRANULE_SIZE)
		if (granule_owner(PADDR(g)) != as->owner)
			return -EINVAL;
	spin_lock(&as->lock);
	err = ptab_map(&as->pt, WINDOW_BASE + gpa.v, pa, len, PROT_WINDOW);
	spin_unlock(&as->lock);
	return err;
}

int aspace_unmap_ram(struct aspace *as, gpa_t gpa, u64 len)
{
	int err;

	if (!window_range_ok(gpa, len))
		return -EINVAL;
	spin_lock(&as->lock);
	err = ptab_unmap(&as->pt, WINDOW_BASE + gpa.v, len);
	spin_unlock(&as->lock);
	aspace_flush(as);
	return err;
}

struct walk {
	int (*fn)(void *ctx, u64 va, u64 size, paddr_t pa, u32 prot);
	void *ctx;
};

static int walk_leaf(void *ctx, const struct ptab_leaf *leaf)
{
	const struct walk *w = ctx;

	return w->fn(w->ctx, leaf->va, leaf->size, leaf->pa, leaf->prot);
}

int aspace_walk(struct aspace *as, int (*fn)(void *ctx, u64 va, u64 size, paddr_t pa, u32 prot),
		void *ctx)
{
	struct walk w = { .fn = fn, .ctx = ctx };

	return ptab_walk(as ? &as->pt : kspace_ptab(), walk_leaf, &w);
}
