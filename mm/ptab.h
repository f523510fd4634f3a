/*
 * The radix page-table engine: one walker for the host's tables, EPT, NPT and later the IOMMUs.
 * A format says how entries look; nothing here flushes or locks, the owner does.
 */
#pragma once

#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"

#define PTAB_R        BIT(0)
#define PTAB_W        BIT(1)
#define PTAB_X        BIT(2)
#define PTAB_USER     BIT(3)
#define PTAB_GLOBAL   BIT(4)
#define PTAB_UNCACHED BIT(5)
#define PTAB_SHADOW   BIT(6) /* a shadow stack: without W and X; the host's format alone */

struct ptab_format {
	u8 levels; /* 4: the root is level 3, its leaves would be 512 GiB; level 0 leaves are 4 KiB */
	u8 max_leaf;    /* the highest level that may hold a leaf */
	u64 addr_mask;  /* address bits of an entry */
	u64 table_bits; /* bits of an entry that points at a table */
	u8 level_shift; /* where such an entry has the level of that table, counted from 1; 0: nowhere */
	u64 keep_bits;  /* leaf bits that a split or a change of rights keeps: accessed and dirty */
	bool canonical; /* addresses are sign-extended from their highest bit */
	bool incoherent; /* who walks it does not look into the caches: all that is written goes on to memory */
	bool (*present)(u64 entry);
	bool (*leaf)(u64 entry, u8 level);  /* of a present entry */
	u64 (*encode)(u32 prot, u8 level);  /* bits of a leaf beside its address */
	u32 (*decode)(u64 entry, u8 level); /* back to PTAB_* */
};

struct ptab {
	const struct ptab_format *fmt;
	u64 *root;
	u64 tables; /* table pages in use, the root included */
};

/* Takes a root page. -ENOMEM. */
int ptab_init(struct ptab *pt, const struct ptab_format *fmt) __must_check;

/* Frees all tables (not what the leaves map), except those below the shared entries skip_first.. */
void ptab_destroy(struct ptab *pt, u32 shared_first);

/*
 * The entry for va at that level; makes the tables above it. NULL when memory is short. For owners
 * that fill levels ahead of use: tables that exist stay until ptab_destroy().
 */
u64 *ptab_entry(struct ptab *pt, u64 va, u8 level) __must_check;

/*
 * Maps len bytes at va to pa with the largest leaves that fit. Nothing may be mapped there:
 * -EEXIST; -ENOMEM; -EINVAL (not page-aligned, out of range). On an error what was mapped of the
 * range stays; unmap it.
 */
int ptab_map(struct ptab *pt, u64 va, paddr_t pa, u64 len, u32 prot) __must_check;

/* Removes what is mapped in the range, splitting larger leaves. Tables stay. -ENOMEM from a split. */
int ptab_unmap(struct ptab *pt, u64 va, u64 len) __must_check;

/* Changes the rights of what is mapped in the range. -ENOMEM from a split. */
int ptab_protect(struct ptab *pt, u64 va, u64 len, u32 prot) __must_check;

/*
 * The table of 4 KiB leaves that was used last, all zero at first: with it the two below do what those above do, and
 * where they find themselves in that table again in a few instructions. No bits of leaves are kept. One at a time.
 */
struct ptab_near {
	u64 va;
	u64 *table;
};
int ptab_map_near(struct ptab *pt, struct ptab_near *near, u64 va, paddr_t pa, u64 len, u32 prot)
	__must_check;
int ptab_unmap_near(struct ptab *pt, struct ptab_near *near, u64 va, u64 len) __must_check;

struct ptab_leaf {
	u64 va, size;
	paddr_t pa;
	u32 prot;
	u64 entry;
};

/* Finds the leaf that maps va; -ENOENT. */
int ptab_lookup(const struct ptab *pt, u64 va, struct ptab_leaf *out) __must_check;

/* Calls fn for each leaf in ascending order; a non-zero return ends the walk and is returned. */
int ptab_walk(const struct ptab *pt, int (*fn)(void *ctx, const struct ptab_leaf *leaf), void *ctx);

/* The host's own four-level format, W^X asserted: with leaves of up to 2 MiB and up to 1 GiB. */
extern const struct ptab_format ptab_host;
extern const struct ptab_format ptab_host_1g;
