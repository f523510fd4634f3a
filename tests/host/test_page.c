/*
 * Granules and pages. The machine's memory is a block of ours, of which only what the direct map
 * holds can be touched: a stray access, of the allocator too, ends the test.
 *
 * sources: mm/granule.c mm/page.c mm/memmap.c arch/lock.c
 */
#include "core/panic.h"
#include "lib/bootinfo.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/direct.h"
#include "mm/granule.h"
#include "mm/memmap.h"
#include "mm/page.h"
#include "mm/pagepool.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

void *mmap(void *at, size_t len, int prot, int flags, int fd, long offset);
int mprotect(void *p, size_t len, int prot);
enum { NO_ACCESS = 0, READ_WRITE = 3, PRIVATE_ANONYMOUS = 0x22 };

#define G      GRANULE_SIZE
#define MEMORY 24  /* granules */
#define PER_G  512 /* pages of a granule */

u64 host_phys_base;
static bool mapped[MEMORY];
static int zeroed[MEMORY];
static struct granule table[MEMORY];

paddr_t virt_to_phys(const void *va)
{
	return PADDR((u64)va - host_phys_base);
}

u32 cpu_id(void)
{
	return 0;
}

static u8 *memory(u64 g)
{
	return (u8 *)host_phys_base + g * G;
}

static void protect(u64 g, int prot)
{
	CHECK_EQ(mprotect(memory(g), G, prot), 0);
}

void direct_map(paddr_t pa)
{
	CHECK(!mapped[pa.v / G]);
	CHECK_EQ(granule_owner(pa), OWNER_HV);
	mapped[pa.v / G] = true;
	protect(pa.v / G, READ_WRITE);
}

void direct_unmap(paddr_t pa)
{
	CHECK(mapped[pa.v / G]);
	mapped[pa.v / G] = false;
	protect(pa.v / G, NO_ACCESS);
}

void granule_zero(paddr_t pa)
{
	/* Mapped nowhere, and belongs to someone: not free, where another could take it. */
	CHECK(!mapped[pa.v / G]);
	CHECK(granule_owner(pa) != OWNER_FREE);
	protect(pa.v / G, READ_WRITE);
	memset(memory(pa.v / G), 0, G);
	protect(pa.v / G, NO_ACCESS);
	zeroed[pa.v / G]++;
}

static bool all_zero(const void *p, u64 n)
{
	const u64 *w = p;

	for (u64 i = 0; i < n / 8; i++)
		if (w[i])
			return false;
	return true;
}

/* A granule's content, looked at past the protection. */
static bool granule_is_zero(u64 g)
{
	protect(g, READ_WRITE);
	bool zero = all_zero(memory(g), G);
	protect(g, mapped[g] ? READ_WRITE : NO_ACCESS);
	return zero;
}

/* Granule 0 reserved, all others free and full of what was there before. */
static void begin(void)
{
	if (!host_phys_base)
		host_phys_base = ALIGN_UP((u64)mmap(NULL, (MEMORY + 1) * G, READ_WRITE,
						    PRIVATE_ANONYMOUS, -1, 0),
					  G);
	CHECK_EQ(mprotect((void *)host_phys_base, MEMORY * G, READ_WRITE), 0);
	memset((void *)host_phys_base, 0xaa, MEMORY * G);
	memset(mapped, 0, sizeof(mapped));
	memset(zeroed, 0, sizeof(zeroed));
	memset(table, 0, sizeof(table));
	CHECK_EQ(mprotect((void *)host_phys_base, MEMORY * G, NO_ACCESS), 0);
	granule_init(table, MEMORY * G - PAGE_SIZE); /* rounded up */
	CHECK_EQ(granule_end(), MEMORY * G);
	for (u64 g = 1; g < MEMORY; g++)
		granule_set_owner(PADDR(g * G), OWNER_FREE);
	pagepool_init();
}

static u64 count_owner(owner_t owner)
{
	u64 n = 0;

	for (u64 g = 0; g < MEMORY; g++)
		n += granule_owner(PADDR(g * G)) == owner;
	return n;
}

/* --- granules --------------------------------------------------------------------------------------- */
TEST(granule_runs)
{
	paddr_t a, b, c;

	begin();
	CHECK_EQ(granule_alloc(OWNER_VM + 1, 0, 1, &a), -EINVAL);
	CHECK_EQ(granule_alloc(OWNER_VM + 1, 1, 3, &a), -EINVAL);
	CHECK_EQ(granule_alloc(OWNER_HV, 1, 1, &a), -EINVAL);
	CHECK_EQ(granule_alloc(OWNER_VM + 1, MEMORY, 1, &a), -ENOMEM);
	CHECK_EQ(granule_alloc(OWNER_VM + 1, 1ULL << 40, 1, &a), -ENOMEM);
	CHECK_EQ(count_owner(OWNER_FREE), MEMORY - 1);

	CHECK_EQ(granule_alloc(OWNER_VM + 1, 3, 4, &a), 0);
	CHECK_EQ(a.v % (4 * G), 0);
	for (u64 i = 0; i < 3; i++) {
		CHECK_EQ(granule_owner(PADDR(a.v + i * G)), OWNER_VM + 1);
		CHECK(granule_is_zero(a.v / G + i));
	}
	CHECK_EQ(count_owner(OWNER_VM + 1), 3);
	CHECK_EQ(granule_alloc(OWNER_VM + 2, 8, 8, &b), 0);
	CHECK_EQ(b.v % (8 * G), 0);
	CHECK_EQ(granule_alloc(OWNER_VM + 2, 16, 1, &c), -ENOMEM);
	CHECK_EQ(count_owner(OWNER_FREE), MEMORY - 1 - 11);
	/* Every single granule can be had, none twice. */
	while (granule_alloc(OWNER_VM + 3, 1, 1, &c) == 0)
		;
	CHECK_EQ(count_owner(OWNER_VM + 3), MEMORY - 1 - 11);
	CHECK_EQ(count_owner(OWNER_RESERVED), 1);
	CHECK_EQ(granule_owner(PADDR(0)), OWNER_RESERVED);
	CHECK_EQ(granule_owner(PADDR(MEMORY * G)), OWNER_RESERVED);
	CHECK_EQ(granule_owner(PADDR(~0ULL)), OWNER_RESERVED);

	/* What a VM left is gone before anybody else may take it, and is not cleared twice. */
	protect(a.v / G + 1, READ_WRITE);
	memset(memory(a.v / G + 1), 0x55, G);
	protect(a.v / G + 1, NO_ACCESS);
	granule_free(a, 3);
	CHECK(granule_is_zero(a.v / G + 1));
	CHECK_EQ(count_owner(OWNER_FREE), 3);
	int before = zeroed[a.v / G + 1];
	CHECK_EQ(granule_alloc(OWNER_VM + 4, 3, 1, &b), 0);
	CHECK_EQ(b.v, a.v);
	CHECK_EQ(zeroed[a.v / G + 1], before);
}

/* Between addresses: granules that lie there altogether, the highest first. */
TEST(granules_between_addresses)
{
	paddr_t a;

	begin();
	CHECK_EQ(granule_free_within(0, MEMORY * G), (MEMORY - 1) * G);
	CHECK_EQ(granule_free_within(3 * G, 8 * G), 5 * G);
	CHECK_EQ(granule_free_within(3 * G - 1, 8 * G + 1), 5 * G);
	CHECK_EQ(granule_free_within(3 * G + 1, 8 * G - 1), 3 * G);
	CHECK_EQ(granule_free_within(~0ULL - G, ~0ULL), 0);
	CHECK_EQ(granule_alloc_within(OWNER_VM + 1, 4, 4, 3 * G, 8 * G, &a), 0);
	CHECK_EQ(a.v, 4 * G);
	CHECK_EQ(granule_alloc_within(OWNER_VM + 1, 1, 1, 3 * G, 8 * G, &a), 0);
	CHECK_EQ(a.v, 3 * G);
	CHECK_EQ(granule_alloc_within(OWNER_VM + 1, 1, 1, 3 * G, 8 * G, &a), -ENOMEM);
	CHECK_EQ(granule_alloc_within(OWNER_VM + 1, 1, 1, 8 * G + 1, 10 * G - 1, &a), -ENOMEM);
	CHECK_EQ(granule_alloc_within(OWNER_VM + 1, 1, 1, ~0ULL - G, ~0ULL, &a), -ENOMEM);
	CHECK_EQ(granule_alloc_within(OWNER_VM + 1, 1, 1, 0, 2 * G, &a), 0);
	CHECK_EQ(a.v, G); /* the first is reserved */
	CHECK_EQ(granule_alloc_within(OWNER_VM + 1, 1, 1, 0, 2 * G, &a), -ENOMEM);
}

/* Memory that failed: nobody gets it, and nothing writes to it any more. */
TEST(failed_memory)
{
	paddr_t a, b;
	u64 before;
	int zeroes;

	begin();
	before = granule_retired();
	CHECK_EQ(granule_alloc(OWNER_VM + 1, 2, 1, &a), 0);
	zeroes = zeroed[a.v / G + 1];
	CHECK_EQ(granule_retire(PADDR(a.v + G + 0x5123)), OWNER_VM + 1);
	CHECK_EQ(granule_retire(PADDR(a.v + G)), OWNER_VM + 1); /* known: counted once */
	CHECK_EQ(granule_retired() - before, G);
	CHECK_EQ(granule_owner(PADDR(a.v + G)), OWNER_VM + 1);
	granule_free(a, 2);
	CHECK_EQ(granule_owner(a), OWNER_FREE);
	CHECK_EQ(granule_owner(PADDR(a.v + G)), OWNER_RESERVED);
	CHECK_EQ(zeroed[a.v / G + 1], zeroes);
	/* Free memory, and what is nobody's to give out. */
	CHECK_EQ(granule_retire(PADDR(a.v + 77)), OWNER_FREE);
	CHECK_EQ(granule_owner(a), OWNER_RESERVED);
	CHECK_EQ(granule_retire(a), OWNER_RESERVED);
	CHECK_EQ(granule_retire(PADDR(0)), OWNER_RESERVED);
	CHECK_EQ(granule_retire(PADDR(MEMORY * G)), OWNER_RESERVED);
	CHECK_EQ(granule_retire(PADDR(~0ULL)), OWNER_RESERVED);
	CHECK_EQ(granule_retired() - before, 2 * G);
	while (!granule_alloc(OWNER_VM + 2, 1, 1, &b))
		CHECK(b.v != a.v && b.v != a.v + G);
	/* A new owner begins without what the last one had. */
	begin();
	CHECK_EQ(granule_alloc(OWNER_VM + 1, 1, 1, &a), 0);
	granule_free(a, 1);
	CHECK_EQ(granule_owner(a), OWNER_FREE);
	CHECK(granule_take(&b) == 0);
	CHECK_EQ(granule_retire(b), OWNER_HV);
	CHECK_EQ(granule_owner(b), OWNER_HV);
	CHECK_EQ(granule_retired() - before, 2 * G);
}

TEST(granule_bugs_panic)
{
	paddr_t a, b;

	begin();
	CHECK_EQ(granule_alloc(OWNER_VM + 1, 2, 1, &a), 0);
	CHECK_EQ(granule_alloc(OWNER_VM + 2, 1, 1, &b), 0);
	CHECK_EQ(b.v, a.v - G);
	CHECK_PANIC(granule_free(b, 2)); /* two owners' */
	CHECK_PANIC(granule_free(PADDR(a.v + PAGE_SIZE), 1));
	CHECK_PANIC(granule_free(PADDR(0), 1)); /* reserved */
	CHECK_PANIC(granule_free(PADDR(MEMORY * G), 1));
	CHECK_PANIC(granule_free(a, MEMORY));
	granule_free(a, 2);
	CHECK_PANIC(granule_free(a, 2)); /* twice */
	void *p = page_alloc(0);
	CHECK_PANIC(granule_free(PADDR(ALIGN_DOWN(virt_to_phys(p).v, G)), 1)); /* ours */
}

/* --- pages ----------------------------------------------------------------------------------------------- */
#define BLOCKS 6000

struct block {
	u8 *p;
	u32 order;
	u8 fill;
};

static struct block blocks[BLOCKS];

static void block_check(const struct block *b)
{
	u64 n = PAGE_SIZE << b->order;

	CHECK_EQ(b->p[0], b->fill);
	CHECK_EQ(b->p[n - 1], b->fill);
	CHECK_EQ(memcmp(b->p, b->p + 1, n - 1), 0);
}

static void block_alloc(struct block *b, u32 order)
{
	*b = (struct block){ .p = page_alloc(order),
			     .order = order,
			     .fill = (u8)(1 + rand_below(255)) };
	if (!b->p)
		return;
	CHECK_EQ((u64)b->p % (PAGE_SIZE << order), 0);
	CHECK_EQ(granule_owner(virt_to_phys(b->p)), OWNER_HV);
	CHECK(all_zero(b->p, PAGE_SIZE << order));
	memset(b->p, b->fill, PAGE_SIZE << order);
}

static void block_free(struct block *b)
{
	block_check(b);
	page_free(b->p, b->order);
	b->p = NULL;
}

TEST(pages_random)
{
	struct page_stats s;
	int failed = 0;

	begin();
	for (int i = 0; i < 30000; i++) {
		struct block *b = &blocks[rand_below(BLOCKS)];
		/* Small ones are many, now and then a whole granule. */
		u32 order = rand_below(4) ? (u32)rand_below(3) : (u32)rand_below(10);

		if (b->p)
			block_free(b);
		else
			block_alloc(b, order);
		failed += !b->p;
	}
	CHECK(failed > 0);
	u64 out = 0;
	for (int i = 0; i < BLOCKS; i++)
		out += blocks[i].p ? PAGE_SIZE << blocks[i].order : 0;
	page_stats(&s);
	CHECK_EQ(s.hv, count_owner(OWNER_HV) * G);
	CHECK_EQ(s.free, count_owner(OWNER_FREE) * G);
	/* Beside what is handed out, at most a page of each granule is in use. */
	CHECK(s.hv_used >= out);
	CHECK(s.hv_used <= out + count_owner(OWNER_HV) * PAGE_SIZE);

	for (int i = 0; i < BLOCKS; i++)
		if (blocks[i].p)
			block_free(&blocks[i]);
	/* All but one granule went back, unmapped and clean. */
	CHECK_EQ(count_owner(OWNER_HV), 1);
	CHECK_EQ(count_owner(OWNER_FREE), MEMORY - 2);
	for (u64 g = 1; g < MEMORY; g++) {
		CHECK_EQ(mapped[g], granule_owner(PADDR(g * G)) == OWNER_HV);
		if (!mapped[g] && zeroed[g])
			CHECK(granule_is_zero(g));
	}
}

TEST(pages_use_all)
{
	u64 n = 0;
	static void *all[MEMORY * PER_G];

	begin();
	for (void *p; (p = page_alloc(0)) != NULL;)
		all[n++] = p;
	CHECK_EQ(n, (MEMORY - 1) * (PER_G - 1));
	CHECK_EQ(page_alloc(PAGE_ORDER_MAX) == NULL, 1);
	/* Freed in any order, they join again to the largest that fit beside the map. */
	for (u64 left = n; left; left--) {
		u64 i = rand_below(left);

		page_free(all[i], 0);
		all[i] = all[left - 1];
	}
	CHECK_EQ(count_owner(OWNER_HV), 1);
	void *half = page_alloc(8);
	CHECK(half != NULL);
	CHECK_EQ(count_owner(OWNER_HV), 1);
	page_free(half, 8);
	/* One empty granule is kept, not dropped and taken again each time. */
	for (int i = 0; i < 10; i++)
		page_free(page_alloc(0), 0);
	CHECK_EQ(count_owner(OWNER_HV), 1);
}

/* The allocator lives on the free pages of a granule that something else occupies; it stays. */
TEST(pages_beside_others)
{
	u64 taken[8] = { 0 };
	struct page_stats s;
	u8 *base;

	begin();
	granule_set_owner(PADDR(5 * G), OWNER_HV);
	direct_map(PADDR(5 * G));
	base = memory(5);
	for (u32 i = 0; i < PER_G; i++) {
		if (i < 100 || i == 300)
			taken[i / 64] |= BIT(i % 64);
		else
			memset(base + i * PAGE_SIZE, 0, PAGE_SIZE);
	}
	pagepool_add(PADDR(5 * G), taken, 3);
	for (u32 i = 0; i < PER_G - 101 - 1; i++) {
		blocks[i] = (struct block){ .p = page_alloc(0) };
		u64 at = (u64)(blocks[i].p - base) / PAGE_SIZE;

		CHECK(at < PER_G && !(taken[at / 64] >> (at % 64) & 1));
		CHECK(all_zero(blocks[i].p, PAGE_SIZE));
	}
	CHECK_EQ(count_owner(OWNER_HV), 1);
	page_stats(&s);
	CHECK_EQ(s.hv, G - 3 * PAGE_SIZE);
	CHECK_EQ(s.hv_used, s.hv);
	for (u32 i = 0; i < 100 * PAGE_SIZE; i++)
		if (base[i] != 0xaa)
			CHECK(false);
	for (u32 i = 0; i < PER_G - 101 - 1; i++)
		page_free(blocks[i].p, 0);
	page_free(page_alloc(9), 9);
	CHECK_EQ(granule_owner(PADDR(5 * G)), OWNER_HV);
	CHECK(mapped[5]);
	CHECK_EQ(base[300 * PAGE_SIZE], 0xaa);
}

TEST(page_bugs_panic)
{
	begin();
	u8 *a = page_alloc(2), *b = page_alloc(0), *whole = page_alloc(9);

	CHECK_PANIC(page_free(a, 1));
	CHECK_PANIC(page_free(a + PAGE_SIZE, 0));
	CHECK_PANIC(page_free(a + 64, 2));
	CHECK_PANIC(page_free(b, 9));
	CHECK_PANIC(page_free(whole, 0));
	CHECK_PANIC(page_free((void *)host_phys_base, 0));
	CHECK_PANIC(a = page_alloc(10));
	page_free(b, 0);
	CHECK_PANIC(page_free(b, 0));
	page_free(whole, 9);
	CHECK_PANIC(page_free(whole, 9));
	page_free(a, 2);
}
