/*
 * Heaps. A heap takes chunks of 2 MiB from its backing; a chunk begins with a description of each of
 * its pages. Small blocks share pages by size class, larger ones are runs of pages, and what does
 * not fit in a chunk gets chunks of its own. Nothing is kept beside a block: what is free and what is
 * handed out is in the descriptions, which an overrun does not reach first, and which tell a
 * block freed twice or an address that never was one. Free memory holds zeroes.
 */
#include "mm/heap.h"

#include "arch/lock.h"
#include "core/panic.h"
#include "lib/bitmap.h"
#include "lib/list.h"
#include "lib/string.h"
#include "mm/fault.h"
#include "mm/heap_backing.h"
#include "mm/page.h"

#define CHUNK_SIZE  GRANULE_SIZE
#define CHUNK_PAGES ((u32)(CHUNK_SIZE / PAGE_SIZE))
#define CHUNK_MAGIC 0x68656170u
#define HEAD_PAGES  8u /* of a chunk: struct chunk */
#define DATA_PAGES  (CHUNK_PAGES - HEAD_PAGES)
#define SLAB_BLOCKS 256 /* at most, in a page: of the smallest class */
#define ALIGN_MIN   16

/* Multiples of 16 that fill a page well; a block's alignment is the largest power of 2 in its class. */
static const u16 classes[] = { 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1360, 2048 };
#define CLASSES ARRAY_LEN(classes)

enum page_kind { PAGE_FREE, PAGE_SLAB, PAGE_RUN, PAGE_RUN_REST };

struct page_desc {
	struct list node;                     /* PAGE_SLAB with a free block: in heap->slabs[] */
	u8 kind;                              /* enum page_kind */
	u8 class;                             /* PAGE_SLAB */
	u16 used;                             /* PAGE_SLAB: blocks handed out; PAGE_RUN: pages */
	u64 taken[BITMAP_WORDS(SLAB_BLOCKS)]; /* PAGE_SLAB: by block */
};

struct chunk {
	u32 magic;
	u32 free; /* pages */
	struct heap *heap;
	struct list node;
	u64 taken[BITMAP_WORDS(CHUNK_PAGES)]; /* pages in use, these first ones included */
	struct page_desc pages[CHUNK_PAGES];
};
static_assert(sizeof(struct chunk) <= HEAD_PAGES * PAGE_SIZE, "a chunk's head fits in its pages");

struct heap {
	struct spinlock lock;               /* RANK_HEAP: all below and the chunks' heads */
	const struct heap_backing *backing; /* const */
	void *ctx;                          /* const */
	u64 limit;                          /* const: bytes that may be handed out */
	u64 used;
	struct list chunks;
	struct chunk *spare; /* the one chunk that is kept though all of it is free */
	struct list slabs[CLASSES];
};

static void heap_init(struct heap *h, const struct heap_backing *backing, void *ctx, u64 limit)
{
	*h = (struct heap){ .backing = backing, .ctx = ctx, .limit = limit };
	spin_init(&h->lock, RANK_HEAP, "heap");
	list_init(&h->chunks);
	for (u32 i = 0; i < CLASSES; i++)
		list_init(&h->slabs[i]);
}

static struct chunk *chunk_of(const void *p)
{
	return (struct chunk *)ALIGN_DOWN((u64)p, CHUNK_SIZE);
}

static u8 *page_at(struct chunk *c, u32 i)
{
	return (u8 *)c + i * PAGE_SIZE;
}

static struct page_desc *desc_of(const void *p)
{
	return &chunk_of(p)->pages[(u64)p % CHUNK_SIZE / PAGE_SIZE];
}

static u8 *page_of(struct page_desc *d)
{
	struct chunk *c = chunk_of(d);

	return page_at(c, (u32)(d - c->pages));
}

static u32 slab_blocks(u8 class)
{
	return (u32)PAGE_SIZE / classes[class];
}

/* The smallest class for that size and alignment, or CLASSES. */
static u8 class_for(size_t size, size_t align)
{
	u8 i = 0;

	while (i < CLASSES && (classes[i] < size || classes[i] % align))
		i++;
	return i;
}

/* Another chunk for h. Without h's lock. */
static bool chunk_add(struct heap *h)
{
	struct chunk *c = h->backing->get(h->ctx, 1);

	if (!c)
		return false;
	c->magic = CHUNK_MAGIC;
	c->free = DATA_PAGES;
	c->heap = h;
	for (u32 i = 0; i < HEAD_PAGES; i++)
		bitmap_set(c->taken, i);
	spin_lock(&h->lock);
	list_add_tail(&h->chunks, &c->node);
	spin_unlock(&h->lock);
	return true;
}

/* n contiguous pages, described as kind; NULL when no chunk has them. lock. */
static struct page_desc *run_take(struct heap *h, u32 n, enum page_kind kind)
{
	list_for_each(pos, &h->chunks) {
		struct chunk *c = list_entry(pos, struct chunk, node);
		u32 first;

		if (c->free < n)
			continue;
		first = bitmap_find_clear_run(c->taken, CHUNK_PAGES, n);
		if (first == CHUNK_PAGES)
			continue;
		for (u32 i = first; i < first + n; i++) {
			bitmap_set(c->taken, i);
			c->pages[i].kind = PAGE_RUN_REST;
		}
		c->pages[first].kind = (u8)kind;
		c->free -= n;
		if (h->spare == c)
			h->spare = NULL;
		return &c->pages[first];
	}
	return NULL;
}

/* Frees n pages. Returns the chunk when it is to go back to the backing. lock. */
static struct chunk *run_drop(struct heap *h, struct page_desc *d, u32 n)
{
	struct chunk *c = chunk_of(d);
	u32 first = (u32)(d - c->pages);

	memset(d, 0, n * sizeof(*d));
	for (u32 i = first; i < first + n; i++)
		bitmap_clear(c->taken, i);
	c->free += n;
	if (c->free < DATA_PAGES)
		return NULL;
	if (!h->spare) {
		h->spare = c;
		return NULL;
	}
	list_del(&c->node);
	c->magic = 0;
	return c;
}

static void *slab_alloc(struct heap *h, u8 class)
{
	struct page_desc *d;
	u32 i;

	if (list_empty(&h->slabs[class])) {
		d = run_take(h, 1, PAGE_SLAB);
		if (!d)
			return NULL;
		d->class = class;
		list_add(&h->slabs[class], &d->node);
	}
	d = list_entry(h->slabs[class].next, struct page_desc, node);
	i = bitmap_find_clear(d->taken, slab_blocks(class));
	bitmap_set(d->taken, i);
	if (++d->used == slab_blocks(class))
		list_del(&d->node);
	h->used += classes[class];
	return page_of(d) + i * classes[class];
}

static struct chunk *slab_free(struct heap *h, struct page_desc *d, u8 *p)
{
	u16 size = classes[d->class];
	u32 i = (u32)(p - page_of(d)) / size;

	/* An address inside a block, or of a block that is not handed out, is a bug of the caller's. */
	ASSERT((p - page_of(d)) % size == 0 && i < slab_blocks(d->class));
	ASSERT(bitmap_test(d->taken, i));
	memset(p, 0, size);
	bitmap_clear(d->taken, i);
	h->used -= size;
	if (d->used-- == slab_blocks(d->class))
		list_add(&h->slabs[d->class], &d->node);
	if (d->used)
		return NULL;
	list_del(&d->node);
	return run_drop(h, d, 1);
}

static void *run_alloc(struct heap *h, size_t size)
{
	u32 n = (u32)(ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE);
	struct page_desc *d = run_take(h, n, PAGE_RUN);

	if (!d)
		return NULL;
	d->used = (u16)n;
	h->used += n * PAGE_SIZE;
	return page_of(d);
}

static struct chunk *run_free(struct heap *h, struct page_desc *d, u8 *p)
{
	u32 n = d->used;

	ASSERT(p == page_of(d));
	memset(p, 0, n * PAGE_SIZE);
	h->used -= n * PAGE_SIZE;
	return run_drop(h, d, n);
}

/* Blocks that do not fit in a chunk beside its head: whole chunks, told by their alignment. */
static void *huge_alloc(struct heap *h, size_t size)
{
	u64 n = ALIGN_UP(size, CHUNK_SIZE);
	bool fits;
	void *p;

	spin_lock(&h->lock);
	ASSERT(h->backing->usable(h->ctx));
	fits = n <= h->limit - h->used;
	if (fits)
		h->used += n;
	spin_unlock(&h->lock);
	if (!fits)
		return NULL;
	p = h->backing->get(h->ctx, (u32)(n / CHUNK_SIZE));
	if (!p) {
		spin_lock(&h->lock);
		h->used -= n;
		spin_unlock(&h->lock);
	}
	return p;
}

static void huge_free(struct heap *h, void *p)
{
	u64 n = h->backing->count(h->ctx, p) * CHUNK_SIZE;

	ASSERT(n);
	spin_lock(&h->lock);
	ASSERT(h->used >= n);
	h->used -= n;
	spin_unlock(&h->lock);
	h->backing->put(h->ctx, p);
}

void *heap_alloc(struct heap *h, size_t size, size_t align)
{
	u8 class = class_for(size, align ? align : ALIGN_MIN);
	u64 bytes = class < CLASSES ? classes[class] : ALIGN_UP(size, PAGE_SIZE);
	bool fits;
	void *p;

	ASSERT(align <= PAGE_SIZE && !(align & (align - 1)));
	if (!size || size > h->limit || fault_hits())
		return NULL;
	if (bytes > DATA_PAGES * PAGE_SIZE)
		return huge_alloc(h, size);
	do {
		spin_lock(&h->lock);
		ASSERT(h->backing->usable(h->ctx));
		fits = bytes <= h->limit - h->used;
		p = NULL;
		if (fits)
			p = class < CLASSES ? slab_alloc(h, class) : run_alloc(h, size);
		spin_unlock(&h->lock);
	} while (!p && fits && chunk_add(h));
	return p;
}

void heap_free(struct heap *h, void *p)
{
	struct chunk *drop;
	struct page_desc *d;

	if (!p)
		return;
	if (!((u64)p % CHUNK_SIZE)) {
		huge_free(h, p);
		return;
	}
	spin_lock(&h->lock);
	ASSERT(h->backing->usable(h->ctx));
	ASSERT(chunk_of(p)->magic == CHUNK_MAGIC && chunk_of(p)->heap == h);
	d = desc_of(p);
	ASSERT(d->kind == PAGE_SLAB || d->kind == PAGE_RUN);
	drop = d->kind == PAGE_SLAB ? slab_free(h, d, p) : run_free(h, d, p);
	spin_unlock(&h->lock);
	if (drop)
		h->backing->put(h->ctx, drop);
}

paddr_t heap_phys(const struct heap *h, const void *p)
{
	return h->backing->phys(h->ctx, p);
}

u64 heap_used(const struct heap *h)
{
	return h->used;
}

struct heap *heap_create(const struct heap_backing *backing, void *ctx, u64 limit)
{
	struct heap *h = kalloc(sizeof(*h));

	if (h)
		heap_init(h, backing, ctx, limit);
	return h;
}

void heap_destroy(struct heap *h)
{
	kfree(h);
}

/* The hypervisor's heap: chunks are blocks of the page allocator's largest order. */
static void *kheap_get(void *ctx, u32 count)
{
	(void)ctx;
	return count == 1 ? page_alloc(PAGE_ORDER_MAX) : NULL;
}

static void kheap_put(void *ctx, void *chunk)
{
	(void)ctx;
	page_free(chunk, PAGE_ORDER_MAX);
}

static u32 kheap_count(void *ctx, const void *chunk)
{
	(void)ctx;
	(void)chunk;
	return 1;
}

static paddr_t kheap_phys(void *ctx, const void *p)
{
	(void)ctx;
	return virt_to_phys(p);
}

static bool kheap_usable(void *ctx)
{
	(void)ctx;
	return true;
}

static const struct heap_backing kheap_backing = {
	.get = kheap_get,
	.put = kheap_put,
	.count = kheap_count,
	.phys = kheap_phys,
	.usable = kheap_usable,
};

static struct heap kheap;

void kheap_init(void)
{
	heap_init(&kheap, &kheap_backing, NULL, ~0ULL);
}

u64 kheap_used(void)
{
	return kheap.used;
}

void *kalloc(size_t size)
{
	return heap_alloc(&kheap, size, 0);
}

void kfree(void *p)
{
	heap_free(&kheap, p);
}
