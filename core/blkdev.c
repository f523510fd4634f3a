/*
 * Block devices: who is there, and a request's way from its submitter to a driver and back. Each is checked before a
 * driver sees it; a partition's is moved to its place on the disk; what the driver has no room for waits in order.
 */
#include "core/blkdev.h"

#include "core/blk_impl.h"
#include "core/clock.h"
#include "core/panic.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/page.h"

#define NS_PER_MS 1000000u

static struct spinlock list_lock = SPINLOCK_INIT(RANK_BLKDEVS, "block devices");
static struct list devices = LIST_INIT(devices); /* list_lock; by name */
static const struct blkdev_watch *watch;         /* const once there are devices */

/* --- who is there -------------------------------------------------------------------------------- */

static bool is_power_of_2(u64 n)
{
	return n && !(n & (n - 1));
}

static int check_device(struct blkdev *b)
{
	u32 bs = b->block_size;

	b->max_pieces = b->max_pieces ? b->max_pieces : BLK_PIECES_MAX;
	b->piece_align = b->piece_align ? b->piece_align : 1;
	b->physical_block_size = MAX(b->physical_block_size, bs);
	if (!is_power_of_2(bs) || bs < 512 || bs > PAGE_SIZE || !b->size || b->size % bs)
		return -EINVAL;
	if (!b->max_len || b->max_len % bs || b->max_discard % bs || b->max_zero % bs)
		return -EINVAL;
	if (b->max_pieces > BLK_PIECES_MAX || !is_power_of_2(b->piece_align) || b->piece_align > bs)
		return -EINVAL;
	if (b->parent && (b->start > b->parent->size || b->size > b->parent->size - b->start ||
			  b->start % bs || b->parent->parent))
		return -EINVAL;
	return memchr(b->name, '\0', sizeof(b->name)) && b->name[0] ? 0 : -EINVAL;
}

static struct blkdev *find(const char *name)
{
	list_for_each(node, &devices) {
		struct blkdev *b = list_entry(node, struct blkdev, node);

		if (!strcmp(b->name, name))
			return b;
	}
	return NULL;
}

static u32 digits(const char *s)
{
	u32 n = 0;

	while (s[n] >= '0' && s[n] <= '9')
		n++;
	return n;
}

/* Numbers count as numbers: "nvme0n2" before "nvme0n10". */
static bool comes_before(const char *a, const char *b)
{
	bool number = false;
	u32 la, lb;

	for (; *a && *a == *b; a++, b++)
		number = digits(a);
	la = digits(a);
	lb = digits(b);
	if ((number || (la && lb)) && la != lb)
		return la < lb;
	return strcmp(a, b) < 0;
}

static int list_in(struct blkdev *b)
{
	struct list *before;
	int err = 0;

	spin_lock(&list_lock);
	for (before = devices.next; before != &devices; before = before->next)
		if (comes_before(b->name, list_entry(before, struct blkdev, node)->name))
			break;
	if (find(b->name))
		err = -EEXIST;
	else
		list_insert_before(before, &b->node);
	spin_unlock(&list_lock);
	return err;
}

static void drain(struct blkdev *b);

static void room_work(struct blk_work *w)
{
	drain(container_of(w, struct blkdev, room));
}

int blkdev_add(struct blkdev *b)
{
	int err = check_device(b);

	if (err)
		return err;
	spin_init(&b->lock, RANK_BLK, "block device");
	list_init(&b->waiting);
	list_init(&b->node);
	b->room = (struct blk_work){ .fn = room_work };
	b->refs = b->gone = b->active = b->waiting_count = b->drains = 0;
	b->claimed[0] = '\0';
	b->stats = kalloc(sizeof(*b->stats));
	if (!b->stats)
		return -ENOMEM;
	err = b->parent ? 0 : blkparts_create(b);
	if (!err)
		err = list_in(b);
	if (err) {
		blkparts_destroy(b);
		kfree(b->stats);
		b->stats = NULL;
		return err;
	}
	if (!b->parent)
		blk_node_add(b);
	if (watch && watch->added)
		watch->added(b);
	return 0;
}

static bool referenced(struct blkdev *b)
{
	bool is;

	spin_lock(&list_lock);
	is = b->refs;
	spin_unlock(&list_lock);
	return is;
}

void blkdev_remove(struct blkdev *b)
{
	/* Either a submitter sees it, or we see the submitter's count: pairs with enter(). */
	atomic_xchg(&b->gone, 1);
	spin_lock(&list_lock);
	list_del(&b->node);
	spin_unlock(&list_lock);
	if (!b->parent)
		hostdev_remove(&b->hostdev);
	if (watch && watch->removing)
		watch->removing(b);
	drain(b);
	/*
	 * Looked at again and again: the last that who ends a request does with the device is to count it off.
	 * Pairs with leave().
	 */
	while (atomic_load_acquire(&b->active) || referenced(b))
		thread_block_until(clock_ns() + NS_PER_MS);
	blk_work_cancel(&b->room);
	blkparts_destroy(b);
	kfree(b->stats);
	b->stats = NULL;
}

struct blkdev *blkdev_get(const char *name)
{
	struct blkdev *b;

	spin_lock(&list_lock);
	b = find(name);
	if (b)
		b->refs++;
	spin_unlock(&list_lock);
	return b;
}

void blkdev_put(struct blkdev *b)
{
	spin_lock(&list_lock);
	ASSERT(b->refs);
	b->refs--;
	spin_unlock(&list_lock);
}

struct blkdev *blkdev_next(struct blkdev *b)
{
	struct blkdev *next = NULL;

	spin_lock(&list_lock);
	list_for_each(node, &devices) {
		struct blkdev *d = list_entry(node, struct blkdev, node);

		/* By name, as b may have left the list. */
		if (!b || comes_before(b->name, d->name)) {
			next = d;
			next->refs++;
			break;
		}
	}
	if (b)
		b->refs--;
	spin_unlock(&list_lock);
	return next;
}

void blkdev_watch(const struct blkdev_watch *w)
{
	watch = w;
}

/* --- who has a device to itself; list_lock ----------------------------------------------------------- */

static const char *claimer(const struct blkdev *b)
{
	if (b->claimed[0])
		return b->claimed;
	if (b->parent && b->parent->claimed[0])
		return b->parent->claimed;
	list_for_each(node, &devices) {
		const struct blkdev *d = list_entry(node, struct blkdev, node);

		if (d->parent == b && d->claimed[0])
			return d->claimed;
	}
	return NULL;
}

int blkdev_claim(struct blkdev *b, const char *who)
{
	int err = -EBUSY;

	spin_lock(&list_lock);
	if (!claimer(b)) {
		err = 0;
		if (str_copy(b->claimed, sizeof(b->claimed), *who ? who : "?"))
			err = 0; /* cut: it is for people */
	}
	spin_unlock(&list_lock);
	return err;
}

void blkdev_release(struct blkdev *b)
{
	spin_lock(&list_lock);
	b->claimed[0] = '\0';
	spin_unlock(&list_lock);
}

bool blkdev_claimed(struct blkdev *b, char who[BLKDEV_NAME_MAX])
{
	const char *by;

	spin_lock(&list_lock);
	by = claimer(b);
	if (by)
		memcpy(who, by, BLKDEV_NAME_MAX);
	spin_unlock(&list_lock);
	return by;
}

/* --- checks -------------------------------------------------------------------------------------- */

static bool moves_data(const struct blk_request *r)
{
	return r->op == BLK_READ || r->op == BLK_WRITE;
}

static int check_pieces(const struct blk_request *r)
{
	u64 sum = 0;

	if (!moves_data(r))
		return r->piece_count ? -EINVAL : 0;
	if (!r->piece_count || r->piece_count > BLK_PIECES_MAX)
		return -EINVAL;
	for (u32 i = 0; i < r->piece_count; i++) {
		const struct dma_piece *p = &r->pieces[i];

		if (!p->len || p->pa.v + p->len < p->pa.v)
			return -EINVAL;
		sum += p->len;
	}
	return sum == r->len ? 0 : -EINVAL;
}

int blkdev_check(const struct blkdev *b, const struct blk_request *r)
{
	const struct blkdev *whole = b->parent ? b->parent : b;
	u8 flags = BLK_MORE | (r->op == BLK_WRITE || r->op == BLK_ZERO ? BLK_FUA : 0);

	if (r->op >= BLK_OPS || r->flags & ~flags)
		return -EINVAL;
	if (r->op == BLK_FLUSH)
		return r->offset || r->len || r->piece_count ? -EINVAL : 0;
	if (!r->len || r->offset % b->block_size || r->len % b->block_size)
		return -EINVAL;
	if (r->offset > b->size || r->len > b->size - r->offset)
		return -EINVAL;
	if (r->op != BLK_READ && (b->read_only || whole->read_only))
		return -EPERM;
	if (r->op == BLK_DISCARD && !whole->can_discard)
		return -ENOTSUP;
	return check_pieces(r);
}

/* --- a request's way ------------------------------------------------------------------------------- */

static void enter(struct blkdev *b)
{
	atomic_fetch_add(&b->active, 1); /* pairs with blkdev_remove() */
}

static void leave(struct blkdev *b)
{
	/* All that was done with the device comes before: pairs with blkdev_remove(), after which it may be gone. */
	__atomic_fetch_sub(&b->active, 1, __ATOMIC_RELEASE);
}

static bool is_gone(const struct blkdev *b)
{
	return atomic_load_acquire(&b->gone); /* pairs with blkdev_remove() */
}

static void add(u64 *figure, u64 n)
{
	__atomic_fetch_add(figure, n, __ATOMIC_RELAXED);
}

static u32 bucket(u64 ns)
{
	u32 log = ns ? 63u - (u32)__builtin_clzll(ns) : 0;

	return MIN(log, BLK_HISTOGRAM - 1);
}

static void count(struct blk_stats *s, const struct blk_request *r, u64 ns, int status)
{
	if (r->op >= BLK_OPS)
		return;
	add(&s->requests[r->op], 1);
	add(&s->total_ns[r->op], ns);
	add(&s->histogram[r->op][bucket(ns)], 1);
	add(status ? &s->errors[r->op] : &s->bytes[r->op], status ? 1 : r->len);
}

void blkdev_finish(struct blk_request *r, int status)
{
	struct blkdev *b = r->dev, *whole = blkdev_whole(b);
	u64 ns = clock_ns() - r->started_ns;

	r->offset -= b->start;
	count(b->stats, r, ns, status);
	if (whole != b)
		count(whole->stats, r, ns, status);
	r->dev = NULL;
	r->done(r, status);
	if (whole != b)
		leave(whole);
	leave(b);
}

void blkdev_done(struct blk_request *r, int status)
{
	struct blkdev *whole = blkdev_whole(r->dev);

	/* The request keeps the device there until it is finished. Pairs with wait_for_room(). */
	if (atomic_load_acquire(&whole->waiting_count))
		blkdev_room(whole);
	if (r->part)
		blkparts_done(r, status);
	else
		blkdev_finish(r, status);
}

void blkdev_room(struct blkdev *b)
{
	blk_work(&b->room);
}

static struct blk_request *take_waiting(struct blkdev *b)
{
	struct blk_request *r = NULL;
	u64 flags = spin_lock_irq(&b->lock);

	if (!list_empty(&b->waiting)) {
		r = list_entry(b->waiting.next, struct blk_request, node);
		list_del(&r->node);
	}
	spin_unlock_irq(&b->lock, flags);
	return r;
}

static void put_back(struct blkdev *b, struct blk_request *r)
{
	u64 flags = spin_lock_irq(&b->lock);

	list_add(&b->waiting, &r->node);
	spin_unlock_irq(&b->lock, flags);
}

/* Sends what waits until the driver has no room. */
static void send_waiting(struct blkdev *b)
{
	struct blk_request *r;
	int err;

	while ((r = take_waiting(b))) {
		r->flags &= (u8)~BLK_MORE;
		if (r->split)
			err = blkparts_send(b, r);
		else
			err = is_gone(b) ? -ENODEV : b->ops->submit(b, r);
		if (err == -EAGAIN) {
			put_back(b, r);
			return;
		}
		/* Not before: who counts 0 goes past those that wait. */
		atomic_fetch_sub(&b->waiting_count, 1);
		if (err)
			blkdev_finish(r, err);
	}
}

/* One thread at a time, so that order stays; who comes meanwhile has the one that is there do it again. */
static void drain(struct blkdev *b)
{
	u32 n;

	if (b->parent || atomic_fetch_add(&b->drains, 1)) /* pairs with the subtraction below */
		return;
	do {
		n = atomic_load_acquire(&b->drains);
		do {
			send_waiting(b);
		} while (blkparts_reap(b));
	} while (atomic_fetch_sub(&b->drains, n) != n); /* pairs with the addition above */
}

static void wait_for_room(struct blkdev *b, struct blk_request *r)
{
	u64 flags = spin_lock_irq(&b->lock);

	atomic_fetch_add(&b->waiting_count, 1); /* pairs with blkdev_done() */
	list_add_tail(&b->waiting, &r->node);
	spin_unlock_irq(&b->lock, flags);
	/* Asked again in any case: room may have come before the count was there to see. */
	drain(b);
}

static void dispatch(struct blkdev *b, struct blk_request *r)
{
	int err;

	r->split = blkparts_needed(b, r);
	if (r->split) {
		r->sent = 0;
		r->parts = 1;
		r->status = 0;
	}
	/* Who comes later does not go past those that wait. Pairs with send_waiting(). */
	if (r->split || atomic_load_acquire(&b->waiting_count)) {
		wait_for_room(b, r);
		return;
	}
	err = b->ops->submit(b, r);
	if (err == -EAGAIN)
		wait_for_room(b, r);
	else if (err)
		blkdev_finish(r, err);
}

void blkdev_submit(struct blkdev *b, struct blk_request *r)
{
	struct blkdev *whole = blkdev_whole(b);
	int err;

	r->dev = b;
	r->part = r->split = false;
	r->started_ns = clock_ns();
	enter(b);
	if (whole != b)
		enter(whole);
	err = is_gone(b) || is_gone(whole) ? -ENODEV : blkdev_check(b, r);
	/* Before anything can fail: blkdev_finish() takes it off again. */
	r->offset += b->start;
	if (err || (r->op == BLK_FLUSH && !whole->volatile_cache)) {
		blkdev_finish(r, err);
		return;
	}
	/* The request may be done while its driver is still at submitting it. */
	enter(whole);
	dispatch(whole, r);
	leave(whole);
}

void blkdev_commit(struct blkdev *b)
{
	struct blkdev *whole = blkdev_whole(b);

	if (whole->ops->commit)
		whole->ops->commit(whole);
}

u32 blkdev_poll(struct blkdev *b)
{
	struct blkdev *whole = blkdev_whole(b);

	return whole->ops->poll ? whole->ops->poll(whole) : 0;
}

int blkdev_reset(struct blkdev *b)
{
	struct blkdev *whole = blkdev_whole(b);

	return whole->ops->reset ? whole->ops->reset(whole) : -ENOTSUP;
}

void blkdev_stats(const struct blkdev *b, struct blk_stats *out)
{
	const u64 *from = (const u64 *)b->stats;
	u64 *to = (u64 *)out;

	for (u32 i = 0; i < sizeof(*out) / sizeof(u64); i++)
		to[i] = atomic_load_relaxed(&from[i]);
}
