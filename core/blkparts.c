/*
 * Requests that a device does not take as they are: too long, of too many pieces, of pieces that are not aligned, or
 * zeroing that it cannot do. They go in parts, of which each device has a fixed number; what is not aligned goes by a
 * part's own buffer. The first error is the request's, and nothing more of it is sent then.
 */
#include "core/blk_impl.h"
#include "core/panic.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/page.h"

#define PARTS        4u
#define BOUNCE_ORDER 3u
#define BOUNCE_SIZE  (PAGE_SIZE << BOUNCE_ORDER)

struct part {
	struct blk_request r; /* r.owner: what it is a part of */
	struct dma_piece pieces[BLK_PIECES_MAX];
	u8 *bounce;   /* const; NULL: none is needed of this device */
	bool bounced; /* by the drainer */
	bool busy;    /* the drainer's */
	u64 at;       /* where in the request it begins */
};

struct blk_parts {
	struct part part[PARTS];
	struct list done; /* blkdev's lock: parts that the driver has done */
	void *zeroes;     /* const: a page */
};

int blkparts_create(struct blkdev *b)
{
	bool bounces = b->piece_align > 1 || b->max_pieces < BLK_PIECES_MAX;
	struct blk_parts *p = kalloc(sizeof(*p));

	b->parts = p;
	if (!p)
		return -ENOMEM;
	list_init(&p->done);
	p->zeroes = b->can_zero ? NULL : page_alloc(0);
	if (!p->zeroes && !b->can_zero)
		return -ENOMEM;
	for (u32 i = 0; bounces && i < PARTS; i++) {
		p->part[i].bounce = page_alloc(BOUNCE_ORDER);
		if (!p->part[i].bounce)
			return -ENOMEM;
	}
	return 0;
}

void blkparts_destroy(struct blkdev *b)
{
	struct blk_parts *p = b->parts;

	if (!p)
		return;
	for (u32 i = 0; i < PARTS; i++)
		if (p->part[i].bounce)
			page_free(p->part[i].bounce, BOUNCE_ORDER);
	if (p->zeroes)
		page_free(p->zeroes, 0);
	kfree(p);
	b->parts = NULL;
}

/* --- what a device takes ------------------------------------------------------------------------- */

static bool moves_data(const struct blk_request *r)
{
	return r->op == BLK_READ || r->op == BLK_WRITE;
}

static u64 longest(const struct blkdev *b, u8 op)
{
	if (op == BLK_DISCARD && b->max_discard)
		return b->max_discard;
	if (op == BLK_ZERO && b->can_zero && b->max_zero)
		return b->max_zero;
	return b->max_len;
}

static bool is_aligned(const struct blkdev *b, const struct blk_request *r)
{
	u64 bits = 0;

	if (b->piece_align == 1)
		return true;
	for (u32 i = 0; i < r->piece_count; i++)
		bits |= r->pieces[i].pa.v | r->pieces[i].len;
	return !(bits & (b->piece_align - 1));
}

bool blkparts_needed(const struct blkdev *b, const struct blk_request *r)
{
	if (r->op == BLK_FLUSH)
		return false;
	if (r->len > longest(b, r->op) || (r->op == BLK_ZERO && !b->can_zero))
		return true;
	return moves_data(r) && (r->piece_count > b->max_pieces || !is_aligned(b, r));
}

/* --- a part ------------------------------------------------------------------------------------------ */

/* Copies n bytes between a buffer and the request's pieces, from byte at on. -EINVAL: not the hypervisor's memory. */
static int copy(const struct blk_request *r, u64 at, u8 *buf, u64 n, bool to_pieces)
{
	for (u32 i = 0; n && i < r->piece_count; i++) {
		const struct dma_piece *p = &r->pieces[i];
		u64 len = at < p->len ? MIN(n, p->len - at) : 0;
		u8 *memory = len ? blkdev_memory(p) : NULL;

		if (len && !memory)
			return -EINVAL;
		if (len && to_pieces)
			memcpy(memory + at, buf, len);
		else if (len)
			memcpy(buf, memory + at, len);
		at -= MIN(at, p->len);
		buf += len;
		n -= len;
	}
	return 0;
}

/* Pieces for as much of r from r->sent on as the device takes at once, in whole blocks; 0: a block has too many. */
static u64 gather(const struct blkdev *b, const struct blk_request *r, struct part *p)
{
	u64 skip = r->sent, n = 0, too_much;
	u16 count = 0;

	for (u32 i = 0; i < r->piece_count && count < b->max_pieces && n < b->max_len; i++) {
		const struct dma_piece *from = &r->pieces[i];
		u64 len = skip < from->len ? MIN(from->len - skip, b->max_len - n) : 0;

		if (len)
			p->pieces[count++] =
				(struct dma_piece){ PADDR(from->pa.v + skip), (u32)len };
		skip -= MIN(skip, from->len);
		n += len;
	}
	too_much = n % b->block_size;
	n -= too_much;
	while (too_much) {
		u32 cut = (u32)MIN(too_much, p->pieces[count - 1].len);

		p->pieces[count - 1].len -= cut;
		too_much -= cut;
		count -= !p->pieces[count - 1].len;
	}
	p->r.piece_count = count;
	return n;
}

static u64 zero_pieces(const struct blkdev *b, const struct blk_request *r, struct part *p)
{
	u64 left = MIN(r->len - r->sent, b->max_len), n = 0;
	u16 count = 0;

	for (; n < left && count < b->max_pieces; count++) {
		u32 len = (u32)MIN(left - n, PAGE_SIZE);

		p->pieces[count] = (struct dma_piece){ virt_to_phys(b->parts->zeroes), len };
		n += len;
	}
	p->r.op = BLK_WRITE;
	p->r.piece_count = count;
	return n;
}

static u64 bounce(const struct blkdev *b, const struct blk_request *r, struct part *p, int *err)
{
	u64 n = MIN(MIN(r->len - r->sent, BOUNCE_SIZE), b->max_len);

	p->bounced = true;
	p->pieces[0] = (struct dma_piece){ virt_to_phys(p->bounce), (u32)n };
	p->r.piece_count = 1;
	if (r->op == BLK_WRITE)
		*err = copy(r, r->sent, p->bounce, n, false);
	return n;
}

static int fill(struct blkdev *b, struct blk_request *r, struct part *p)
{
	int err = 0;

	p->r = (struct blk_request){ .op = r->op,
				     .flags = r->flags,
				     .offset = r->offset + r->sent,
				     .pieces = p->pieces,
				     .owner = r,
				     .dev = b,
				     .part = true };
	p->at = r->sent;
	p->bounced = false;
	if (moves_data(r)) {
		p->r.len = is_aligned(b, r) ? gather(b, r, p) : 0;
		if (!p->r.len)
			p->r.len = bounce(b, r, p, &err);
	} else if (r->op == BLK_ZERO && !b->can_zero) {
		p->r.len = zero_pieces(b, r, p);
	} else {
		p->r.len = MIN(r->len - r->sent, longest(b, r->op));
	}
	return err;
}

static struct part *find_idle(struct blk_parts *p)
{
	for (u32 i = 0; i < PARTS; i++)
		if (!p->part[i].busy)
			return &p->part[i];
	return NULL;
}

/* Keeps the first error. */
static void note(struct blk_request *r, int err)
{
	s32 none = 0;

	if (err)
		(void)atomic_cas(&r->status, &none, err);
}

static void part_over(struct blk_request *r)
{
	if (atomic_fetch_sub(&r->parts, 1) == 1)
		blkdev_finish(r, r->status);
}

int blkparts_send(struct blkdev *b, struct blk_request *r)
{
	while (r->sent < r->len && !r->status) {
		struct part *p = find_idle(b->parts);
		int err;

		if (!p)
			return -EAGAIN;
		err = fill(b, r, p);
		if (!err && atomic_load_relaxed(&b->gone))
			err = -ENODEV;
		if (!err) {
			u64 len = p->r.len;

			p->busy = true;
			atomic_fetch_add(&r->parts, 1);
			err = b->ops->submit(b, &p->r);
			if (!err) {
				r->sent += len;
				continue;
			}
			p->busy = false;
			atomic_fetch_sub(&r->parts, 1);
		}
		if (err == -EAGAIN)
			return err;
		note(r, err);
	}
	part_over(r);
	return 0;
}

void blkparts_done(struct blk_request *part, int status)
{
	struct blkdev *b = part->dev;
	u64 flags;

	/* Else the device might go between the two: it is there while the request is, which the drainer may end. */
	atomic_fetch_add(&b->active, 1);
	part->status = status;
	flags = spin_lock_irq(&b->lock);
	list_add_tail(&b->parts->done, &part->node);
	spin_unlock_irq(&b->lock, flags);
	blkdev_room(b);
	atomic_fetch_sub(&b->active, 1); /* pairs with blkdev_remove() */
}

static struct part *take_done(struct blkdev *b)
{
	struct part *p = NULL;
	u64 flags = spin_lock_irq(&b->lock);

	if (!list_empty(&b->parts->done)) {
		p = list_entry(b->parts->done.next, struct part, r.node);
		list_del(&p->r.node);
	}
	spin_unlock_irq(&b->lock, flags);
	return p;
}

bool blkparts_reap(struct blkdev *b)
{
	bool any = false;
	struct part *p;

	while ((p = take_done(b))) {
		struct blk_request *r = p->r.owner;
		int err = p->r.status;

		if (!err && p->bounced && r->op == BLK_READ)
			err = copy(r, p->at, p->bounce, p->r.len, true);
		note(r, err);
		p->busy = false;
		part_over(r);
		any = true;
	}
	return any;
}
