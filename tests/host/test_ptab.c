/*
 * The page-table engine against a flat model: one record for each page, changed by the same random
 * operations. And the host format against the manuals' bits (SDM vol. 3, "4-level paging").
 *
 * sources: mm/ptab.c mm/ptab_host.c tests/host/fake_mm.c
 */
#include "arch/paging.h"
#include "lib/errno.h"
#include "mm/layout.h"
#include "mm/ptab.h"
#include "tests/host/fake_mm.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

#define L0 PAGE_SIZE
#define L1 (2 * MIB)
#define L2 GIB
#define RW (PTAB_R | PTAB_W)

/* --- a format unlike the host's: three levels, unsigned addresses, present means any right ------- */
#define T_LEAF  BIT(60)
#define T_DIRTY BIT(61)

static bool t_present(u64 e)
{
	return e & 7;
}

static bool t_leaf(u64 e, u8 level)
{
	(void)level;
	return e & T_LEAF;
}

static u64 t_encode(u32 prot, u8 level)
{
	return (prot & 7) | (level ? T_LEAF : 0);
}

static u32 t_decode(u64 e, u8 level)
{
	(void)level;
	return e & 7;
}

static const struct ptab_format tiny = {
	.levels = 3,
	.max_leaf = 2,
	.addr_mask = BITS(51, 12),
	.table_bits = 7,
	.keep_bits = T_DIRTY,
	.present = t_present,
	.leaf = t_leaf,
	.encode = t_encode,
	.decode = t_decode,
};

/* --- the model: 16 MiB from base --------------------------------------------------------------------- */
#define PAGES 4096

struct model {
	u64 base;
	u64 pa[PAGES];
	u32 prot[PAGES]; /* 0: not mapped */
};

static struct model m;

struct seen {
	u64 next; /* addresses must ascend */
	u64 bytes;
	int wrong;
};

static int see(void *ctx, const struct ptab_leaf *l)
{
	struct seen *s = ctx;

	if (s->bytes && l->va < s->next)
		s->wrong++;
	if (l->va % l->size || l->pa.v % l->size)
		s->wrong++;
	for (u64 off = 0; off < l->size; off += L0) {
		u64 i = (l->va + off - m.base) / L0;

		if (i >= PAGES || m.prot[i] != l->prot || m.pa[i] != l->pa.v + off)
			s->wrong++;
	}
	s->next = l->va + l->size;
	s->bytes += l->size;
	return 0;
}

static void compare(const struct ptab *pt)
{
	struct seen s = { 0 };
	u64 bytes = 0;
	int wrong = 0;

	CHECK_EQ(ptab_walk(pt, see, &s), 0);
	CHECK_EQ(s.wrong, 0);
	for (u64 i = 0; i < PAGES; i++) {
		struct ptab_leaf l;
		int err = ptab_lookup(pt, m.base + i * L0 + 123, &l);

		bytes += m.prot[i] ? L0 : 0;
		if (err != (m.prot[i] ? 0 : -ENOENT))
			wrong++;
		else if (!err &&
			 (l.prot != m.prot[i] || l.pa.v + (m.base + i * L0 - l.va) != m.pa[i]))
			wrong++;
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(s.bytes, bytes);
}

/* What ptab_map() must say, and the model's state after it: an error leaves what came before. */
static int model_map(u64 first, u64 n, u64 pa, u32 prot)
{
	for (u64 i = 0; i < n; i++)
		if (m.prot[first + i])
			return -EEXIST;
	for (u64 i = 0; i < n; i++) {
		m.prot[first + i] = prot;
		m.pa[first + i] = pa + i * L0;
	}
	return 0;
}

static struct ptab_near near;

static void random_op(struct ptab *pt)
{
	static const u32 prots[] = { PTAB_R, RW, PTAB_R | PTAB_X };
	/* Often whole large pages, or a few small ones within two, else anything. */
	u64 unit = rand_below(2) ? 512 : 1;
	bool few = unit == 1 && rand_below(2);
	u64 first = rand_below((few ? 1024 : PAGES) / unit) * unit;
	u64 n = (1 + rand_below(few ? 4 : MIN((PAGES - first) / unit, 700))) * unit;
	u32 prot = prots[rand_below(ARRAY_LEN(prots))];
	u64 va = m.base + first * L0;
	u64 pa = (rand_below(1 << 20) + 1) * L1 + (rand_below(4) ? 0 : rand_below(512) * L0);
	bool by_near = rand_below(2);

	switch (rand_below(4)) {
	case 0:
	case 1:
		/* A map over something is tested apart: what stays of it is not stated. */
		for (u64 i = 0; i < n; i++)
			if (m.prot[first + i])
				return;
		CHECK_EQ(by_near ? ptab_map_near(pt, &near, va, PADDR(pa), n * L0, prot) :
				   ptab_map(pt, va, PADDR(pa), n * L0, prot),
			 model_map(first, n, pa, prot));
		break;
	case 2:
		CHECK_EQ(by_near ? ptab_unmap_near(pt, &near, va, n * L0) :
				   ptab_unmap(pt, va, n * L0),
			 0);
		for (u64 i = 0; i < n; i++)
			m.prot[first + i] = 0;
		break;
	default:
		CHECK_EQ(ptab_protect(pt, va, n * L0, prot), 0);
		for (u64 i = 0; i < n; i++)
			if (m.prot[first + i])
				m.prot[first + i] = prot;
	}
}

static void differential(const struct ptab_format *fmt, u64 base)
{
	struct ptab pt;
	u64 before = fake_pages;

	m = (struct model){ .base = base };
	near = (struct ptab_near){ 0 };
	CHECK_EQ(ptab_init(&pt, fmt), 0);
	for (int i = 0; i < 600; i++) {
		random_op(&pt);
		if (i % 10 == 0)
			compare(&pt);
	}
	compare(&pt);
	CHECK_EQ(pt.tables, fake_pages - before);
	ptab_destroy(&pt, PTAB_ENTRIES);
	CHECK_EQ(fake_pages, before);
}

TEST(random_against_model)
{
	differential(&ptab_host, 0x100000000000ULL);
	differential(&ptab_host_1g, 0xffffffffff000000ULL); /* up to the very end */
	differential(&ptab_host, 0x7fffff000000ULL);        /* up to the hole */
	differential(&ptab_host_1g, 512 * GIB - 8 * MIB);   /* over a top-level entry's end */
	differential(&tiny, 0);
	differential(&tiny, 512 * GIB - 16 * MIB); /* up to the end */
	differential(&tiny, 3 * GIB - 8 * MIB);
}

/* --- leaves and tables -------------------------------------------------------------------------------- */
static int count_leaves(void *ctx, const struct ptab_leaf *l)
{
	u64 *n = ctx;

	n[l->size == L2 ? 2 : l->size == L1 ? 1 : 0]++;
	return 0;
}

static void check_leaves(const struct ptab *pt, u64 l2, u64 l1, u64 l0)
{
	u64 n[3] = { 0 };

	CHECK_EQ(ptab_walk(pt, count_leaves, n), 0);
	CHECK_EQ(n[2], l2);
	CHECK_EQ(n[1], l1);
	CHECK_EQ(n[0], l0);
}

TEST(largest_leaves)
{
	struct ptab pt;

	CHECK_EQ(ptab_init(&pt, &ptab_host_1g), 0);
	/* 4 KiB + 2 MiB * 511 + 1 GiB + 2 MiB + 4 KiB */
	u64 va = 5 * L2 + L1 - L0;
	CHECK_EQ(ptab_map(&pt, va, PADDR(70 * L2 + L1 - L0), L0 + 511 * L1 + L2 + L1 + L0, RW), 0);
	check_leaves(&pt, 1, 512, 2);
	/* root, one of level 2, two of level 1, two of level 0 */
	CHECK_EQ(pt.tables, 6);
	/* One page out of the 1 GiB leaf leaves 511 large and 511 small ones. */
	CHECK_EQ(ptab_unmap(&pt, 6 * L2 + 7 * L1 + 3 * L0, L0), 0);
	check_leaves(&pt, 0, 512 + 511, 2 + 511);
	CHECK_EQ(pt.tables, 8);
	ptab_destroy(&pt, PTAB_ENTRIES);

	/* Without 1 GiB leaves; and what is not aligned alike needs small ones. */
	CHECK_EQ(ptab_init(&pt, &ptab_host), 0);
	CHECK_EQ(ptab_map(&pt, 5 * L2, PADDR(70 * L2), L2, RW), 0);
	check_leaves(&pt, 0, 512, 0);
	CHECK_EQ(ptab_map(&pt, 8 * L2, PADDR(70 * L2 + L0), L1, RW), 0);
	check_leaves(&pt, 0, 512, 512);
	ptab_destroy(&pt, PTAB_ENTRIES);
}

TEST(refusals)
{
	struct ptab pt;
	u64 top = 1ULL << 47;

	CHECK_EQ(ptab_init(&pt, &ptab_host), 0);
	CHECK_EQ(ptab_map(&pt, L1 + 1, PADDR(L1), L0, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, L1, PADDR(L1 + 8), L0, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, L1, PADDR(L1), L0 + 1, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, top - L0, PADDR(L1), 2 * L0, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, top, PADDR(L1), L0, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, -top - L0, PADDR(L1), L0, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, -L0, PADDR(L1), 2 * L0, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, L1, PADDR(1ULL << 52), L0, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, L1, PADDR((1ULL << 52) - L0), 2 * L0, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, L1, PADDR(L1), 0, RW), 0);
	check_leaves(&pt, 0, 0, 0);
	CHECK_EQ(ptab_map(&pt, top - L0, PADDR(L1), L0, RW), 0);
	CHECK_EQ(ptab_map(&pt, -top, PADDR(L1), L0, RW), 0);
	CHECK_EQ(ptab_map(&pt, -L0, PADDR(L1), L0, RW), 0);
	check_leaves(&pt, 0, 0, 3);

	/* Twice is refused, on each level and inside. */
	CHECK_EQ(ptab_map(&pt, 4 * L1, PADDR(L1), L1, RW), 0);
	CHECK_EQ(ptab_map(&pt, 4 * L1, PADDR(L1), L1, RW), -EEXIST);
	CHECK_EQ(ptab_map(&pt, 4 * L1 + 5 * L0, PADDR(L1), L0, RW), -EEXIST);
	CHECK_EQ(ptab_map(&pt, top - L0, PADDR(L1), L0, RW), -EEXIST);

	struct ptab_leaf l;
	CHECK_EQ(ptab_lookup(&pt, top, &l), -ENOENT);
	CHECK_EQ(ptab_lookup(&pt, 0x1234567890123456ULL, &l), -ENOENT);
	ptab_destroy(&pt, PTAB_ENTRIES);

	CHECK_EQ(ptab_init(&pt, &tiny), 0);
	CHECK_EQ(ptab_map(&pt, 512 * GIB - L0, PADDR(L1), 2 * L0, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, 512 * GIB, PADDR(L1), L0, RW), -EINVAL);
	CHECK_EQ(ptab_map(&pt, 512 * GIB - L0, PADDR(L1), L0, RW), 0);
	ptab_destroy(&pt, PTAB_ENTRIES);
}

/* Short of memory at any moment: an error, nothing lost, and what was there stays as it was. */
TEST(no_memory)
{
	u64 before = fake_pages;

	fake_pages_left = 0;
	struct ptab pt;
	CHECK_EQ(ptab_init(&pt, &ptab_host), -ENOMEM);
	for (int left = 1; left < 4; left++) {
		fake_pages_left = left;
		CHECK_EQ(ptab_init(&pt, &ptab_host), 0);
		CHECK_EQ(ptab_map(&pt, L0, PADDR(L0), L0, RW), -ENOMEM);
		fake_pages_left = -1;
		check_leaves(&pt, 0, 0, 0);
		ptab_destroy(&pt, PTAB_ENTRIES);
		CHECK_EQ(fake_pages, before);
	}
	CHECK_EQ(ptab_init(&pt, &ptab_host), 0);
	CHECK_EQ(ptab_map(&pt, L1, PADDR(L1), L1, RW), 0);
	fake_pages_left = 0;
	CHECK_EQ(ptab_unmap(&pt, L1, L0), -ENOMEM);
	CHECK_EQ(ptab_protect(&pt, L1, L0, PTAB_R), -ENOMEM);
	CHECK_EQ(ptab_unmap(&pt, L1, L1), 0);
	fake_pages_left = -1;
	ptab_destroy(&pt, PTAB_ENTRIES);
	CHECK_EQ(fake_pages, before);
}

TEST(kept_bits)
{
	struct ptab pt;
	struct ptab_leaf l;

	CHECK_EQ(ptab_init(&pt, &tiny), 0);
	CHECK_EQ(ptab_map(&pt, L1, PADDR(3 * L1), L1, RW), 0);
	u64 *e = ptab_entry(&pt, L1, 1);
	*e |= T_DIRTY;
	CHECK_EQ(ptab_protect(&pt, L1, L0, PTAB_R), 0);
	CHECK_EQ(ptab_lookup(&pt, L1, &l), 0);
	CHECK_EQ(l.entry, 3 * L1 | PTAB_R | T_DIRTY);
	CHECK_EQ(ptab_lookup(&pt, L1 + L0, &l), 0);
	CHECK_EQ(l.entry, (3 * L1 + L0) | RW | T_DIRTY);
	CHECK_EQ(l.size, L0);
	ptab_destroy(&pt, PTAB_ENTRIES);
}

/* Tables below shared entries belong to someone else; empty tables stay for who filled them. */
TEST(shared_and_filled)
{
	struct ptab owner, guest;
	u64 before = fake_pages;

	CHECK_EQ(ptab_init(&owner, &ptab_host), 0);
	CHECK_EQ(ptab_init(&guest, &ptab_host), 0);
	u64 va = 0xffff900000000000ULL;
	u64 *e = ptab_entry(&owner, va, 1);
	CHECK(e != NULL);
	u64 tables = owner.tables;
	CHECK_EQ(tables, 3);
	guest.root[PML4_INDEX(va)] = owner.root[PML4_INDEX(va)];

	struct ptab_leaf l;
	CHECK_EQ(ptab_lookup(&guest, va, &l), -ENOENT);
	CHECK_EQ(ptab_map(&owner, va, PADDR(8 * L1), L1, RW | PTAB_GLOBAL), 0);
	CHECK_EQ(owner.tables, tables);
	CHECK_EQ(*e & PTE_P, PTE_P);
	CHECK_EQ(ptab_lookup(&guest, va + 5, &l), 0);
	CHECK_EQ(l.pa.v, 8 * L1);
	CHECK_EQ(l.va, va);
	CHECK_EQ(ptab_map(&guest, WINDOW_BASE, PADDR(0), L1, RW), 0);
	ptab_destroy(&guest, PML4_INDEX(va));
	CHECK_EQ(ptab_lookup(&owner, va + 5, &l), 0);
	ptab_destroy(&owner, PTAB_ENTRIES);
	CHECK_EQ(fake_pages, before);
}

/* --- the host format ------------------------------------------------------------------------------------ */
TEST(host_bits)
{
	/* P, R/W, U/S, PWT, PCD, A, D, PS, G are bits 0 to 8 in this order, XD is bit 63. */
	const u64 p = 1, rw = 2, us = 4, pwt = 8, pcd = 16, a = 32, d = 64, ps = 128, g = 256;
	const u64 xd = 1ULL << 63;

	CHECK_EQ(ptab_host.encode(PTAB_R, 0), p | a | xd);
	CHECK_EQ(ptab_host.encode(RW, 0), p | rw | a | d | xd);
	CHECK_EQ(ptab_host.encode(PTAB_R | PTAB_X, 0), p | a);
	CHECK_EQ(ptab_host.encode(RW | PTAB_USER, 1), p | rw | us | a | d | ps | xd);
	CHECK_EQ(ptab_host.encode(RW | PTAB_GLOBAL | PTAB_UNCACHED, 0),
		 p | rw | pwt | pcd | a | d | g | xd);
	CHECK_EQ(ptab_host.addr_mask, 0x000ffffffffff000ULL);
	/* Rights are the AND over all levels: tables must not take any away. */
	CHECK_EQ(ptab_host.table_bits & (p | rw | us), p | rw | us);
	CHECK_EQ(ptab_host.table_bits & (xd | g | pcd | pwt), 0);
	for (u32 prot = 0; prot < 64; prot++) {
		if ((prot & RW) == RW && (prot & PTAB_X))
			continue;
		if (prot & PTAB_R)
			CHECK_EQ(ptab_host.decode(ptab_host.encode(prot, 1), 1), prot);
	}
}

TEST(never_writable_and_executable)
{
	CHECK_PANIC(ptab_host.encode(PTAB_R | PTAB_W | PTAB_X, 0));
	CHECK_PANIC(ptab_host_1g.encode(PTAB_W | PTAB_X, 1));
}
