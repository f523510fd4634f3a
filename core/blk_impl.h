/*
 * Between the files of the block layer: core/blkdev.c (who is there, requests), core/blkparts.c (requests that a
 * device does not take as they are), core/blkwork.c (the thread), core/blknode.c (what management sees).
 */
#pragma once

#include "core/blkdev.h"

/* Whether the whole disk b does not take r as it is. */
bool blkparts_needed(const struct blkdev *b, const struct blk_request *r);

/*
 * Gives the driver as many parts of r as there is room for. 0: all are sent, r may be gone; -EAGAIN: not yet. By the one
 * thread that drains b.
 */
int blkparts_send(struct blkdev *b, struct blk_request *r);

/* Ends parts whose requests the driver has done; false: there were none. The same thread. */
bool blkparts_reap(struct blkdev *b);

/* The driver has done a part. Any context but NMI. */
void blkparts_done(struct blk_request *part, int status);

/* -ENOMEM */
int blkparts_create(struct blkdev *b) __must_check;
void blkparts_destroy(struct blkdev *b);

/* The whole disk b among the machine's devices, until hostdev_remove(). A thread. */
void blk_node_add(struct blkdev *b);

/* Figures, then r->done(): the last that is done with a request. */
void blkdev_finish(struct blk_request *r, int status);

/* The disk that serves b. */
static inline struct blkdev *blkdev_whole(struct blkdev *b)
{
	return b->parent ? b->parent : b;
}
