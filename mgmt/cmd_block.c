/*
 * Commands about block devices: what there is, figures, discard. mgmt/cmd_blktest.c has the test.
 */
#include "block/partitions.h"
#include "core/blkdev.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mgmt/cmd.h"
#include "mgmt/table.h"
#include "mm/heap.h"

enum { STAT_DEVICE, STAT_HISTOGRAM };
enum { DISCARD_DEVICE, DISCARD_OFFSET, DISCARD_LENGTH, DISCARD_ZERO, DISCARD_DESTROY };

#define NS_PER_US 1000u

static const char *const op_names[BLK_OPS] = { "read", "write", "flush", "discard", "zero" };

struct blkdev *call_disk(const struct call *c)
{
	const char *name = call_value(c, 0, 0)->text;
	struct blkdev *b = blkdev_get(name);

	if (!b)
		b = partition_by_uuid(name);
	if (!b)
		say_error(c->session, "no block device '%s'", name);
	return b;
}

int say_blk_error(const struct call *c, const char *what, int err)
{
	static const struct {
		int err;
		const char *text;
	} texts[] = {
		{ EIO, "the medium has an error" },
		{ EPERM, "it is read-only" },
		{ ENOSPC, "no space is left" },
		{ EINVAL, "out of range, or not at a block's border" },
		{ ENODEV, "the device has gone" },
		{ ENOTSUP, "the device cannot do this" },
		{ ENOMEM, "no memory" },
		{ ETIMEDOUT, "the device did not answer in time" },
	};

	for (u32 i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].err == -err)
			return say_error(c->session, "%s: %s", what, texts[i].text);
	return say_error(c->session, "%s: error %d", what, -err);
}

static void format_size(u64 bytes, char *buf, size_t size)
{
	if (bytes >= 10 * GIB)
		snprintf(buf, size, "%llu GiB", (unsigned long long)(bytes / GIB));
	else if (bytes >= 10 * MIB)
		snprintf(buf, size, "%llu MiB", (unsigned long long)(bytes / MIB));
	else
		snprintf(buf, size, "%llu KiB", (unsigned long long)(bytes / KIB));
}

static int cmd_blklist(struct call *c)
{
	static const char *const heads[] = { "Name", "Capacity", "Block", "Used by" };
	struct table *t = kalloc(sizeof(*t));
	char text[32], who[BLKDEV_NAME_MAX];
	struct blkdev *b = NULL;

	if (!t)
		return say_error(c->session, "no memory");
	table_init(t, ARRAY_LEN(heads), heads);
	while ((b = blkdev_next(b))) {
		table_add(t, b->name);
		format_size(b->size, text, sizeof(text));
		table_add(t, text);
		snprintf(text, sizeof(text), "%u", b->block_size);
		table_add(t, text);
		table_add(t, blkdev_claimed(b, who) ? who : "-");
	}
	table_print(t, c->session);
	kfree(t);
	return 0;
}

static void say_partition(const struct session *s, const struct blkdev *b)
{
	const struct gpt_part *p = partition_of(b);
	char uuid[GPT_UUID_TEXT];

	if (!p)
		return;
	gpt_uuid_text(p->uuid, uuid);
	say(s, "%-16s%u of %s, at %llu\n%-16s%s\n", "Partition:", p->number, b->parent->name,
	    (unsigned long long)b->start, "PARTUUID:", uuid);
	gpt_uuid_text(p->type, uuid);
	say(s, "%-16s%s\n%-16s%s\n", "Type:", uuid, "PARTLABEL:", p->name);
}

static int cmd_blkinfo(struct call *c)
{
	const struct session *s = c->session;
	struct blkdev *b = call_disk(c);
	char who[BLKDEV_NAME_MAX];

	if (!b)
		return -1;
	say(s, "%-16s%s\n%-16s%llu\n", "Name:", b->name, "Capacity:", (unsigned long long)b->size);
	say(s, "%-16s%u, physical %u\n", "Block size:", b->block_size, b->physical_block_size);
	say_partition(s, b);
	say(s, "%-16s%s\n%-16s%s\n%-16s%s\n", "Read-only:", b->read_only ? "yes" : "no",
	    "Discard:", b->can_discard ? "yes" : "no",
	    "Write cache:", b->volatile_cache ? "yes" : "no");
	say(s, "%-16s%u bytes in %u pieces\n", "Request:", b->max_len, b->max_pieces);
	say(s, "%-16s%s\n\n", "Used by:", blkdev_claimed(b, who) ? who : "-");
	blkdev_put(b);
	return 0;
}

static void say_histogram(const struct session *s, const struct blk_stats *f, u32 op)
{
	for (u32 i = 0; i < BLK_HISTOGRAM; i++) {
		if (f->histogram[op][i])
			say(s, "  %-8s %12llu ns and more: %llu\n", op_names[op],
			    (unsigned long long)BIT(i), (unsigned long long)f->histogram[op][i]);
	}
}

/* virsh's domblkstat has rd_req, rd_bytes, rd_total_times and so on. */
static int cmd_blkstat(struct call *c)
{
	static const char *const names[BLK_OPS] = { "rd", "wr", "flush", "discard", "zero" };
	const struct session *s = c->session;
	struct blk_stats *f = kalloc(sizeof(*f));
	struct blkdev *b = call_disk(c);

	for (u32 op = 0; f && b && op < BLK_OPS; op++) {
		if (!op)
			blkdev_stats(b, f);
		say(s, "%s %s_req %llu\n", b->name, names[op], (unsigned long long)f->requests[op]);
		if (op != BLK_FLUSH)
			say(s, "%s %s_bytes %llu\n", b->name, names[op],
			    (unsigned long long)f->bytes[op]);
		say(s, "%s %s_errors %llu\n%s %s_total_times %llu\n", b->name, names[op],
		    (unsigned long long)f->errors[op], b->name, names[op],
		    (unsigned long long)f->total_ns[op]);
		if (call_flag(c, STAT_HISTOGRAM))
			say_histogram(s, f, op);
	}
	if (f && b)
		say(s, "\n");
	if (b)
		blkdev_put(b);
	kfree(f);
	if (!f)
		return say_error(s, "no memory");
	return b ? 0 : -1;
}

static u64 number_or(const struct call *c, u32 spec, u64 standard)
{
	const struct arg_value *v = call_value(c, spec, 0);

	return v ? v->number : standard;
}

static int clear(struct call *c, struct blkdev *b)
{
	u64 offset = number_or(c, DISCARD_OFFSET, 0), len;
	int err = offset <= b->size ? blkdev_claim(b, c->command->name) : -EINVAL;

	if (err == -EBUSY)
		return say_error(c->session, "%s is in use", b->name);
	if (err)
		return say_blk_error(c, b->name, err);
	len = number_or(c, DISCARD_LENGTH, b->size - offset);
	err = blkdev_clear(b, call_flag(c, DISCARD_ZERO) ? BLK_ZERO : BLK_DISCARD, offset, len);
	blkdev_release(b);
	if (err)
		return say_blk_error(c, b->name, err);
	say(c->session, "%s: %llu bytes at %llu %s\n\n", b->name, (unsigned long long)len,
	    (unsigned long long)offset, call_flag(c, DISCARD_ZERO) ? "zeroed" : "discarded");
	return 0;
}

static int cmd_blkdiscard(struct call *c)
{
	struct blkdev *b;
	int err;

	if (!call_flag(c, DISCARD_DESTROY))
		return say_error(c->session, "this destroys data: say so with --destroy-data");
	b = call_disk(c);
	if (!b)
		return -1;
	err = clear(c, b);
	blkdev_put(b);
	return err;
}

static int cmd_blkrescan(struct call *c)
{
	struct blkdev *b = call_disk(c);
	int err;

	if (!b)
		return -1;
	err = b->parent ? -EINVAL : partitions_rescan(b);
	if (err == -EBUSY)
		say_error(c->session, "%s is in use", b->name);
	else if (err)
		say_error(c->session, "%s is a partition", b->name);
	blkdev_put(b);
	return err;
}

static const struct command commands[] = {
	{ .name = "blkdiscard",
	  .help = "give up what a block device holds",
	  .text = "What is read after is anything, or zeroes with --zero. All of it, if no range is given, "
		  "in bytes. Not of a device that is in use.",
	  .args = ARGS(DISK_ARG, { "offset", ARG_NUMBER, .help = "the first byte" },
		       { "length", ARG_NUMBER, .help = "how many bytes" },
		       FLAG_ARG("zero", "write zeroes"),
		       FLAG_ARG("destroy-data", "yes, the data shall be lost")),
	  .run = cmd_blkdiscard },
	{ .name = "blkinfo",
	  .help = "say what a block device is",
	  .args = ARGS(DISK_ARG),
	  .run = cmd_blkinfo },
	{ .name = "blklist", .help = "list block devices", .run = cmd_blklist },
	{ .name = "blkrescan",
	  .help = "read a disk's partition table again",
	  .text = "Not of a disk that is in use, with its partitions.",
	  .args = ARGS(DISK_ARG),
	  .run = cmd_blkrescan },
	{ .name = "blkstat",
	  .help = "print figures of a block device",
	  .text = "Since it came: requests, bytes, errors, and the ns from submit to done, as a sum or "
		  "by powers of two.",
	  .args = ARGS(DISK_ARG, FLAG_ARG("histogram", "how many requests took how long")),
	  .run = cmd_blkstat },
	{ .name = "blktest",
	  .help = "read, fill or verify a block device",
	  .text = "--write-pattern fills it with a pattern in which each block differs by its place and the "
		  "seed, --verify looks whether it is still there, --read only reads. With progress; "
		  "Ctrl-C ends it. Nothing is written without --destroy-data, nor to a device in "
		  "use. Limits are as iotune's.",
	  .args = cmd_blktest_args,
	  .run = cmd_blktest },
	{ .name = NULL },
};

const struct command_group group_block = { "Block Devices", "block", commands };
