/*
 * What requests of 4 KiB to the first namespace cost, and maps, for tools/measure/nvme.py: it reads a count of instructions when
 * the log says that something begins or has ended, and here nothing happens meanwhile. What is on the disk is lost.
 */
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "drivers/nvme/nvme.h"
#include "lib/atomic.h"
#include "lib/types.h"
#include "mm/page.h"

#define DISK      "nvme0n1"
#define COUNT     20000u
#define SIZE      4096u
#define DEPTH_MAX 32u
#define PLACES    4096u /* from the disk's start, one after the other, again and again */
#define QUIET_NS  500000000ull

struct slot {
	struct blk_request r;
	struct dma_piece piece;
};

static struct {
	struct thread *thread;
	struct blkdev *b;
	struct slot slots[DEPTH_MAX];
	u32 ring[DEPTH_MAX]; /* slots that are done, as they came */
	u32 head, out;       /* of the ring; head: atomic */
	u32 returned;        /* atomic: calls of ended() that are over */
	u32 bad;
	u32 sent;
} cost;

/* By the one queue thread there is on one CPU. */
static void ended(struct blk_request *r, int status)
{
	struct slot *s = r->owner;

	cost.bad += status != 0;
	cost.ring[cost.head % DEPTH_MAX] = (u32)(s - cost.slots);
	atomic_store_release(&cost.head, cost.head + 1); /* pairs with reap() */
	thread_wake(cost.thread);
	atomic_store_release(&cost.returned,
			     cost.returned + 1); /* pairs with the end of requests() */
}

static void send(u8 op, struct slot *s)
{
	s->r = (struct blk_request){
		.op = op,
		.flags = BLK_MORE,
		.offset = (u64)(cost.sent % PLACES) * SIZE,
		.len = SIZE,
		.pieces = &s->piece,
		.piece_count = 1,
		.done = ended,
		.owner = s,
	};
	cost.sent++;
	blkdev_submit(cost.b, &s->r);
}

/* Sends each that is done again, while there is one to send. */
static void reap(u8 op)
{
	u32 head = atomic_load_acquire(&cost.head), sent = cost.sent; /* pairs with ended() */

	for (; cost.out != head; cost.out++) {
		if (cost.sent < COUNT)
			send(op, &cost.slots[cost.ring[cost.out % DEPTH_MAX]]);
	}
	if (cost.sent != sent)
		blkdev_commit(cost.b);
}

static void requests(u8 op, u32 depth)
{
	cost.head = cost.out = cost.returned = cost.sent = 0;
	for (u32 i = 0; i < depth; i++)
		send(op, &cost.slots[i]);
	blkdev_commit(cost.b);
	while (cost.out < COUNT) {
		reap(op);
		if (cost.out == atomic_load_relaxed(&cost.head) && cost.out < COUNT)
			thread_block();
	}
	while (atomic_load_acquire(&cost.returned) < COUNT) /* pairs with ended() */
		thread_yield();
}

static void maps(struct dma_device *d)
{
	struct dma_map m;

	for (u32 i = 0; i < COUNT; i++) {
		if (dma_map(d, cost.slots[0].piece.pa, SIZE, DMA_FROM_DEVICE, &m))
			cost.bad++;
		else
			dma_unmap(d, &m, SIZE);
	}
}

static void mark(const char *what, u32 depth, const char *how)
{
	log_info("cost: %s %u %s", what, depth, how);
	thread_block_until(clock_ns() + QUIET_NS);
}

static void measure(const char *what, u8 op, u32 depth)
{
	mark(what, depth, "begins");
	requests(op, depth);
	mark(what, depth, "has ended");
}

static struct blkdev *wait_for_disk(void)
{
	u64 end = clock_ns() + SELFTEST_PATIENCE_NS;
	struct blkdev *b;

	while (b = blkdev_get(DISK), !b && clock_ns() < end)
		thread_block_until(clock_ns() + QUIET_NS);
	return b;
}

static int buffers(void)
{
	for (u32 i = 0; i < DEPTH_MAX; i++) {
		void *p = page_alloc(0);

		if (!p)
			return selftest_fail("no memory");
		cost.slots[i].piece = (struct dma_piece){ virt_to_phys(p), SIZE };
	}
	return 0;
}

static int test_cost(void)
{
	cost.b = wait_for_disk();
	cost.thread = thread_current();
	if (!cost.b)
		return selftest_fail("there is no " DISK);
	if (buffers())
		return -1;
	measure("read", BLK_READ, 1);
	measure("read", BLK_READ, DEPTH_MAX);
	measure("write", BLK_WRITE, 1);
	measure("write", BLK_WRITE, DEPTH_MAX);
	mark("map", 1, "begins");
	maps(container_of(cost.b, struct nvme_ns, blk)->c->dma);
	mark("map", 1, "has ended");
	for (u32 i = 0; i < DEPTH_MAX; i++)
		page_free(phys_to_virt(cost.slots[i].piece.pa), 0);
	blkdev_put(cost.b);
	return cost.bad ? selftest_fail("%u have failed", cost.bad) : 0;
}

/* Not of `all`: it writes to a disk. */
SELFTEST_ENTRY(nvme_cost, "nvme-cost", test_cost, true);
