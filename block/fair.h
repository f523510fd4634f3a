/*
 * Fair shares of a disk: each who submits to it (an owner: a VM's disk, a command) has a queue of its own and a weight; the
 * disk has so many requests at a time, and who has had least of its share sends the next. Limits (iotune) hold an owner
 * back without holding others.
 */
#pragma once

#include "block/iotune.h"
#include "core/blkdev.h"

#define FAIR_WEIGHT_DEFAULT 100u /* 1 to 1000, as libvirt's blkiotune */
#define FAIR_WEIGHT_MAX     1000u
#define FAIR_DEPTH          32u /* requests that a disk has at a time */

struct fair_queue;

struct fair_owner {
	struct blkdev *dev;       /* const */
	struct fair_queue *queue; /* const; of the whole disk */
	u32 active;               /* atomic: requests that are not done */

	/* The queue's lock. */
	struct list node, waiting;
	u32 weight;
	u64 had;   /* weighted bytes */
	bool held; /* a limit held it back when it was last looked at */
	struct iotune_state tune;
	u64 waits; /* how often a limit has held it back */
};

/* A request of an owner's: r as for blkdev_submit(). */
struct fair_request {
	struct blk_request r;

	/* block/fair.c's own. */
	struct fair_owner *owner;
	void (*done)(struct blk_request *r, int status);
	struct list node;
};

/* Readies an owner on b, which the caller keeps a reference to until fair_stop(). -ENOMEM. A thread. */
int fair_start(struct fair_owner *o, struct blkdev *b) __must_check;

/* Waits until its requests are done. A thread. */
void fair_stop(struct fair_owner *o);

/* -EINVAL, and nothing changes. A thread. */
int fair_set_weight(struct fair_owner *o, u32 weight) __must_check;
int fair_set_limits(struct fair_owner *o, const struct iotune *t) __must_check;

/* As blkdev_submit(), in the owner's turn. A thread. */
void fair_submit(struct fair_owner *o, struct fair_request *f);
