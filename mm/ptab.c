/*
 * The radix walk itself. One generic descent visits, entry by entry, what a range covers on each
 * level; mapping, unmapping and changing rights are what is done at an entry. Tables appear by one
 * store of a finished page and stay until ptab_destroy(), so that a walk needs no lock.
 */
#include "mm/ptab.h"

#include "arch/cpu.h"
#include "arch/paging.h"
#include "core/panic.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/page.h"

/* One operation on a range. at() handles n bytes at va, which lie within the entry e of that level. */
struct job {
	struct ptab *pt;
	int (*at)(const struct job *j, u64 *e, u8 level, u64 va, u64 n);
	u64 delta; /* mapping: physical minus virtual, modulo 2^64 */
	u32 prot;
	bool remove;
};

static u64 span(u8 level)
{
	return 1ULL << (PAGE_SHIFT + PTAB_LEVEL_BITS * level);
}

static u32 index_of(u64 va, u8 level)
{
	return (va >> (PAGE_SHIFT + PTAB_LEVEL_BITS * level)) & (PTAB_ENTRIES - 1);
}

static u64 *table_of(const struct ptab_format *fmt, u64 entry)
{
	return phys_to_virt(PADDR(entry & fmt->addr_mask));
}

static bool is_leaf(const struct ptab_format *fmt, u64 entry, u8 level)
{
	return level == 0 || fmt->leaf(entry, level);
}

static paddr_t leaf_pa(const struct ptab_format *fmt, u64 entry, u8 level)
{
	return PADDR(entry & fmt->addr_mask & ~(span(level) - 1));
}

/* In memory on return, before anything that points at it is, or anybody is told. */
static void write_back(const struct ptab_format *fmt, const void *p, u64 len)
{
	if (!fmt->incoherent)
		return;
	for (u64 at = ALIGN_DOWN((u64)p, CACHE_LINE); at < (u64)p + len; at += CACHE_LINE)
		clflush((const void *)at);
	/* Pairs with the walker's reads. */
	smp_mb();
}

static u64 *table_alloc(struct ptab *pt)
{
	u64 *t = page_alloc(0);

	if (!t)
		return NULL;
	/* A count for statistics, under more than one lock; pairs with nothing. */
	atomic_fetch_add(&pt->tables, 1);
	write_back(pt->fmt, t, PAGE_SIZE);
	return t;
}

/* Release: who finds the entry, a page walker too, finds the table filled. Pairs with table loads. */
static void entry_set(const struct ptab_format *fmt, u64 *e, u64 value)
{
	atomic_store_release(e, value);
	write_back(fmt, e, sizeof(*e));
}

static u64 entry_get(const u64 *e)
{
	/* Pairs with the release in entry_set(). */
	return atomic_load_acquire(e);
}

/* What points at a table from an entry of that level. */
static u64 table_entry(const struct ptab_format *fmt, const u64 *table, u8 level)
{
	u64 at = fmt->level_shift ? (u64)level << fmt->level_shift : 0;

	return virt_to_phys(table).v | fmt->table_bits | at;
}

/* The table below e, of that level, made if there is none; NULL when memory is short. e is not a leaf. */
static u64 *table_below(struct ptab *pt, u64 *e, u8 level)
{
	u64 old = entry_get(e);
	u64 *t;

	if (pt->fmt->present(old))
		return table_of(pt->fmt, old);
	t = table_alloc(pt);
	if (t)
		entry_set(pt->fmt, e, table_entry(pt->fmt, t, level));
	return t;
}

static int descend(const struct job *j, u64 *table, u8 level, u64 va, u64 len)
{
	int err = 0;

	while (len && !err) {
		u64 left = span(level) - (va & (span(level) - 1));
		u64 n = MIN(left, len);

		err = j->at(j, &table[index_of(va, level)], level, va, n);
		va += n;
		len -= n;
	}
	return err;
}

static bool range_ok(const struct ptab_format *fmt, u64 va, u64 len)
{
	u64 size = span(fmt->levels - 1) * PTAB_ENTRIES;

	if ((va | len) & PAGE_MASK)
		return false;
	if (!fmt->canonical)
		return va <= size && len <= size - va;
	if (va < size / 2)
		return len <= size / 2 - va;
	return va >= -(size / 2) && len - 1 <= -va - 1;
}

static int run(struct job *j, u64 va, u64 len)
{
	if (!len)
		return 0;
	if (!range_ok(j->pt->fmt, va, len))
		return -EINVAL;
	return descend(j, j->pt->root, j->pt->fmt->levels - 1, va, len);
}

int ptab_init(struct ptab *pt, const struct ptab_format *fmt)
{
	*pt = (struct ptab){ .fmt = fmt };
	pt->root = table_alloc(pt);
	return pt->root ? 0 : -ENOMEM;
}

static void free_below(const struct ptab_format *fmt, u64 *table, u8 level, u32 count)
{
	for (u32 i = 0; level > 0 && i < count; i++) {
		if (!fmt->present(table[i]) || is_leaf(fmt, table[i], level))
			continue;
		u64 *t = table_of(fmt, table[i]);

		free_below(fmt, t, level - 1, PTAB_ENTRIES);
		page_free(t, 0);
	}
}

void ptab_destroy(struct ptab *pt, u32 shared_first)
{
	free_below(pt->fmt, pt->root, pt->fmt->levels - 1, shared_first);
	page_free(pt->root, 0);
	*pt = (struct ptab){ .fmt = pt->fmt };
}

u64 *ptab_entry(struct ptab *pt, u64 va, u8 level)
{
	u64 *table = pt->root;

	for (u8 l = pt->fmt->levels - 1; l > level; l--) {
		u64 *e = &table[index_of(va, l)];

		ASSERT(!pt->fmt->present(*e) || !is_leaf(pt->fmt, *e, l));
		table = table_below(pt, e, l);
		if (!table)
			return NULL;
	}
	return &table[index_of(va, level)];
}

static int map_at(const struct job *j, u64 *e, u8 level, u64 va, u64 n)
{
	const struct ptab_format *fmt = j->pt->fmt;
	u64 pa = va + j->delta;
	u64 old = entry_get(e);
	u64 *t;

	if (!fmt->present(old) && level <= fmt->max_leaf && n == span(level) &&
	    !(pa & (span(level) - 1))) {
		entry_set(fmt, e, pa | fmt->encode(j->prot, level));
		return 0;
	}
	if (fmt->present(old) && is_leaf(fmt, old, level))
		return -EEXIST;
	t = table_below(j->pt, e, level);
	return t ? descend(j, t, level - 1, va, n) : -ENOMEM;
}

static bool memory_ok(const struct ptab_format *fmt, paddr_t pa, u64 len)
{
	u64 limit = fmt->addr_mask | PAGE_MASK;

	return !(pa.v & PAGE_MASK) && pa.v <= limit && (!len || len - 1 <= limit - pa.v);
}

int ptab_map(struct ptab *pt, u64 va, paddr_t pa, u64 len, u32 prot)
{
	struct job j = { .pt = pt, .at = map_at, .delta = pa.v - va, .prot = prot };

	return memory_ok(pt->fmt, pa, len) ? run(&j, va, len) : -EINVAL;
}

/* Replaces the leaf e by a table of smaller ones that map and allow the same. */
static int split(struct ptab *pt, u64 *e, u8 level)
{
	const struct ptab_format *fmt = pt->fmt;
	u64 *t = table_alloc(pt);
	u64 old = entry_get(e);

	if (!t)
		return -ENOMEM;
	do {
		u64 bits = fmt->encode(fmt->decode(old, level), level - 1) | (old & fmt->keep_bits);

		for (u32 i = 0; i < PTAB_ENTRIES; i++)
			t[i] = (leaf_pa(fmt, old, level).v + i * span(level - 1)) | bits;
		write_back(fmt, t, PAGE_SIZE);
		/* The CPU may set accessed and dirty bits meanwhile. Release as in entry_set(). */
	} while (!atomic_cas(e, &old, table_entry(fmt, t, level)));
	write_back(fmt, e, sizeof(*e));
	return 0;
}

static void change_leaf(const struct job *j, u64 *e, u8 level)
{
	const struct ptab_format *fmt = j->pt->fmt;
	u64 old = entry_get(e);
	u64 new;

	do {
		new = leaf_pa(fmt, old, level).v | fmt->encode(j->prot, level) |
		      (old & fmt->keep_bits);
		/* The CPU may set accessed and dirty bits meanwhile; pairs with nothing else. */
	} while (!atomic_cas(e, &old, j->remove ? 0 : new));
	write_back(fmt, e, sizeof(*e));
}

static int change_at(const struct job *j, u64 *e, u8 level, u64 va, u64 n)
{
	const struct ptab_format *fmt = j->pt->fmt;
	u64 old = entry_get(e);
	int err;

	if (!fmt->present(old))
		return 0;
	if (is_leaf(fmt, old, level)) {
		if (n == span(level)) {
			change_leaf(j, e, level);
			return 0;
		}
		err = split(j->pt, e, level);
		if (err)
			return err;
	}
	return descend(j, table_of(fmt, entry_get(e)), level - 1, va, n);
}

int ptab_unmap(struct ptab *pt, u64 va, u64 len)
{
	struct job j = { .pt = pt, .at = change_at, .remove = true };

	return run(&j, va, len);
}

int ptab_protect(struct ptab *pt, u64 va, u64 len, u32 prot)
{
	struct job j = { .pt = pt, .at = change_at, .prot = prot };

	return run(&j, va, len);
}

/* --- near the last place ----------------------------------------------------------------------------- */

/* The range's entries, if all of it lies in that table; NULL: not so. */
static u64 *near_entries(const struct ptab_near *near, u64 va, u64 len)
{
	u64 at = va - near->va;

	if (!near->table || at >= span(1) || len > span(1) - at || (va | len) & PAGE_MASK)
		return NULL;
	return &near->table[at >> PAGE_SHIFT];
}

/* Takes the table that va is in, if there is one. */
static void near_take(const struct ptab *pt, struct ptab_near *near, u64 va)
{
	u64 *table = pt->root;

	for (u8 level = pt->fmt->levels - 1; level; level--) {
		u64 e = entry_get(&table[index_of(va, level)]);

		if (!pt->fmt->present(e) || is_leaf(pt->fmt, e, level))
			return;
		table = table_of(pt->fmt, e);
	}
	*near = (struct ptab_near){ .va = va & ~(span(1) - 1), .table = table };
}

static bool all_free(const struct ptab_format *fmt, const u64 *e, u64 n)
{
	for (u64 i = 0; i < n; i++) {
		if (fmt->present(entry_get(&e[i])))
			return false;
	}
	return true;
}

int ptab_map_near(struct ptab *pt, struct ptab_near *near, u64 va, paddr_t pa, u64 len, u32 prot)
{
	u64 *e = near_entries(near, va, len), n = len >> PAGE_SHIFT;
	int err;

	if (!e || !memory_ok(pt->fmt, pa, len) || !all_free(pt->fmt, e, n)) {
		err = ptab_map(pt, va, pa, len, prot);
		near_take(pt, near, va);
		return err;
	}
	for (u64 i = 0; i < n; i++)
		entry_set(pt->fmt, &e[i], (pa.v + i * PAGE_SIZE) | pt->fmt->encode(prot, 0));
	return 0;
}

int ptab_unmap_near(struct ptab *pt, struct ptab_near *near, u64 va, u64 len)
{
	u64 *e = near_entries(near, va, len);

	if (!e)
		return ptab_unmap(pt, va, len);
	for (u64 i = 0; i < len >> PAGE_SHIFT; i++)
		entry_set(pt->fmt, &e[i], 0);
	return 0;
}

static struct ptab_leaf leaf_at(const struct ptab_format *fmt, u64 entry, u8 level, u64 va)
{
	u8 bits = PAGE_SHIFT + PTAB_LEVEL_BITS * fmt->levels;

	if (fmt->canonical && va >> (bits - 1) & 1)
		va |= BITS(63, bits);
	return (struct ptab_leaf){
		.va = va & ~(span(level) - 1),
		.size = span(level),
		.pa = leaf_pa(fmt, entry, level),
		.prot = fmt->decode(entry, level),
		.entry = entry,
	};
}

int ptab_lookup(const struct ptab *pt, u64 va, struct ptab_leaf *out)
{
	const u64 *table = pt->root;

	if (!range_ok(pt->fmt, va & ~PAGE_MASK, PAGE_SIZE))
		return -ENOENT;
	for (u8 level = pt->fmt->levels - 1;; level--) {
		u64 e = entry_get(&table[index_of(va, level)]);

		if (!pt->fmt->present(e))
			return -ENOENT;
		if (is_leaf(pt->fmt, e, level)) {
			*out = leaf_at(pt->fmt, e, level, va);
			return 0;
		}
		table = table_of(pt->fmt, e);
	}
}

struct walk {
	const struct ptab_format *fmt;
	int (*fn)(void *ctx, const struct ptab_leaf *leaf);
	void *ctx;
};

static int walk_table(const struct walk *w, const u64 *table, u8 level, u64 va)
{
	int err = 0;

	for (u32 i = 0; i < PTAB_ENTRIES && !err; i++, va += span(level)) {
		u64 e = entry_get(&table[i]);

		if (!w->fmt->present(e))
			continue;
		if (is_leaf(w->fmt, e, level)) {
			struct ptab_leaf leaf = leaf_at(w->fmt, e, level, va);

			err = w->fn(w->ctx, &leaf);
		} else {
			err = walk_table(w, table_of(w->fmt, e), level - 1, va);
		}
	}
	return err;
}

int ptab_walk(const struct ptab *pt, int (*fn)(void *ctx, const struct ptab_leaf *leaf), void *ctx)
{
	struct walk w = { .fmt = pt->fmt, .fn = fn, .ctx = ctx };

	return walk_table(&w, pt->root, pt->fmt->levels - 1, 0);
}
