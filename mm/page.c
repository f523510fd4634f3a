/*
 * Pages out of the hypervisor's granules: a buddy allocator that never joins blocks beyond a
 * granule. A granule keeps the map of its pages in one page of its own; order 9 is a granule
 * without one. Free pages hold zeroes but for their list node, so pages are zeroed on being freed,
 * not when a secret in them is next handed out.
 */
#include "mm/page.h"

#include "arch/lock.h"
#include "core/panic.h"
#include "lib/bitmap.h"
#include "lib/list.h"
#include "lib/string.h"
#include "mm/fault.h"
#include "mm/granule.h"
#include "mm/memmap.h"
#include "mm/pagepool.h"

#define PAGES      (GRANULE_SIZE / PAGE_SIZE)
#define BUDDY_MAX  (PAGE_ORDER_MAX - 1) /* the page map takes a page of each granule */
#define MAP_MAGIC  0x70616765u
#define HEAD_FREE  0x10 /* + order, in head[]: first page of a free block */
#define HEAD_TAKEN 0x20 /* + order: first page of a block handed out */

/* A granule's aux: where its map is. */
#define AUX_NONE  0 /* none: no page of it was given to this allocator */
#define AUX_WHOLE 1 /* handed out as one block of order 9 */
#define AUX_MAP   2 /* + the page's number in the granule */

struct page_map {
	u32 magic;
	u16 free, total; /* pages */
	u8 head[PAGES];  /* 0: within a block, or not the allocator's */
};
static_assert(sizeof(struct page_map) <= PAGE_SIZE, "a map fits in a page");

static struct spinlock lock = SPINLOCK_INIT(RANK_PAGE, "pages");
static struct list blocks[BUDDY_MAX + 1]; /* lock: free blocks by order */
static struct page_map *spare; /* lock: the one granule that is kept though all of it is free */
static u64 pages_free;         /* lock */
static u64 pages_foreign;      /* const after boot: in granules that the hypervisor shares */

static paddr_t granule_of(const void *p)
{
	return PADDR(ALIGN_DOWN(virt_to_phys(p).v, GRANULE_SIZE));
}

static u32 index_of(const void *p)
{
	return (virt_to_phys(p).v & (GRANULE_SIZE - 1)) >> PAGE_SHIFT;
}

static void *page_of(paddr_t granule, u32 i)
{
	return phys_to_virt(PADDR(granule.v + i * PAGE_SIZE));
}

/* The map of the granule that p lies in; asserts that it has one. */
static struct page_map *map_of(const void *p)
{
	paddr_t g = granule_of(p);
	u16 aux = *granule_aux(g);
	struct page_map *m;

	ASSERT(aux >= AUX_MAP);
	m = page_of(g, aux - AUX_MAP);
	ASSERT(m->magic == MAP_MAGIC);
	return m;
}

/* True when the whole granule could go back: all but the map's page is free. */
static bool map_empty(const struct page_map *m)
{
	return m->free == m->total && m->total == PAGES - 1;
}

static void block_put(struct page_map *m, void *p, u32 order)
{
	m->head[index_of(p)] = (u8)(HEAD_FREE + order);
	list_add(&blocks[order], p);
}

static void block_take(struct page_map *m, void *p)
{
	m->head[index_of(p)] = 0;
	list_del(p);
	memset(p, 0, sizeof(struct list));
}

/* Puts a zeroed block on the lists, joined with its free neighbours. lock. */
static void block_free(struct page_map *m, u8 *p, u32 order)
{
	m->free += 1u << order;
	pages_free += 1u << order;
	for (; order < BUDDY_MAX; order++) {
		u64 size = PAGE_SIZE << order;
		u8 *buddy = index_of(p) & (1u << order) ? p - size : p + size;

		if (m->head[index_of(buddy)] != HEAD_FREE + order)
			break;
		block_take(m, buddy);
		p = MIN(p, buddy);
	}
	block_put(m, p, order);
}

/* A block of the order, or NULL. lock. */
static void *block_alloc(u32 order)
{
	u32 from = order;
	struct page_map *m;
	u8 *p;

	while (from <= BUDDY_MAX && list_empty(&blocks[from]))
		from++;
	if (from > BUDDY_MAX)
		return NULL;
	p = (u8 *)blocks[from].next;
	m = map_of(p);
	if (spare == m)
		spare = NULL;
	block_take(m, p);
	while (from-- > order)
		block_put(m, p + (PAGE_SIZE << from), from);
	m->head[index_of(p)] = (u8)(HEAD_TAKEN + order);
	m->free -= 1u << order;
	pages_free -= 1u << order;
	return p;
}

void pagepool_init(void)
{
	for (u32 i = 0; i < ARRAY_LEN(blocks); i++)
		list_init(&blocks[i]);
	spare = NULL;
	pages_free = 0;
	pages_foreign = 0;
}

void pagepool_add(paddr_t granule, const u64 *taken, u32 foreign)
{
	u32 at = bitmap_find_clear(taken, PAGES);
	struct page_map *m;

	pages_foreign += foreign;
	if (at == PAGES)
		return;
	m = page_of(granule, at);
	memset(m, 0, PAGE_SIZE);
	m->magic = MAP_MAGIC;
	*granule_aux(granule) = (u16)(AUX_MAP + at);
	spin_lock(&lock);
	for (u32 i = 0; i < PAGES; i++) {
		if (i == at || bitmap_test(taken, i))
			continue;
		m->total++;
		block_free(m, page_of(granule, i), 0);
	}
	spin_unlock(&lock);
}

/* Another granule for the lists. */
static bool grow(void)
{
	static const u64 none[BITMAP_WORDS(PAGES)];
	paddr_t g;

	if (granule_take(&g))
		return false;
	pagepool_add(g, none, 0);
	return true;
}

static void *whole_alloc(void)
{
	paddr_t g;

	if (granule_take(&g))
		return NULL;
	*granule_aux(g) = AUX_WHOLE;
	return phys_to_virt(g);
}

void *page_alloc(u32 order)
{
	void *p;

	ASSERT(order <= PAGE_ORDER_MAX);
	if (fault_hits())
		return NULL;
	if (order == PAGE_ORDER_MAX)
		return whole_alloc();
	do {
		spin_lock(&lock);
		p = block_alloc(order);
		spin_unlock(&lock);
	} while (!p && grow());
	return p;
}

static void whole_free(void *p)
{
	paddr_t g = granule_of(p);

	ASSERT(index_of(p) == 0 && *granule_aux(g) == AUX_WHOLE);
	*granule_aux(g) = AUX_NONE;
	granule_drop(g);
}

/* Takes a granule whose pages are all free off the lists. lock. */
static void map_remove(struct page_map *m)
{
	u8 *base = page_of(granule_of(m), 0);

	for (u32 i = 0; i < PAGES; i++)
		if (m->head[i])
			block_take(m, base + i * PAGE_SIZE);
	pages_free -= m->total;
	m->magic = 0;
}

void page_free(void *p, u32 order)
{
	struct page_map *m, *drop = NULL;

	ASSERT(order <= PAGE_ORDER_MAX);
	if (order == PAGE_ORDER_MAX) {
		whole_free(p);
		return;
	}
	m = map_of(p);
	/* The block is the caller's until it is on the lists, so its entry does not change. */
	ASSERT(!((u64)p & PAGE_MASK) && m->head[index_of(p)] == HEAD_TAKEN + order);
	memset(p, 0, PAGE_SIZE << order);
	spin_lock(&lock);
	ASSERT(m->head[index_of(p)] == HEAD_TAKEN + order);
	m->head[index_of(p)] = 0;
	block_free(m, p, order);
	if (map_empty(m)) {
		if (spare)
			drop = m;
		else
			spare = m;
	}
	if (drop)
		map_remove(drop);
	spin_unlock(&lock);
	if (drop) {
		paddr_t g = granule_of(drop);

		*granule_aux(g) = AUX_NONE;
		granule_drop(g);
	}
}

void page_stats(struct page_stats *s)
{
	*s = (struct page_stats){ .total = memmap_total() };
	granule_stats(&s->free, &s->hv, &s->vm);
	s->hv -= pages_foreign * PAGE_SIZE;
	spin_lock(&lock);
	s->hv_used = s->hv - pages_free * PAGE_SIZE;
	spin_unlock(&lock);
}
