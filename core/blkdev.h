/*
 * Block devices: requests with scatter lists, and who serves them. A request is the submitter's memory; it is
 * the device's from blkdev_submit() to its done(), which is called exactly once, whatever happens (an error, a reset,
 * the device taken out).
 *
 * Ordering: none between requests that are under way at the same time. A write whose done() said 0 is read by every
 * read submitted later. It is durable when a flush that was submitted after that done() is done with 0, or at once when it had
 * BLK_FUA. A flush that fails leaves all writes since the last good one in doubt.
 */
#pragma once

#include "core/dma.h"
#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

#define BLK_PIECES_MAX  64u
#define BLKDEV_NAME_MAX 24u

enum blk_op {
	BLK_READ,
	BLK_WRITE,
	BLK_FLUSH,   /* no range */
	BLK_DISCARD, /* what is read after is anything, the same each time */
	BLK_ZERO,    /* write zeroes, perhaps by discarding */
};

#define BLK_FUA BIT(0) /* write, zero: durable when done */

struct blk_request {
	u8 op; /* enum blk_op */
	u8 flags;
	u16 piece_count;
	u64 offset; /* bytes from the device's start; a multiple of its block size */
	u64 len;    /* bytes; what the pieces add up to, for read and write */
	const struct dma_piece *pieces; /* physically contiguous each; stay until done() */
	/* status: 0, or -EIO (medium), -ENODEV (gone), -ENOSPC, -EINVAL, -ENOTSUP, -ETIMEDOUT. Any context but NMI: it takes no lock below RANK_SLEEPERS. */
	void (*done)(struct blk_request *r, int status);
	void *owner;      /* the submitter's */
	struct list node; /* whoever has it */
	u64 started_ns;   /* the block layer's */
	u64 priv[2];      /* the device's driver's */
};

struct blkdev;

struct blkdev_ops {
	/*
	 * Takes a request that was checked: range, alignment, read-only, pieces. It may call done() at once. 0, or -EAGAIN: no room now;
	 * the driver calls blkdev_room() when there is. Any thread.
	 */
	int (*submit)(struct blkdev *b, struct blk_request *r);
	/* More requests follow at once while true was said: doorbells may wait for commit(). May be NULL. */
	void (*commit)(struct blkdev *b);
	/* Looks for completions without waiting for an interrupt; how many. May be NULL. */
	u32 (*poll)(struct blkdev *b);
};

/* What is measured of each device: log2 histograms of ns from submit to done. */
#define BLK_HISTOGRAM 40u
struct blk_stats {
	u64 requests[5], bytes[5], errors[5]; /* by enum blk_op */
	u64 total_ns[5];
	u64 histogram[5][BLK_HISTOGRAM];
};

struct blkdev {
	char name[BLKDEV_NAME_MAX]; /* "nvme0n1", "nvme0n1p2", "ram0" */
	const struct blkdev_ops *ops;
	void *driver;
	u64 size;       /* bytes */
	u32 block_size; /* logical: 512 or 4096 */
	u32 physical_block_size;
	u32 max_len; /* bytes in a request; a multiple of block_size */
	u32 max_pieces;
	u32 piece_align; /* what a piece's start and length are a multiple of: others are bounced below submit() */
	bool read_only, can_discard, can_zero, volatile_cache;
	struct list node;
};

/* Makes it known; -EEXIST: that name is there. The struct stays the caller's until blkdev_remove() has returned. A thread. */
int blkdev_add(struct blkdev *b) __must_check;

/* No new requests; returns when those under way are done. A thread. */
void blkdev_remove(struct blkdev *b);

/* A reference to the device of that name; NULL: none. blkdev_put() gives it back. */
struct blkdev *blkdev_get(const char *name);
void blkdev_put(struct blkdev *b);

/* A thread; Errors come by done(), all of them: -EINVAL for what the device cannot take, -EPERM for a write to one that is read-only. */
void blkdev_submit(struct blkdev *b, struct blk_request *r);

/* The driver has room again. Any context. */
void blkdev_room(struct blkdev *b);

/* Reads or writes len bytes of the hypervisor's own memory and waits. A thread that holds no lock. */
int blkdev_read(struct blkdev *b, u64 offset, void *buf, size_t len) __must_check;
int blkdev_write(struct blkdev *b, u64 offset, const void *buf, size_t len) __must_check;
int blkdev_flush(struct blkdev *b) __must_check;
