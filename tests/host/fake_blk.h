/*
 * A disk in memory for tests of what uses block devices, with the block layer's thread and the clock: requests are done
 * when the test says so, or when somebody waits. Needs fake_mm.c, core/blkdev.c, core/blkparts.c and core/blksync.c.
 */
#pragma once

#include "core/blkdev.h"

#define FAKE_DISK_SIZE  (1u << 20)
#define FAKE_DISK_DEPTH 8u

struct fake_disk {
	struct blkdev dev;
	u8 *data;
	struct list queue;           /* requests that wait to be done */
	u32 depth, limit;            /* how many it has, and may have */
	u32 submits, refused;        /* calls, of these -EAGAIN */
	u32 writes, flushes, clears; /* requests that it did */
	u64 most_len;
	u32 most_pieces, bad_pieces; /* of any request; that break dev.piece_align */
	bool at_once;                /* done within submit() */
	u32 fail_after;              /* that many requests from now fails with -EIO; 0: none */
};

extern u64 fake_now;                    /* of the clock; each look adds 1 */
extern u32 fake_blocks;                 /* kalloc()'s not freed */
extern u32 fake_foreign;                /* granule_owner() says that a VM has all memory */
extern struct fake_disk *fake_disks[4]; /* what thread_block() lets go on */

/* A disk of FAKE_DISK_SIZE bytes, 512 bytes a block, that takes anything; not added yet. */
void fake_disk_init(struct fake_disk *d, const char *name);
void fake_disk_free(struct fake_disk *d);

/* Does the oldest request; false: there is none. */
bool fake_disk_step(struct fake_disk *d);

/* Runs what the block layer's thread was asked for. */
void fake_blk_run(void);

/* Does everything that there is to do. */
void fake_blk_settle(void);
