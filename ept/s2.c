/*
 * A VM's second stage: the ptab engine under a lock, and the rule that makes removal safe: change
 * the tables, raise the generation, make every vCPU leave guest mode. Whoever enters afterwards
 * sees the new generation and flushes first.
 */
#include "ept/s2.h"

#include "arch/paging.h"
#include "core/panic.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/page.h"

/* 2 MiB until the backend says more. Const after start. */
static u8 leaf_limit = 1;

void s2_limit_leaf(u8 max_level)
{
	leaf_limit = max_level;
}

int s2_init(struct s2 *s2, const struct ptab_format *fmt, void (*kick_all)(void *ctx), void *ctx)
{
	s2->fmt = *fmt;
	s2->fmt.max_leaf = MIN(fmt->max_leaf, leaf_limit);
	spin_init(&s2->lock, RANK_ASPACE, "s2");
	s2->generation = 1;
	s2->kick_all = kick_all;
	s2->ctx = ctx;
	return ptab_init(&s2->pt, &s2->fmt);
}

void s2_destroy(struct s2 *s2)
{
	if (s2->pt.root)
		ptab_destroy(&s2->pt, PTAB_ENTRIES);
	s2->pt.root = NULL;
}

struct range {
	u64 start, end;
};

static int find_overlap(void *ctx, const struct ptab_leaf *leaf)
{
	const struct range *r = ctx;

	return leaf->va < r->end && r->start < leaf->va + leaf->size ? -EEXIST : 0;
}

/* With the lock held: after tables lost something. */
static void generation_raise(struct s2 *s2)
{
	/* Release pairs with the acquire before entry: who sees it sees the tables as they are now. */
	atomic_store_release(&s2->generation, s2->generation + 1);
}

int s2_map(struct s2 *s2, gpa_t gpa, paddr_t pa, u64 len, u32 prot)
{
	struct range r = { gpa.v, gpa.v + len };
	int err;

	spin_lock(&s2->lock);
	err = ptab_walk(&s2->pt, find_overlap, &r);
	if (!err)
		err = ptab_map(&s2->pt, gpa.v, pa, len, prot);
	if (err == -ENOMEM) {
		/* Nothing else is mapped there, so whole leaves go: no split, no failure. */
		int undo = ptab_unmap(&s2->pt, gpa.v, len);

		ASSERT(!undo);
		generation_raise(s2);
	}
	spin_unlock(&s2->lock);
	if (err == -ENOMEM)
		s2->kick_all(s2->ctx);
	return err;
}

int s2_unmap(struct s2 *s2, gpa_t gpa, u64 len)
{
	int err;

	spin_lock(&s2->lock);
	err = ptab_unmap(&s2->pt, gpa.v, len);
	generation_raise(s2);
	spin_unlock(&s2->lock);
	/* Also after an error: part of the range may be gone. */
	s2->kick_all(s2->ctx);
	return err;
}

paddr_t s2_root(const struct s2 *s2)
{
	return virt_to_phys(s2->pt.root);
}

u64 s2_table_bytes(const struct s2 *s2)
{
	return s2->pt.tables * PAGE_SIZE;
}
