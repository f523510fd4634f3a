/*
 * Block devices: requests with scatter lists, and who serves them. A request is the submitter's memory; it is
 * the device's from blkdev_submit() to its done(), which is called exactly once, whatever happens (an error, a reset,
 * the device taken out). docs/block.md.
 *
 * Ordering: none between requests that are under way at the same time. A write whose done() said 0 is read by every
 * read submitted later. It is durable when a flush that was submitted after that done() is done with 0, or at once when it had
 * BLK_FUA. A flush that fails leaves all writes since the last good one in doubt.
 */
#pragma once

#include "arch/lock.h"
#include "core/dma.h"
#include "core/hostdev.h"
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
	BLK_OPS,
};

#define BLK_FUA  BIT(0) /* write, zero: durable when done */
#define BLK_MORE BIT(1) /* the submitter submits another at once, or calls blkdev_commit() */

struct blkdev;

struct blk_request {
	u8 op; /* enum blk_op */
	u8 flags;
	u16 piece_count;
	u64 offset; /* bytes from the device's start; a multiple of its block size. A driver sees it from the whole disk's */
	u64 len;    /* bytes; what the pieces add up to, for read and write */
	const struct dma_piece *pieces; /* physically contiguous each; stay until done() */
	/*
	 * status: 0, or -EIO (medium), -ENODEV (gone), -ENOSPC, -EINVAL, -ENOTSUP, -EPERM, -ETIMEDOUT. Any context but
	 * NMI: it takes no lock below RANK_SLEEPERS, and does not submit. The request is the submitter's again.
	 */
	void (*done)(struct blk_request *r, int status);
	void *owner;      /* the submitter's */
	struct list node; /* whoever has it */
	u64 priv[2];      /* the device's driver's */

	/* core/blkdev.c's own; need not be set before. */
	u64 started_ns;
	struct blkdev *dev; /* what it was submitted to */
	u64 sent;           /* bytes that were given to parts */
	u32 parts;          /* atomic: how many are under way, and 1 while there are more to send */
	s32 status;         /* atomic: the first error of a part */
	bool split, part;
};

struct blkdev_ops {
	/*
	 * Takes a request that was checked: range, alignment, read-only, pieces. It may call blkdev_done() at once. 0, or
	 * -EAGAIN: no room now; it is asked again when one of its requests is done, or it calls blkdev_room(). Any thread.
	 * With BLK_MORE doorbells may wait for the next one without it, or commit().
	 */
	int (*submit)(struct blkdev *b, struct blk_request *r);
	/* No more follow. May be NULL. */
	void (*commit)(struct blkdev *b);
	/* Looks for completions without waiting for an interrupt; how many. May be NULL. */
	u32 (*poll)(struct blkdev *b);
	/*
	 * The hardware is to be reset, soon; requests under way are done after it as if nothing had happened. 0;
	 * -EAGAIN: it is about to be, or is being. Any thread. May be NULL.
	 */
	int (*reset)(struct blkdev *b);
};

/* What is measured of each device: log2 histograms of ns from submit to done: [i] has 2^i to 2^(i+1)-1. */
#define BLK_HISTOGRAM 40u
struct blk_stats {
	u64 requests[BLK_OPS], bytes[BLK_OPS], errors[BLK_OPS]; /* by enum blk_op */
	u64 total_ns[BLK_OPS];
	u64 histogram[BLK_OPS][BLK_HISTOGRAM];
};

/* Something that any context may ask the block layer's thread for. */
struct blk_work {
	void (*fn)(struct blk_work *w); /* a thread */
	struct list node;               /* lock: the list's */
	bool queued;                    /* the same */
};

struct blk_parts;

struct blkdev {
	char name[BLKDEV_NAME_MAX]; /* "nvme0n1", "nvme0n1p2", "ram0" */
	const struct blkdev_ops *ops;
	void *driver;
	u64 size;       /* bytes */
	u32 block_size; /* logical: 512 or 4096 */
	u32 physical_block_size;
	u32 max_len; /* bytes in a request; a multiple of block_size. Longer ones come in parts */
	u32 max_pieces; /* 1 to BLK_PIECES_MAX; 0: that many */
	u32 piece_align; /* what a piece's start and length are a multiple of; a power of two, at most block_size; others are
			  * bounced below submit() */
	u64 max_discard, max_zero; /* bytes; 0: max_len */
	bool read_only, can_discard, can_zero, volatile_cache;
	/* A part of another device, which serves it: no ops of its own. Its owner keeps parent there. */
	struct blkdev *parent;
	u64 start; /* bytes, in parent */
	/* For nodedev-dumpxml, of whole disks; const, may be NULL. above: what it hangs below, which stays longer. */
	struct hostdev *above;
	const char *model, *serial;

	void *queue; /* block/fair.c's own */

	/* core/blkdev.c's own; zero before blkdev_add(). */
	struct hostdev hostdev;        /* of a whole disk */
	struct list node;              /* lock: the registry's */
	u32 refs;                      /* the same */
	char claimed[BLKDEV_NAME_MAX]; /* the same; who has it to itself */
	u32 gone;                      /* atomic */
	u32 active;                    /* atomic: requests that are not done */
	u32 waiting_count, drains;     /* atomic */
	struct spinlock lock;          /* RANK_BLK */
	struct list waiting; /* lock: requests that the driver had no room for, or that go in parts */
	struct blk_work room;
	struct blk_parts *parts; /* const */
	struct blk_stats *stats; /* const; atomics within */
};

/* --- for drivers --------------------------------------------------------------------------------- */

/*
 * Makes it known; -EEXIST: that name is there; -EINVAL: its figures make no sense; -ENOMEM. The struct stays the caller's until
 * blkdev_remove() has returned. It may be read from before this returns (partitions). A thread.
 */
int blkdev_add(struct blkdev *b) __must_check;

/*
 * No new requests; returns when those under way are done, which their driver sees to, and when all references were given
 * back: who holds one for long hears of it by blkdev_watch(). A thread.
 */
void blkdev_remove(struct blkdev *b);

/* Ends a request that submit() took: the one way. Any context but NMI; takes locks from RANK_BLK on. */
void blkdev_done(struct blk_request *r, int status);

/* The driver has room again, other than by blkdev_done(). Any context. */
void blkdev_room(struct blkdev *b);

/* The memory of a piece, for drivers that copy; NULL: it is not the hypervisor's, or does not lie in one owner's memory. */
void *blkdev_memory(const struct dma_piece *piece);

/* The way back: where memory of the hypervisor's is, kalloc()'s or static. */
paddr_t blkdev_phys(const void *p);

/* --- for who uses them --------------------------------------------------------------------------- */

/* A reference to the device of that name; NULL: none. blkdev_put() gives it back. A thread. */
struct blkdev *blkdev_get(const char *name);
void blkdev_put(struct blkdev *b);

/* The device after that one by name (NULL: the first) with a reference, that one's is given back. NULL: no more. A thread. */
struct blkdev *blkdev_next(struct blkdev *b);

/*
 * Takes a device to write to for oneself, until blkdev_release(). -EBUSY: it, what it is a part of, or a part of it is taken.
 * who: for messages. A thread with a reference.
 */
int blkdev_claim(struct blkdev *b, const char *who) __must_check;
void blkdev_release(struct blkdev *b);

/* Who has it, or a part of it, or what it is a part of; false: nobody. */
bool blkdev_claimed(struct blkdev *b, char who[BLKDEV_NAME_MAX]);

/*
 * Who hears of devices: added() once one is known, removing() once it takes no more requests and before blkdev_remove()
 * waits for references. Called on the thread that adds or removes. Set once, before there are any.
 */
struct blkdev_watch {
	void (*added)(struct blkdev *b);
	void (*removing)(struct blkdev *b);
};
void blkdev_watch(const struct blkdev_watch *w);

/*
 * Any thread, in any address space in which what the pieces name does not matter. Errors come by done(), all of them: -EINVAL for
 * what is out of range, not aligned or does not add up, -EPERM for a write to a device that is read-only, -ENOTSUP.
 * What the device cannot take at once comes to it in parts; pieces that it cannot take are copied, if they are the hypervisor's
 * memory, else -EINVAL. done() may be called before it returns.
 */
void blkdev_submit(struct blkdev *b, struct blk_request *r);
void blkdev_commit(struct blkdev *b);

/* Looks for completions; how many there were. */
u32 blkdev_poll(struct blkdev *b);

/* Resets the hardware with requests under way: for tests. -ENOTSUP: the device cannot; -EAGAIN: later. A thread. */
int blkdev_reset(struct blkdev *b) __must_check;

/* What blkdev_submit() would refuse a request with; 0: nothing. */
int blkdev_check(const struct blkdev *b, const struct blk_request *r) __must_check;

/* Figures since the device was added. */
void blkdev_stats(const struct blkdev *b, struct blk_stats *out);

/*
 * Submits and waits: r->done and owner are taken. A thread that holds no lock, and whose stack is mapped everywhere (not one
 * of a VM's).
 */
int blkdev_wait(struct blkdev *b, struct blk_request *r) __must_check;

/*
 * Reads or writes len bytes of the hypervisor's own memory (kalloc()'s, or static; not a stack) and waits. A thread as for
 * blkdev_wait(). offset and
 * len are multiples of the block size.
 */
int blkdev_read(struct blkdev *b, u64 offset, void *buf, size_t len) __must_check;
int blkdev_write(struct blkdev *b, u64 offset, const void *buf, size_t len) __must_check;
int blkdev_flush(struct blkdev *b) __must_check;
/* BLK_DISCARD or BLK_ZERO. */
int blkdev_clear(struct blkdev *b, enum blk_op op, u64 offset, u64 len) __must_check;

/* --- the block layer's thread ---------------------------------------------------------------------- */

/* Makes the thread. Once threads run, before the first device. */
void blkdev_init(void);

/* fn is called once, soon. Any context but NMI. */
void blk_work(struct blk_work *w);
/* After return it does not run and is not queued, unless asked for again. A thread, not the block layer's. */
void blk_work_cancel(struct blk_work *w);
