/*
 * A disk in memory, and what the block layer needs of threads and time (fake_blk.h).
 */
#include "tests/host/fake_blk.h"

#include "core/clock.h"
#include "core/thread.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/page.h"
#include "tests/host/harness.h"

void *calloc(size_t n, size_t size);
void free(void *p);

u64 fake_now = 1000;
u32 fake_blocks, fake_foreign;
struct fake_disk *fake_disks[4];

static struct list works = LIST_INIT(works);

void *kalloc(size_t size)
{
	fake_blocks++;
	return calloc(1, size);
}

void kfree(void *p)
{
	fake_blocks -= p != NULL;
	free(p);
}

u64 clock_ns(void)
{
	return ++fake_now;
}

owner_t granule_owner(paddr_t pa)
{
	(void)pa;
	return fake_foreign ? OWNER_VM : OWNER_HV;
}

void blk_work(struct blk_work *w)
{
	if (w->queued)
		return;
	w->queued = true;
	list_add_tail(&works, &w->node);
}

void blk_work_cancel(struct blk_work *w)
{
	if (w->queued)
		list_del(&w->node);
	w->queued = false;
}

void fake_blk_run(void)
{
	while (!list_empty(&works)) {
		struct blk_work *w = list_entry(works.next, struct blk_work, node);

		list_del(&w->node);
		w->queued = false;
		w->fn(w);
	}
}

void fake_blk_settle(void)
{
	bool any;

	do {
		any = !list_empty(&works);
		fake_blk_run();
		for (u32 i = 0; i < ARRAY_LEN(fake_disks); i++)
			any |= fake_disks[i] && fake_disk_step(fake_disks[i]);
	} while (any);
}

struct thread *thread_current(void)
{
	return NULL;
}

void thread_wake(struct thread *t)
{
	(void)t;
}

void thread_block(void)
{
	static u32 idle;
	bool any = !list_empty(&works);

	fake_blk_run();
	for (u32 i = 0; i < ARRAY_LEN(fake_disks); i++)
		any |= fake_disks[i] && fake_disk_step(fake_disks[i]);
	idle = any ? 0 : idle + 1;
	if (idle > 1000) {
		CHECK(!"something is waited for that does not come");
		__builtin_trap();
	}
}

void thread_yield(void) {}

void thread_block_until(u64 deadline_ns)
{
	fake_now = MAX(fake_now, deadline_ns);
	thread_block();
}

/* --- the disk -------------------------------------------------------------------------------------- */

static void move(struct fake_disk *d, struct blk_request *r)
{
	u8 *at = d->data + r->offset;

	u64 sum = 0;

	CHECK(r->offset <= d->dev.size && r->len <= d->dev.size - r->offset);
	for (u32 i = 0; i < r->piece_count; i++)
		sum += r->pieces[i].len;
	CHECK_EQ(sum, r->len);
	for (u32 i = 0; i < r->piece_count; i++) {
		void *memory = phys_to_virt(r->pieces[i].pa);

		if (r->op == BLK_READ)
			memcpy(memory, at, r->pieces[i].len);
		else
			memcpy(at, memory, r->pieces[i].len);
		at += r->pieces[i].len;
	}
}

static int perform(struct fake_disk *d, struct blk_request *r)
{
	if (d->fail_after && !--d->fail_after)
		return -EIO;
	switch (r->op) {
	case BLK_WRITE:
		d->writes++;
		/* fall through */
	case BLK_READ:
		move(d, r);
		break;
	case BLK_FLUSH:
		d->flushes++;
		break;
	default:
		d->clears++;
		memset(d->data + r->offset, 0, r->len);
	}
	return 0;
}

bool fake_disk_step(struct fake_disk *d)
{
	struct blk_request *r;

	if (list_empty(&d->queue))
		return false;
	r = list_entry(d->queue.next, struct blk_request, node);
	list_del(&r->node);
	d->depth--;
	blkdev_done(r, perform(d, r));
	return true;
}

static void measure(struct fake_disk *d, const struct blk_request *r)
{
	d->most_len = MAX(d->most_len, r->len);
	d->most_pieces = MAX(d->most_pieces, r->piece_count);
	for (u32 i = 0; i < r->piece_count; i++)
		d->bad_pieces += (r->pieces[i].pa.v | r->pieces[i].len) % d->dev.piece_align != 0;
}

static int submit(struct blkdev *b, struct blk_request *r)
{
	struct fake_disk *d = b->driver;

	d->submits++;
	if (d->depth == d->limit) {
		d->refused++;
		return -EAGAIN;
	}
	measure(d, r);
	if (d->at_once) {
		blkdev_done(r, perform(d, r));
		return 0;
	}
	d->depth++;
	list_add_tail(&d->queue, &r->node);
	return 0;
}

void fake_disk_init(struct fake_disk *d, const char *name)
{
	static const struct blkdev_ops ops = { .submit = submit };

	*d = (struct fake_disk){
		.dev = { .ops = &ops,
			 .driver = d,
			 .size = FAKE_DISK_SIZE,
			 .block_size = 512,
			 .max_len = 128 * KIB,
			 .can_discard = true,
			 .can_zero = true,
			 .volatile_cache = true },
		.limit = FAKE_DISK_DEPTH,
		.data = calloc(1, FAKE_DISK_SIZE),
	};
	memcpy(d->dev.name, name, strlen(name) + 1);
	list_init(&d->queue);
	for (u32 i = 0; i < ARRAY_LEN(fake_disks); i++)
		if (!fake_disks[i]) {
			fake_disks[i] = d;
			return;
		}
}

void fake_disk_free(struct fake_disk *d)
{
	for (u32 i = 0; i < ARRAY_LEN(fake_disks); i++)
		if (fake_disks[i] == d)
			fake_disks[i] = NULL;
	free(d->data);
}
