/*
 * RAM disks. A page of the disk is in one of three places: one of its own, once written to; the file; or nowhere, then it
 * holds zeroes. A page that is discarded goes back to what the file had.
 */
#include "block/ramdisk.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

#define LEAF_PAGES ((u32)(PAGE_SIZE / sizeof(void *)))
#define LEAF_SIZE  (LEAF_PAGES * PAGE_SIZE)
#define MAX_LEN    (64 * KIB) /* copied under a lock */

struct ramdisk {
	struct blkdev dev;
	const u8 *file;       /* const */
	u64 file_size, limit; /* const */
	struct spinlock lock; /* RANK_RAMDISK: all below, and what it points at */
	u64 used;             /* bytes of pages and leaves */
	u64 leaf_count;       /* const */
	u8 ***leaves;         /* [leaf][page]; NULL: no page of it is written */
};

/* The page that holds byte at of the disk, if it was written to. */
static u8 *written(const struct ramdisk *d, u64 at)
{
	u8 **leaf = d->leaves[at / LEAF_SIZE];

	return leaf ? leaf[at % LEAF_SIZE / PAGE_SIZE] : NULL;
}

/* n bytes, within a page, as they would be had nobody written to it. */
static void read_original(const struct ramdisk *d, u64 at, u8 *to, u64 n)
{
	u64 have = at < d->file_size ? MIN(n, d->file_size - at) : 0;

	if (have)
		memcpy(to, d->file + at, have);
	memset(to + have, 0, n - have);
}

static void *take(struct ramdisk *d)
{
	void *p = d->limit - d->used >= PAGE_SIZE ? kalloc(PAGE_SIZE) : NULL;

	if (p)
		d->used += PAGE_SIZE;
	return p;
}

static void give_back(struct ramdisk *d, void *p)
{
	kfree(p);
	d->used -= PAGE_SIZE;
}

/* A page to write to, of which the caller fills n bytes from at on; NULL: the limit is reached or memory is short. */
static u8 *writable(struct ramdisk *d, u64 at, u64 n)
{
	u8 ***leaf = &d->leaves[at / LEAF_SIZE], *page = written(d, at);
	u64 start = ALIGN_DOWN(at, PAGE_SIZE);

	if (page)
		return page;
	if (!*leaf)
		*leaf = take(d);
	page = *leaf ? take(d) : NULL;
	if (!page)
		return NULL;
	if (n < PAGE_SIZE)
		read_original(d, start, page, PAGE_SIZE);
	(*leaf)[at % LEAF_SIZE / PAGE_SIZE] = page;
	return page;
}

static void drop(struct ramdisk *d, u64 at)
{
	u8 *page = written(d, at);

	if (!page)
		return;
	d->leaves[at / LEAF_SIZE][at % LEAF_SIZE / PAGE_SIZE] = NULL;
	give_back(d, page);
}

/* Bytes up to a page's end, at most n. */
static u64 in_page(u64 at, u64 n)
{
	return MIN(n, PAGE_SIZE - at % PAGE_SIZE);
}

static int read_some(struct ramdisk *d, u64 at, u8 *to, u64 n)
{
	for (u64 part; n; n -= part, at += part, to += part) {
		const u8 *page = written(d, at);

		part = in_page(at, n);
		if (page)
			memcpy(to, page + at % PAGE_SIZE, part);
		else
			read_original(d, at, to, part);
	}
	return 0;
}

static int write_some(struct ramdisk *d, u64 at, const u8 *from, u64 n)
{
	for (u64 part; n; n -= part, at += part, from += part) {
		u8 *page;

		part = in_page(at, n);
		page = writable(d, at, part);
		if (!page)
			return -ENOSPC;
		memcpy(page + at % PAGE_SIZE, from, part);
	}
	return 0;
}

static int zero_some(struct ramdisk *d, u64 at, u64 n)
{
	for (u64 part; n; n -= part, at += part) {
		u8 *page;

		part = in_page(at, n);
		/* Nothing there is zeroes already. */
		if (ALIGN_DOWN(at, PAGE_SIZE) >= d->file_size && part == PAGE_SIZE) {
			drop(d, at);
			continue;
		}
		page = writable(d, at, part);
		if (!page)
			return -ENOSPC;
		memset(page + at % PAGE_SIZE, 0, part);
	}
	return 0;
}

/* Whole pages alone: what else was asked for stays as it is. */
static int discard_some(struct ramdisk *d, u64 at, u64 n)
{
	u64 end = at + n;

	/* The last page may be less than one. */
	if (end == d->dev.size)
		end = ALIGN_UP(end, PAGE_SIZE);
	for (at = ALIGN_UP(at, PAGE_SIZE); at + PAGE_SIZE <= end; at += PAGE_SIZE)
		drop(d, at);
	return 0;
}

static int transfer(struct ramdisk *d, const struct blk_request *r)
{
	u64 at = r->offset;
	int err = 0;

	for (u32 i = 0; i < r->piece_count && !err; i++) {
		u8 *memory = blkdev_memory(&r->pieces[i]);

		if (!memory)
			return -EINVAL;
		if (r->op == BLK_READ)
			err = read_some(d, at, memory, r->pieces[i].len);
		else
			err = write_some(d, at, memory, r->pieces[i].len);
		at += r->pieces[i].len;
	}
	return err;
}

static int ramdisk_submit(struct blkdev *b, struct blk_request *r)
{
	struct ramdisk *d = b->driver;
	int err = 0;

	spin_lock(&d->lock);
	if (r->op == BLK_READ || r->op == BLK_WRITE)
		err = transfer(d, r);
	else if (r->op == BLK_ZERO)
		err = zero_some(d, r->offset, r->len);
	else if (r->op == BLK_DISCARD)
		err = discard_some(d, r->offset, r->len);
	spin_unlock(&d->lock);
	blkdev_done(r, err);
	return 0;
}

static void free_all(struct ramdisk *d)
{
	for (u64 i = 0; d->leaves && i < d->leaf_count; i++) {
		for (u32 k = 0; d->leaves[i] && k < LEAF_PAGES; k++)
			kfree(d->leaves[i][k]);
		kfree(d->leaves[i]);
	}
	kfree(d->leaves);
	kfree(d);
}

int ramdisk_create(const struct ramdisk_spec *spec, struct blkdev **out)
{
	static const struct blkdev_ops ops = { .submit = ramdisk_submit };
	u64 bs = spec->block_size, size = spec->file ? spec->file_size : spec->size;
	struct ramdisk *d;
	int err;

	if ((bs != 512 && bs != PAGE_SIZE) || !size || size > RAMDISK_SIZE_MAX)
		return -EINVAL;
	d = kalloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	size = ALIGN_UP(size, bs);
	*d = (struct ramdisk){ .file = spec->file,
			       .file_size = spec->file ? spec->file_size : 0,
			       .limit = spec->limit,
			       .leaf_count = (size + LEAF_SIZE - 1) / LEAF_SIZE };
	d->dev = (struct blkdev){ .ops = &ops,
				  .driver = d,
				  .size = size,
				  .block_size = (u32)bs,
				  .physical_block_size = PAGE_SIZE,
				  .max_len = MAX_LEN,
				  .max_discard = LEAF_SIZE,
				  .max_zero = LEAF_SIZE,
				  .read_only = spec->read_only,
				  .can_discard = true,
				  .can_zero = true };
	spin_init(&d->lock, RANK_RAMDISK, "RAM disk");
	d->leaves = kalloc(d->leaf_count * sizeof(*d->leaves));
	err = d->leaves ? str_copy(d->dev.name, sizeof(d->dev.name), spec->name) : -ENOMEM;
	if (!err)
		err = blkdev_add(&d->dev);
	if (err)
		free_all(d);
	else
		*out = &d->dev;
	return err;
}

void ramdisk_destroy(struct blkdev *b)
{
	blkdev_remove(b);
	free_all(b->driver);
}

u64 ramdisk_used(struct blkdev *b)
{
	struct ramdisk *d = b->driver;
	u64 used;

	spin_lock(&d->lock);
	used = d->used;
	spin_unlock(&d->lock);
	return used;
}
