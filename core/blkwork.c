/*
 * The block layer's thread: runs what interrupt handlers and timers cannot do themselves.
 */
#include "core/clock.h"
#include "core/blkdev.h"
#include "core/panic.h"
#include "core/thread.h"
#include "lib/atomic.h"

#define NS_PER_MS 1000000u

static struct spinlock lock = SPINLOCK_INIT(RANK_BLK, "block work");
static struct list works = LIST_INIT(works); /* lock */
static struct blk_work *running;             /* lock */
static struct thread *thread;                /* const once blkdev_init() has returned */

static struct blk_work *take(void)
{
	struct blk_work *w = NULL;
	u64 flags = spin_lock_irq(&lock);

	if (!list_empty(&works)) {
		w = list_entry(works.next, struct blk_work, node);
		list_del(&w->node);
		w->queued = false;
	}
	running = w;
	spin_unlock_irq(&lock, flags);
	return w;
}

static void work_main(void *arg)
{
	(void)arg;
	for (;;) {
		struct blk_work *w;

		while ((w = take()))
			w->fn(w);
		thread_block();
	}
}

void blkdev_init(void)
{
	static const struct thread_spec spec = {
		.name = "block", .fn = work_main, .cpu = -1, .preemptible = true
	};

	thread = thread_create(&spec);
	if (!thread)
		panic("no memory for the block layer's thread");
	thread_start(thread);
}

void blk_work(struct blk_work *w)
{
	u64 flags = spin_lock_irq(&lock);
	bool queued = w->queued;

	if (!queued) {
		w->queued = true;
		list_add_tail(&works, &w->node);
	}
	spin_unlock_irq(&lock, flags);
	if (!queued && thread)
		thread_wake(thread);
}

void blk_work_cancel(struct blk_work *w)
{
	for (;;) {
		u64 flags = spin_lock_irq(&lock);
		bool runs = running == w;

		if (w->queued) {
			list_del(&w->node);
			w->queued = false;
		}
		spin_unlock_irq(&lock, flags);
		if (!runs)
			return;
		thread_block_until(clock_ns() + NS_PER_MS);
	}
}
