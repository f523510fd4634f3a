/*
 * Heaps: random use with every byte of every block watched, on the page allocator's backing and on
 * one like a VM's, where chunks lie side by side in address space and apart in memory.
 *
 * sources: mm/heap.c arch/lock.c tests/host/fake_mm.c
 */
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/heap_backing.h"
#include "mm/page.h"
#include "tests/host/fake_mm.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

void *aligned_alloc(size_t align, size_t size);
void free(void *p);

#define CHUNK   (2 * MIB)
#define SLOTS   24
#define FAKE_PA 0x40000000ULL

u32 cpu_id(void)
{
	return 0;
}

/* --- a backing like a VM's: a row of chunks, whose physical addresses go backward ------------------ */
struct row {
	u8 *base;
	u32 run[SLOTS]; /* chunks of the piece that begins here */
	bool used[SLOTS];
	bool usable;
	int gets, puts;
};

static void *row_get(void *ctx, u32 count)
{
	struct row *r = ctx;

	for (u32 i = 0; i + count <= SLOTS; i++) {
		u32 n = 0;

		while (n < count && !r->used[i + n])
			n++;
		if (n < count)
			continue;
		for (u32 k = i; k < i + count; k++)
			r->used[k] = true;
		r->run[i] = count;
		r->gets++;
		return memset(r->base + i * CHUNK, 0, count * CHUNK);
	}
	return NULL;
}

static void row_put(void *ctx, void *chunk)
{
	struct row *r = ctx;
	u32 i = (u32)(((u8 *)chunk - r->base) / CHUNK);

	CHECK(i < SLOTS && r->run[i]);
	for (u32 k = i; k < i + r->run[i]; k++)
		r->used[k] = false;
	r->run[i] = 0;
	r->puts++;
}

static u32 row_count(void *ctx, const void *chunk)
{
	struct row *r = ctx;

	return r->run[((const u8 *)chunk - r->base) / CHUNK];
}

static paddr_t row_phys(void *ctx, const void *p)
{
	struct row *r = ctx;
	u64 off = (u64)((const u8 *)p - r->base);

	return PADDR(FAKE_PA - off / CHUNK * CHUNK + off % CHUNK);
}

static bool row_usable(void *ctx)
{
	return ((struct row *)ctx)->usable;
}

static const struct heap_backing row_backing = {
	.get = row_get, .put = row_put, .count = row_count, .phys = row_phys, .usable = row_usable
};

static struct row row;

static void kheap_begin(void)
{
	static bool done;

	if (!done)
		kheap_init();
	done = true;
}

static struct heap *row_heap(u64 limit)
{
	kheap_begin();
	row = (struct row){ .base = aligned_alloc(CHUNK, SLOTS * CHUNK), .usable = true };
	return heap_create(&row_backing, &row, limit);
}

static void row_end(struct heap *h)
{
	heap_destroy(h);
	free(row.base);
	row.base = NULL;
}

/* --- blocks ------------------------------------------------------------------------------------------------- */
#define BLOCKS 700

struct block {
	u8 *p;
	u64 size;
	u8 fill;
};

static struct block blocks[BLOCKS];

static bool filled(const u8 *p, u64 size, u8 byte)
{
	return !size || (p[0] == byte && memcmp(p, p + 1, size - 1) == 0);
}

static u64 random_size(void)
{
	switch (rand_below(16)) {
	case 0:
		return 1 + rand_below(64 * KIB);
	case 1:
		return 1 + rand_below(8 * KIB);
	case 2:
		return rand_below(20) ? 4096 : 1 + rand_below(5 * MIB);
	default:
		return 1 + rand_below(3000);
	}
}

static bool physically_contiguous(struct heap *h, const u8 *p, u64 size)
{
	u64 pa = heap_phys(h, p).v;

	for (u64 off = 0; off < size; off += PAGE_SIZE)
		if (heap_phys(h, p + off).v != pa + off)
			return false;
	return true;
}

static void block_alloc(struct heap *h, struct block *b)
{
	static const u16 aligns[] = { 0, 1, 16, 64, 128, 512, 4096 };
	size_t align = aligns[rand_below(ARRAY_LEN(aligns))];

	*b = (struct block){ .size = random_size(), .fill = (u8)(1 + rand_below(255)) };
	b->p = heap_alloc(h, b->size, align);
	if (!b->p)
		return;
	CHECK_EQ((u64)b->p % (align ? align : 16), 0);
	CHECK(filled(b->p, b->size, 0));
	if (align == 4096 && b->size <= 2 * MIB)
		CHECK(physically_contiguous(h, b->p, b->size));
	memset(b->p, b->fill, b->size);
}

static void block_free(struct heap *h, struct block *b)
{
	CHECK(filled(b->p, b->size, b->fill));
	heap_free(h, b->p);
	b->p = NULL;
}

static u64 churn(struct heap *h, int rounds)
{
	u64 failed = 0;

	for (int i = 0; i < rounds; i++) {
		struct block *b = &blocks[rand_below(BLOCKS)];
		u64 bytes = 0;

		if (b->p) {
			block_free(h, b);
		} else {
			block_alloc(h, b);
			failed += !b->p;
		}
		if (i % 512)
			continue;
		for (int k = 0; k < BLOCKS; k++)
			bytes += blocks[k].p ? blocks[k].size : 0;
		CHECK(heap_used(h) >= bytes);
	}
	for (int i = 0; i < BLOCKS; i++)
		if (blocks[i].p)
			block_free(h, &blocks[i]);
	CHECK_EQ(heap_used(h), 0);
	return failed;
}

TEST(random_use)
{
	struct heap *h = row_heap(SLOTS * CHUNK);

	churn(h, 40000);
	/* Chunks go back, but for a spare one. */
	CHECK(row.gets - row.puts <= 1);
	CHECK(row.gets > row.puts);
	row_end(h);
}

TEST(random_use_at_the_limit)
{
	struct heap *h = row_heap(1 * MIB);
	u64 failed = churn(h, 20000);

	CHECK(failed > 100);
	row_end(h);
}

TEST(limit_is_kept)
{
	struct heap *h = row_heap(1 * MIB);
	u64 n = 0;

	CHECK(!heap_alloc(h, 1 * MIB + 1, 0));
	CHECK(!heap_alloc(h, ~0ULL, 0));
	CHECK(!heap_alloc(h, ~0ULL - PAGE_SIZE, 4096));
	CHECK(!heap_alloc(h, 0, 0));
	CHECK_EQ(row.gets, 0);
	while (heap_alloc(h, 1024, 0))
		n++;
	CHECK_EQ(n, 1024);
	CHECK_EQ(heap_used(h), 1 * MIB);
	CHECK(!heap_alloc(h, 1, 0));
	row_end(h);
}

/* Blocks of a chunk and more: contiguous up to 2 MiB, one stretch of addresses beyond. */
TEST(huge_blocks)
{
	struct heap *h = row_heap(20 * CHUNK);
	u8 *a = heap_alloc(h, 2 * MIB, 4096);
	u8 *b = heap_alloc(h, 5 * MIB, 0);

	CHECK(a && b);
	CHECK(physically_contiguous(h, a, 2 * MIB));
	CHECK_EQ(heap_used(h), CHUNK + 3 * CHUNK);
	memset(a, 1, 2 * MIB);
	memset(b, 2, 5 * MIB);
	CHECK(filled(a, 2 * MIB, 1));
	CHECK(!heap_alloc(h, 40 * MIB, 0));
	CHECK_EQ(heap_used(h), CHUNK + 3 * CHUNK);
	heap_free(h, b);
	heap_free(h, a);
	CHECK_EQ(row.puts, 2);
	CHECK_EQ(heap_used(h), 0);
	row_end(h);
}

TEST(bugs_panic)
{
	struct heap *h = row_heap(CHUNK * 4);
	struct heap *other = heap_create(&row_backing, &row, CHUNK);
	u8 *small = heap_alloc(h, 40, 0), *pages = heap_alloc(h, 8192, 0);
	u8 *huge = heap_alloc(h, 2 * MIB, 0);
	u8 *keep = heap_alloc(h, 40, 0);

	CHECK(small && pages && huge && keep);
	CHECK_PANIC(heap_free(h, small + 8));
	CHECK_PANIC(heap_free(h, small + 48 * 2)); /* was never handed out */
	CHECK_PANIC(heap_free(h, pages + 16));
	CHECK_PANIC(heap_free(h, pages + 4096));
	CHECK_PANIC(heap_free(h, pages + 8192)); /* a free page */
	CHECK_PANIC(heap_free(other, small));
	CHECK_PANIC(heap_free(h, (u8 *)ALIGN_DOWN((u64)small, CHUNK) + 16)); /* the chunk's head */
	CHECK_PANIC(heap_free(h, row.base + 7 * CHUNK));                     /* no chunk */
	CHECK_PANIC(keep = heap_alloc(h, 16, 8192));
	CHECK_PANIC(keep = heap_alloc(h, 16, 48));
	row.usable = false;
	CHECK_PANIC(heap_free(h, small));
	CHECK_PANIC(keep = heap_alloc(h, 16, 0));
	row.usable = true;
	heap_free(h, small);
	CHECK_PANIC(heap_free(h, small));
	heap_free(h, pages);
	CHECK_PANIC(heap_free(h, pages));
	heap_free(h, huge);
	CHECK_PANIC(heap_free(h, huge));
	heap_free(h, NULL);
	heap_free(h, keep);
	heap_destroy(other);
	row_end(h);
}

/* The hypervisor's own heap, on the page allocator; and with no memory left. */
TEST(kernel_heap)
{
	u64 before;
	u8 *a, *b;

	kheap_begin();
	kfree(kalloc(1));
	before = fake_pages; /* the spare chunk */
	CHECK_EQ(before, 512);
	a = kalloc(100);
	CHECK(a && filled(a, 100, 0));
	CHECK_EQ(fake_pages, before);
	b = kalloc(2 * MIB);
	CHECK(b && filled(b, 2 * MIB, 0));
	CHECK(!kalloc(2 * MIB + 1));
	fake_pages_left = 0;
	CHECK(!kalloc(2 * MIB));
	CHECK(!kalloc(1 * MIB + 900 * KIB + 100 * KIB));
	u8 *c = kalloc(200);
	CHECK(c != NULL); /* fits beside a */
	fake_pages_left = -1;
	memset(a, 7, 100);
	kfree(a);
	kfree(c);
	a = kalloc(100);
	CHECK(filled(a, 100, 0));
	kfree(a);
	kfree(b);
	CHECK_EQ(fake_pages, before);
}
