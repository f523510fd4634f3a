/*
 * Partitions as block devices: made of a disk's GPT when it comes, gone before it goes.
 */
#include "block/partitions.h"

#include "core/log.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/heap.h"

struct partition {
	struct blkdev dev;
	struct gpt_part part;
};

static int read_blocks(void *ctx, u64 block, void *buf, u32 count)
{
	struct blkdev *b = ctx;

	return blkdev_read(b, block * b->block_size, buf, (size_t)count * b->block_size);
}

/* As Linux does: a "p" where the disk's name ends with a digit. -ENOSPC */
static int name_it(struct partition *p, const struct blkdev *disk)
{
	char last = disk->name[strlen(disk->name) - 1];
	int n = snprintf(p->dev.name, sizeof(p->dev.name), "%s%s%u", disk->name,
			 last >= '0' && last <= '9' ? "p" : "", p->part.number);

	return n < (int)sizeof(p->dev.name) ? 0 : -ENOSPC;
}

static int add_partition(struct blkdev *disk, const struct gpt_part *part)
{
	struct partition *p = kalloc(sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->part = *part;
	p->dev = (struct blkdev){ .driver = p,
				  .parent = disk,
				  .start = part->first * disk->block_size,
				  .size = part->blocks * disk->block_size,
				  .block_size = disk->block_size,
				  .physical_block_size = disk->physical_block_size,
				  .max_len = disk->max_len,
				  .max_pieces = disk->max_pieces,
				  .piece_align = disk->piece_align,
				  .max_discard = disk->max_discard,
				  .max_zero = disk->max_zero,
				  .read_only = disk->read_only || part->read_only,
				  .can_discard = disk->can_discard,
				  .can_zero = disk->can_zero,
				  .volatile_cache = disk->volatile_cache };
	err = name_it(p, disk);
	if (!err)
		err = blkdev_add(&p->dev);
	if (err)
		kfree(p);
	return err;
}

static void report(const struct blkdev *b, const struct gpt *g, int err)
{
	if (err == -ENOENT)
		return;
	if (err == -EINVAL)
		log_warn("%s: its partition table is damaged, and so is the backup: used whole",
			 b->name);
	else if (err)
		log_warn("%s: its partition table cannot be read (error %d)", b->name, -err);
	if (err)
		return;
	if (g->backup)
		log_warn("%s: its first partition table is damaged, the backup is used", b->name);
	if (g->left_out)
		log_warn("%s: %u partitions are left out: out of bounds, overlapping or too many",
			 b->name, g->left_out);
}

static void added(struct blkdev *b)
{
	struct gpt_disk disk = { .read = read_blocks,
				 .ctx = b,
				 .block_size = b->block_size,
				 .blocks = b->size / b->block_size };
	struct gpt *g;
	int err;

	if (b->parent)
		return;
	g = kalloc(sizeof(*g));
	if (!g) {
		log_warn("%s: no memory to look for partitions", b->name);
		return;
	}
	err = gpt_read(&disk, g);
	report(b, g, err);
	for (u32 i = 0; i < g->count; i++) {
		err = add_partition(b, &g->parts[i]);
		if (err)
			log_warn("%s: partition %u is left out (error %d)", b->name,
				 g->parts[i].number, -err);
	}
	kfree(g);
}

static void removing(struct blkdev *disk)
{
	struct blkdev *b = NULL;

	while (!disk->parent && (b = blkdev_next(b))) {
		if (b->parent != disk)
			continue;
		blkdev_put(b);
		blkdev_remove(b);
		kfree(b->driver);
		b = NULL; /* once more from the start */
	}
}

void partitions_start(void)
{
	static const struct blkdev_watch watch = { .added = added, .removing = removing };

	blkdev_watch(&watch);
}

const struct gpt_part *partition_of(const struct blkdev *b)
{
	return b->parent ? &((const struct partition *)b->driver)->part : NULL;
}

void gpt_uuid_text(const u8 uuid[16], char out[GPT_UUID_TEXT])
{
	/* The places of the bytes as they are printed; -1: a hyphen. UEFI 2.10, appendix A. */
	static const s8 order[] = { 3,  2, 1, 0,  -1, 5,  4,  -1, 7,  6,
				    -1, 8, 9, -1, 10, 11, 12, 13, 14, 15 };

	for (u32 i = 0; i < ARRAY_LEN(order); i++) {
		if (order[i] < 0) {
			*out++ = '-';
			continue;
		}
		fmt_hex(out, &uuid[order[i]], 1);
		out += 2;
	}
	*out = '\0';
}

static bool has_uuid(const struct gpt_part *p, const char *text)
{
	char own[GPT_UUID_TEXT];

	gpt_uuid_text(p->uuid, own);
	for (u32 i = 0; i < GPT_UUID_TEXT; i++) {
		char c = text[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		if (c != own[i])
			return false;
		if (!c)
			break;
	}
	return true;
}

static bool has_label(const struct gpt_part *p, const char *label)
{
	return !strcmp(p->name, label);
}

/* The only one that matches, with a reference. */
static struct blkdev *only(bool (*matches)(const struct gpt_part *p, const char *text),
			   const char *text)
{
	char name[BLKDEV_NAME_MAX] = "";
	struct blkdev *b = NULL;
	u32 found = 0;

	while ((b = blkdev_next(b))) {
		if (b->parent && matches(partition_of(b), text)) {
			memcpy(name, b->name, sizeof(name));
			found++;
		}
	}
	return found == 1 ? blkdev_get(name) : NULL;
}

struct blkdev *partition_by_uuid(const char *text)
{
	return only(has_uuid, text);
}

struct blkdev *partition_by_label(const char *label)
{
	return *label ? only(has_label, label) : NULL;
}

int partitions_rescan(struct blkdev *b)
{
	int err = blkdev_claim(b, "rescan");

	if (err)
		return err;
	removing(b);
	added(b);
	blkdev_release(b);
	return 0;
}
