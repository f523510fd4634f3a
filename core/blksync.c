/*
 * Requests that a thread waits for, on memory of the hypervisor's.
 */
#include "core/blkdev.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/page.h"

struct waiter {
	struct thread *thread;
	s32 status;
	u32 done; /* atomic */
};

static void wake(struct blk_request *r, int status)
{
	struct waiter *w = r->owner;

	w->status = status;
	atomic_store_release(&w->done, 1); /* pairs with blkdev_wait() */
	thread_wake(w->thread);
	/* Now nothing here needs w or its thread any more. Pairs with blkdev_wait(). */
	atomic_store_release(&w->done, 2);
}

int blkdev_wait(struct blkdev *b, struct blk_request *r)
{
	struct waiter w = { .thread = thread_current() };

	r->done = wake;
	r->owner = &w;
	blkdev_submit(b, r);
	while (!atomic_load_acquire(&w.done)) /* pairs with wake() */
		thread_block();
	/* The same: it has been woken from there. Who did may have been preempted right then, on this CPU. */
	while (atomic_load_acquire(&w.done) != 2)
		thread_yield();
	return w.status;
}

void *blkdev_memory(const struct dma_piece *piece)
{
	u64 first = piece->pa.v, last = first + piece->len - 1;

	if (!piece->len || last < first)
		return NULL;
	for (u64 pa = ALIGN_DOWN(first, GRANULE_SIZE); pa <= last; pa += GRANULE_SIZE)
		if (granule_owner(PADDR(pa)) != OWNER_HV)
			return NULL;
	return phys_to_virt(PADDR(first));
}

paddr_t blkdev_phys(const void *p)
{
	return virt_to_phys(p);
}

/* One piece: blocks of the heap and the image are contiguous in the direct map or in the image. */
static int transfer(struct blkdev *b, enum blk_op op, u64 offset, void *buf, size_t len)
{
	struct blk_request *r;
	struct dma_piece piece;
	int err = 0;

	if (!len || len % b->block_size)
		return -EINVAL;
	r = kalloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	while (len && !err) {
		u32 n = (u32)MIN(len, 1 * MIB);

		piece = (struct dma_piece){ .pa = virt_to_phys(buf), .len = n };
		*r = (struct blk_request){
			.op = (u8)op, .offset = offset, .len = n, .pieces = &piece, .piece_count = 1
		};
		err = blkdev_wait(b, r);
		buf = (u8 *)buf + n;
		offset += n;
		len -= n;
	}
	kfree(r);
	return err;
}

int blkdev_read(struct blkdev *b, u64 offset, void *buf, size_t len)
{
	return transfer(b, BLK_READ, offset, buf, len);
}

int blkdev_write(struct blkdev *b, u64 offset, const void *buf, size_t len)
{
	return transfer(b, BLK_WRITE, offset, (void *)buf, len);
}

int blkdev_clear(struct blkdev *b, enum blk_op op, u64 offset, u64 len)
{
	struct blk_request r = { .op = (u8)op, .offset = offset, .len = len };

	if (op != BLK_DISCARD && op != BLK_ZERO)
		return -EINVAL;
	return blkdev_wait(b, &r);
}

int blkdev_flush(struct blkdev *b)
{
	struct blk_request r = { .op = BLK_FLUSH };

	return blkdev_wait(b, &r);
}
