/*
 * ept/s2.c with the NPT format against a flat model, and the format's bits against the manual
 * (AMD APM vol. 2, "Long-Mode Page Translation", "Nested Paging").
 *
 * sources: ept/s2.c ept/npt.c mm/ptab.c arch/lock.c
 */
#include "ept/s2.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "tests/host/harness.h"

#include <stdlib.h>
#include <string.h>

/* A page pool in place of mm/page.c: physical addresses are the pointers'. */
u64 host_phys_base;
static long pages_out;
static long pages_left = -1; /* -1: no limit */

void *page_alloc(u32 order)
{
	void *p;

	if (!pages_left)
		return NULL;
	if (pages_left > 0)
		pages_left--;
	p = aligned_alloc(PAGE_SIZE, PAGE_SIZE << order);
	memset(p, 0, PAGE_SIZE << order);
	pages_out++;
	return p;
}

void page_free(void *p, u32 order)
{
	(void)order;
	pages_out--;
	free(p);
}

paddr_t virt_to_phys(const void *va)
{
	return PADDR((u64)va);
}

static struct s2 s2;
static unsigned kicks;
static u64 kick_generation;

static void kick_all(void *ctx)
{
	CHECK_EQ(ctx, &kicks);
	CHECK(!spin_any_held());
	kick_generation = s2.generation;
	kicks++;
}

static void setup(u8 max_leaf)
{
	pages_left = -1;
	kicks = 0;
	s2_limit_leaf(max_leaf);
	CHECK_EQ(s2_init(&s2, &ptab_npt, kick_all, &kicks), 0);
}

static void teardown(void)
{
	s2_destroy(&s2);
	CHECK_EQ(pages_out, 0);
}

/* What the hardware would do: a walk by the manual, sharing nothing with the code under test. */
struct hit {
	u64 pa;
	unsigned level;
	bool w, x;
};

static bool walk(u64 gpa, struct hit *h)
{
	const u64 *table = (const u64 *)s2_root(&s2).v;

	h->w = h->x = true;
	for (unsigned level = 3;; level--) {
		unsigned shift = 12 + 9 * level;
		u64 e = table[(gpa >> shift) & 511];
		bool leaf = !level || (e >> 7 & 1);

		if (!(e & 1))
			return false;
		CHECK(e >> 2 & 1); /* every nested access is a user access */
		CHECK(level != 3 || !leaf);
		h->w = h->w && (e >> 1 & 1);
		h->x = h->x && !(e >> 63);
		if (leaf) {
			u64 mask = (1ULL << shift) - 1;

			CHECK_EQ(e & 0x000ffffffffff000ULL & mask & ~0xfffULL,
				 0);             /* no PAT bit, aligned */
			CHECK_EQ(e >> 3 & 3, 0); /* PWT, PCD: write-back */
			h->pa = (e & 0x000ffffffffff000ULL & ~mask) | (gpa & mask);
			h->level = level;
			return true;
		}
		table = (const u64 *)(e & 0x000ffffffffff000ULL);
	}
}

TEST(leaf_sizes)
{
	struct hit h;

	setup(2);
	CHECK_EQ(s2_map(&s2, GPA(0x40000000), PADDR(0x180000000), 0x40000000,
			PTAB_R | PTAB_W | PTAB_X),
		 0);
	CHECK(walk(0x40123456, &h));
	CHECK_EQ(h.level, 2);
	CHECK_EQ(h.pa, 0x180123456);
	CHECK(h.w && h.x);
	/* 1 GiB of guest memory at a host address that is aligned to 2 MiB only */
	CHECK_EQ(s2_map(&s2, GPA(0x80000000), PADDR(0x200200000), 0x40000000, PTAB_R | PTAB_W), 0);
	CHECK(walk(0xbfffffff, &h));
	CHECK_EQ(h.level, 1);
	CHECK_EQ(h.pa, 0x2401fffff);
	CHECK(h.w && !h.x);
	/* and to 4 KiB only */
	CHECK_EQ(s2_map(&s2, GPA(0x100000000), PADDR(0x1000), 0x200000, PTAB_R), 0);
	CHECK(walk(0x100001008, &h));
	CHECK_EQ(h.level, 0);
	CHECK_EQ(h.pa, 0x2008);
	CHECK(!h.w && !h.x);
	CHECK(!walk(0x3fffffff, &h));
	CHECK(!walk(0xc0000000, &h));
	teardown();
}

TEST(leaf_limit)
{
	struct hit h;

	for (u8 limit = 0; limit <= 2; limit++) {
		setup(limit);
		CHECK_EQ(s2_map(&s2, GPA(0), PADDR(0x40000000), 0x40000000,
				PTAB_R | PTAB_W | PTAB_X),
			 0);
		CHECK(walk(0x12345000, &h));
		CHECK_EQ(h.level, limit);
		CHECK_EQ(h.pa, 0x52345000);
		teardown();
	}
}

TEST(unmap_raises_generation_then_kicks)
{
	struct hit h;
	u64 before;

	setup(2);
	CHECK_EQ(s2_map(&s2, GPA(0), PADDR(0x40000000), 0x40000000, PTAB_R | PTAB_W | PTAB_X), 0);
	CHECK_EQ(kicks, 0); /* adding a translation needs none */
	before = s2.generation;
	CHECK_EQ(s2_unmap(&s2, GPA(0x201000), 0x1000), 0);
	CHECK_EQ(s2.generation, before + 1);
	CHECK_EQ(kicks, 1);
	CHECK_EQ(kick_generation, before + 1);
	CHECK(!walk(0x201000, &h));
	CHECK(walk(0x200fff, &h));
	CHECK_EQ(h.level, 0);
	CHECK_EQ(h.pa, 0x40200fff);
	CHECK(walk(0x202000, &h));
	CHECK(walk(0x400000, &h));
	CHECK_EQ(h.level, 1);
	CHECK(h.w && h.x); /* what a split leaves allows the same */
	teardown();
}

TEST(map_refuses_overlap_and_keeps_what_is_there)
{
	struct hit h;

	setup(2);
	CHECK_EQ(s2_map(&s2, GPA(0x200000), PADDR(0x600000), 0x200000, PTAB_R), 0);
	CHECK_EQ(s2_map(&s2, GPA(0x3ff000), PADDR(0x900000), 0x1000, PTAB_R), -EEXIST);
	CHECK_EQ(s2_map(&s2, GPA(0), PADDR(0x10000000), 0x400000, PTAB_R), -EEXIST);
	CHECK(!walk(0, &h)); /* nothing of a refused range */
	CHECK(walk(0x3ff000, &h));
	CHECK_EQ(h.pa, 0x7ff000);
	CHECK_EQ(s2_map(&s2, GPA(0x1ff000), PADDR(0x800000), 0x1000, PTAB_R), 0);
	CHECK_EQ(s2_map(&s2, GPA(0x400000), PADDR(0x800000), 0x1000, PTAB_R), 0);
	CHECK_EQ(s2_map(&s2, GPA(0x500001), PADDR(0x800000), 0x1000, PTAB_R), -EINVAL);
	CHECK_EQ(s2_map(&s2, GPA(1ULL << 48), PADDR(0x800000), 0x1000, PTAB_R), -EINVAL);
	CHECK_EQ(s2_map(&s2, GPA(0ULL - 0x1000), PADDR(0x800000), 0x2000, PTAB_R), -EINVAL);
	teardown();
}

TEST(no_memory_leaves_nothing_mapped)
{
	struct hit h;

	for (long left = 0; left < 4; left++) {
		setup(2);
		CHECK_EQ(s2_map(&s2, GPA(0x40000000), PADDR(0x40000000), 0x1000, PTAB_R), 0);
		pages_left = left;
		/* 4 KiB pages on both sides of a 1 GiB border: five tables */
		CHECK_EQ(s2_map(&s2, GPA(0x80000000 - 0x400000), PADDR(0x1000), 0x1000000, PTAB_R),
			 -ENOMEM);
		CHECK(!walk(0x80000000 - 0x400000, &h));
		CHECK(!walk(0x80000000, &h));
		CHECK(walk(0x40000000, &h));
		CHECK_EQ(kicks, 1); /* what was mapped for a moment may be cached */
		teardown();
	}
}

/* A flat model: for each 4 KiB page of a small space, where it goes and what is allowed. */
#define PAGES 8192
static struct {
	u64 pa; /* 0: not mapped */
	bool w, x;
} model[PAGES];

static u32 random_state = 12345;

static u32 rnd(u32 below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

static void model_check(void)
{
	for (u64 i = 0; i < PAGES; i++) {
		struct hit h;
		bool there = walk(i << 12, &h);

		CHECK_EQ(there, model[i].pa != 0);
		if (there) {
			CHECK_EQ(h.pa, model[i].pa);
			CHECK_EQ(h.w, model[i].w);
			CHECK_EQ(h.x, model[i].x);
		}
	}
}

static void model_map(u64 first, u64 count, u64 pa, u32 prot)
{
	bool free = true;

	for (u64 i = first; i < first + count; i++)
		free = free && !model[i].pa;
	CHECK_EQ(s2_map(&s2, GPA(first << 12), PADDR(pa), count << 12, prot), free ? 0 : -EEXIST);
	for (u64 i = 0; free && i < count; i++) {
		model[first + i].pa = pa + (i << 12);
		model[first + i].w = prot & PTAB_W;
		model[first + i].x = prot & PTAB_X;
	}
}

static void model_unmap(u64 first, u64 count)
{
	CHECK_EQ(s2_unmap(&s2, GPA(first << 12), count << 12), 0);
	for (u64 i = first; i < first + count; i++)
		model[i].pa = 0;
}

TEST(random_against_model)
{
	setup(2);
	for (int round = 0; round < 300; round++) {
		u64 grain = rnd(2) ? 512 : 1;
		u64 first = rnd(PAGES) / grain * grain;
		u64 count = grain * (1 + rnd(grain == 1 ? 600 : 4));
		u64 pa = (1 + rnd(100000)) * grain << 12;

		if (first + count > PAGES)
			count = PAGES - first;
		if (rnd(3))
			model_map(first, count, pa,
				  PTAB_R | (rnd(2) ? PTAB_W : 0) | (rnd(2) ? PTAB_X : 0));
		else
			model_unmap(first, count);
		if (round % 30 == 29)
			model_check();
	}
	CHECK_EQ(s2_table_bytes(&s2), (u64)pages_out << 12);
	teardown();
}

TEST(npt_decode_is_inverse_of_encode)
{
	for (u32 prot = 0; prot < 64; prot++) {
		/* all that is present can be read; USER and GLOBAL mean nothing here */
		u32 want = (prot & (PTAB_W | PTAB_X | PTAB_UNCACHED)) | PTAB_R;

		for (u8 level = 0; level <= 2; level++) {
			u64 e = ptab_npt.encode(prot, level);

			CHECK(ptab_npt.present(e));
			CHECK(ptab_npt.leaf(e, level));
			CHECK_EQ(ptab_npt.decode(e, level), want);
			CHECK_EQ(e & 1ULL << 7, level ? 1ULL << 7 : 0);
		}
	}
	CHECK(!ptab_npt.present(0));
	CHECK(!ptab_npt.leaf(ptab_npt.table_bits, 1));
}
