/*
 * Partitions as block devices of their own, "nvme0n1p2": added when their disk comes, removed with it.
 */
#pragma once

#include "block/gpt.h"
#include "core/blkdev.h"

/* Watches for disks. Before there are any. */
void partitions_start(void);

/*
 * What is known of a partition's device; NULL: it is none. While the caller has a reference to it.
 */
const struct gpt_part *partition_of(const struct blkdev *b);

/* The partition with that PARTUUID, as text in either case, with a reference; NULL: there is none, or several. A thread. */
struct blkdev *partition_by_uuid(const char *text);

/* The partition of that name in the table (PARTLABEL); the same. */
struct blkdev *partition_by_label(const char *label);

#define GPT_UUID_TEXT 37u
/* A UUID as it lies on the disk, as text. */
void gpt_uuid_text(const u8 uuid[16], char out[GPT_UUID_TEXT]);

/* Reads a disk's table again: its partitions go and come. -EBUSY: somebody has the disk or one of them. A thread. */
int partitions_rescan(struct blkdev *b) __must_check;
