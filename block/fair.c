/*
 * Fair shares of disks, by start times (start-time fair queueing, Goyal, Vin and Cheng 1996): each owner has a count of
 * what it had, divided by its weight; the least goes next. Who comes back after having wanted nothing, or having been held
 * by a limit, begins where the disk is: it has no claim to what it did not ask for.
 */
#include "block/fair.h"

#include "core/clock.h"
#include "core/thread.h"
#include "core/timer.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/heap.h"

#define NS_PER_MS 1000000u
#define COST_MIN  4096u /* of a request, however short: bytes */
#define COST_MAX  MIB   /* of one that moves no data, however long */
#define SCALE     1024u

struct fair_queue {
	struct blkdev *dev; /* const; the whole disk */
	u32 users;          /* queues_lock */

	struct spinlock lock; /* RANK_BLK_FAIR: all below, and its owners */
	struct list owners;
	u32 depth;          /* requests that the disk has */
	u32 waiting;        /* requests that it has not */
	u64 now;            /* what the owner that sent last had had then */
	struct timer timer; /* the end of a limit's wait */
	struct blk_work work;
};

static struct spinlock queues_lock = SPINLOCK_INIT(RANK_BLKDEVS, "fair queues"); /* blkdev.queue */

static bool moves_data(const struct blk_request *r)
{
	return r->op == BLK_READ || r->op == BLK_WRITE;
}

static u64 cost(const struct blk_request *r)
{
	u64 len = moves_data(r) ? r->len : MIN(r->len, COST_MAX);

	return MIN(MAX(len, COST_MIN), BIT(40));
}

/* Limits are for data, both ways: what a flush or a discard costs is not known. */
static u64 wait_of(const struct fair_owner *o, const struct blk_request *r, u64 now)
{
	if (!moves_data(r) || atomic_load_relaxed(&o->queue->dev->gone))
		return 0;
	return iotune_wait(&o->tune, r->op == BLK_WRITE, now);
}

static struct fair_request *first(struct fair_owner *o)
{
	return list_entry(o->waiting.next, struct fair_request, node);
}

/* Who sends next; NULL: nobody may, and *wait is how long that stays so at least. */
static struct fair_owner *choose(struct fair_queue *q, u64 now, u64 *wait)
{
	struct fair_owner *best = NULL;

	*wait = ~0ULL;
	list_for_each(node, &q->owners) {
		struct fair_owner *o = list_entry(node, struct fair_owner, node);
		u64 ns;

		if (list_empty(&o->waiting))
			continue;
		ns = wait_of(o, &first(o)->r, now);
		if (ns) {
			o->waits += !o->held;
			o->held = true;
			*wait = MIN(*wait, ns);
			continue;
		}
		if (o->held)
			o->had = MAX(o->had, q->now);
		o->held = false;
		if (!best || o->had < best->had)
			best = o;
	}
	return best;
}

/* The next request to send, which counts as sent; NULL: none now. */
static struct fair_request *take(struct fair_queue *q)
{
	struct fair_request *f = NULL;
	u64 flags = spin_lock_irq(&q->lock), now = clock_ns(), wait;
	struct fair_owner *o = q->depth < FAIR_DEPTH ? choose(q, now, &wait) : NULL;

	if (o) {
		f = first(o);
		list_del(&f->node);
		q->waiting--;
		q->depth++;
		q->now = MAX(q->now, o->had);
		o->had += cost(&f->r) * SCALE / o->weight;
		if (moves_data(&f->r))
			iotune_charge(&o->tune, f->r.op == BLK_WRITE, f->r.len, now);
	} else if (q->depth < FAIR_DEPTH && wait != ~0ULL) {
		timer_arm(&q->timer, now + wait);
	}
	spin_unlock_irq(&q->lock, flags);
	return f;
}

static void dispatch(struct fair_queue *q)
{
	struct fair_request *f;

	while ((f = take(q)))
		blkdev_submit(f->owner->dev, &f->r);
}

static void dispatch_work(struct blk_work *w)
{
	dispatch(container_of(w, struct fair_queue, work));
}

static void wait_over(struct timer *t)
{
	blk_work(&container_of(t, struct fair_queue, timer)->work);
}

static void request_done(struct blk_request *r, int status)
{
	struct fair_request *f = container_of(r, struct fair_request, r);
	struct fair_owner *o = f->owner;
	struct fair_queue *q = o->queue;
	u64 flags = spin_lock_irq(&q->lock);
	bool more = q->waiting;

	q->depth--;
	spin_unlock_irq(&q->lock, flags);
	if (more)
		blk_work(&q->work);
	r->done = f->done;
	r->done(r, status);
	/* The last that is done with owner and queue. Pairs with fair_stop(). */
	__atomic_fetch_sub(&o->active, 1, __ATOMIC_RELEASE);
}

void fair_submit(struct fair_owner *o, struct fair_request *f)
{
	struct fair_queue *q = o->queue;
	u64 flags;

	atomic_fetch_add(&o->active, 2); /* pairs with fair_stop(): the request's, and ours */
	f->owner = o;
	f->done = f->r.done;
	f->r.done = request_done;
	flags = spin_lock_irq(&q->lock);
	if (list_empty(&o->waiting))
		o->had = MAX(o->had, q->now);
	list_add_tail(&o->waiting, &f->node);
	q->waiting++;
	spin_unlock_irq(&q->lock, flags);
	dispatch(q);
	__atomic_fetch_sub(&o->active, 1, __ATOMIC_RELEASE); /* pairs with fair_stop() */
}

/* --- owners ----------------------------------------------------------------------------------------- */

static struct fair_queue *queue_new(struct blkdev *dev)
{
	struct fair_queue *q = kalloc(sizeof(*q));

	if (!q)
		return NULL;
	*q = (struct fair_queue){ .dev = dev, .work = { .fn = dispatch_work } };
	spin_init(&q->lock, RANK_BLK_FAIR, "fair queue");
	list_init(&q->owners);
	timer_init(&q->timer, wait_over);
	return q;
}

/* The disk's queue, with a user more. */
static struct fair_queue *queue_get(struct blkdev *dev)
{
	struct fair_queue *fresh = queue_new(dev), *q;

	if (!fresh)
		return NULL;
	spin_lock(&queues_lock);
	if (!dev->queue)
		dev->queue = fresh;
	q = dev->queue;
	q->users++;
	spin_unlock(&queues_lock);
	if (q != fresh)
		kfree(fresh);
	return q;
}

static void queue_put(struct fair_queue *q)
{
	bool last;

	spin_lock(&queues_lock);
	last = !--q->users;
	if (last)
		q->dev->queue = NULL;
	spin_unlock(&queues_lock);
	if (!last)
		return;
	timer_cancel(&q->timer);
	blk_work_cancel(&q->work);
	kfree(q);
}

int fair_start(struct fair_owner *o, struct blkdev *b)
{
	u64 flags;

	*o = (struct fair_owner){ .dev = b, .weight = FAIR_WEIGHT_DEFAULT };
	list_init(&o->waiting);
	o->queue = queue_get(b->parent ? b->parent : b);
	if (!o->queue)
		return -ENOMEM;
	flags = spin_lock_irq(&o->queue->lock);
	list_add_tail(&o->queue->owners, &o->node);
	spin_unlock_irq(&o->queue->lock, flags);
	return 0;
}

void fair_stop(struct fair_owner *o)
{
	struct fair_queue *q = o->queue;
	u64 flags;

	while (atomic_load_acquire(&o->active)) /* pairs with request_done() and fair_submit() */
		thread_block_until(clock_ns() + NS_PER_MS);
	flags = spin_lock_irq(&q->lock);
	list_del(&o->node);
	spin_unlock_irq(&q->lock, flags);
	queue_put(q);
}

int fair_set_weight(struct fair_owner *o, u32 weight)
{
	u64 flags;

	if (!weight || weight > FAIR_WEIGHT_MAX)
		return -EINVAL;
	flags = spin_lock_irq(&o->queue->lock);
	o->weight = weight;
	spin_unlock_irq(&o->queue->lock, flags);
	return 0;
}

int fair_set_limits(struct fair_owner *o, const struct iotune *t)
{
	u64 flags;
	int err = iotune_check(t);

	if (err)
		return err;
	flags = spin_lock_irq(&o->queue->lock);
	iotune_set(&o->tune, t);
	spin_unlock_irq(&o->queue->lock, flags);
	/* What a limit held may go now. */
	blk_work(&o->queue->work);
	return 0;
}
