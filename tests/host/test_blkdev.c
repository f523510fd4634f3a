/*
 * core/blkdev.h: what is checked before a driver sees a request, that each ends once, parts and bounces, devices that have no
 * room, that go, and parts of devices.
 *
 * sources: core/blkdev.c core/blkparts.c core/blksync.c lib/string.c arch/lock.c
 * sources: core/blknode.c core/hostdev.c lib/fmt.c tests/host/fake_blk.c tests/host/fake_mm.c
 */
#include "core/blkdev.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mm/page.h"
#include "tests/host/fake_blk.h"
#include "tests/host/fake_mm.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

static struct fake_disk disk;
static u8 *memory; /* 256 KiB */

struct ticket {
	struct blk_request r;
	struct dma_piece pieces[BLK_PIECES_MAX];
	u32 ended;
	int status;
};

static void ended(struct blk_request *r, int status)
{
	struct ticket *t = r->owner;

	t->ended++;
	t->status = status;
}

static struct dma_piece piece(const void *p, u32 len)
{
	return (struct dma_piece){ virt_to_phys(p), len };
}

static void fill_in(struct ticket *t, u8 op, u64 offset, u64 len)
{
	*t = (struct ticket){ .r = { .op = op,
				     .offset = offset,
				     .len = len,
				     .pieces = t->pieces,
				     .done = ended,
				     .owner = t } };
	if (op == BLK_READ || op == BLK_WRITE) {
		t->r.piece_count = 1;
		t->pieces[0] = piece(memory, (u32)len);
	}
}

static int run(struct ticket *t, struct blkdev *b)
{
	blkdev_submit(b, &t->r);
	fake_blk_settle();
	CHECK_EQ(t->ended, 1);
	return t->status;
}

static void setup(void)
{
	memory = page_alloc(6);
	for (u32 i = 0; i < 64 * PAGE_SIZE; i++)
		memory[i] = (u8)rand_below(256);
	fake_disk_init(&disk, "fake0");
}

static void begin(void)
{
	setup();
	CHECK_EQ(blkdev_add(&disk.dev), 0);
}

static void end(void)
{
	blkdev_remove(&disk.dev);
	fake_disk_free(&disk);
	page_free(memory, 6);
	CHECK_EQ(fake_blocks, 0);
	CHECK_EQ(fake_pages, 0);
}

TEST(what_is_written_is_read)
{
	struct blk_stats s;

	begin();
	CHECK_EQ(blkdev_write(&disk.dev, 4096, memory, 8192), 0);
	CHECK(!memcmp(disk.data + 4096, memory, 8192));
	CHECK_EQ(blkdev_read(&disk.dev, 4608, memory + 65536, 512), 0);
	CHECK(!memcmp(memory + 65536, memory + 512, 512));
	CHECK_EQ(blkdev_flush(&disk.dev), 0);
	CHECK_EQ(disk.flushes, 1);
	CHECK_EQ(blkdev_clear(&disk.dev, BLK_DISCARD, 4096, 512), 0);
	CHECK_EQ(disk.data[4096], 0);
	CHECK_EQ(blkdev_read(&disk.dev, FAKE_DISK_SIZE - 512, memory, 512), 0);
	CHECK_EQ(blkdev_read(&disk.dev, FAKE_DISK_SIZE - 512, memory, 1024), -EINVAL);
	CHECK_EQ(blkdev_read(&disk.dev, 0, memory, 100), -EINVAL);
	blkdev_stats(&disk.dev, &s);
	CHECK_EQ(s.requests[BLK_READ], 3);
	CHECK_EQ(s.bytes[BLK_READ], 1024);
	CHECK_EQ(s.errors[BLK_READ], 1);
	CHECK_EQ(s.requests[BLK_WRITE], 1);
	CHECK_EQ(s.bytes[BLK_WRITE], 8192);
	CHECK_EQ(s.requests[BLK_FLUSH], 1);
	end();
}

/* Nothing of these comes to the driver. */
TEST(requests_that_are_refused)
{
	static const struct {
		u8 op, flags;
		u16 pieces;
		u64 offset, len;
		u32 piece_len;
		int err;
	} cases[] = {
		{ BLK_READ, 0, 1, FAKE_DISK_SIZE, 512, 512, -EINVAL },
		{ BLK_READ, 0, 1, FAKE_DISK_SIZE - 512, 1024, 1024, -EINVAL },
		{ BLK_READ, 0, 1, ~0ULL - 511, 512, 512, -EINVAL },
		{ BLK_READ, 0, 1, ~0ULL - 511, 1024, 1024, -EINVAL },
		{ BLK_READ, 0, 1, 512, ~0ULL - 511, 512, -EINVAL },
		{ BLK_READ, 0, 1, 1, 512, 512, -EINVAL },
		{ BLK_READ, 0, 1, 0, 511, 511, -EINVAL },
		{ BLK_READ, 0, 1, 0, 0, 0, -EINVAL },
		{ BLK_READ, 0, 0, 0, 512, 0, -EINVAL },
		{ BLK_READ, 0, 1, 0, 512, 1024, -EINVAL },
		{ BLK_READ, 0, 1, 0, 1024, 512, -EINVAL },
		{ BLK_READ, 0, 2, 0, 512, 512, -EINVAL },
		{ BLK_READ, 0, BLK_PIECES_MAX + 1, 0, 65 * 512, 512, -EINVAL },
		{ BLK_READ, BLK_FUA, 1, 0, 512, 512, -EINVAL },
		{ BLK_WRITE, 0x80, 1, 0, 512, 512, -EINVAL },
		{ BLK_FLUSH, 0, 0, 512, 0, 0, -EINVAL },
		{ BLK_FLUSH, 0, 0, 0, 512, 0, -EINVAL },
		{ BLK_FLUSH, BLK_FUA, 0, 0, 0, 0, -EINVAL },
		{ BLK_DISCARD, 0, 1, 0, 512, 512, -EINVAL },
		{ BLK_DISCARD, 0, 0, FAKE_DISK_SIZE, 512, 0, -EINVAL },
		{ BLK_ZERO, 0, 0, 0, 0, 0, -EINVAL },
		{ BLK_OPS, 0, 0, 0, 512, 0, -EINVAL },
		{ 255, 0, 0, 0, 0, 0, -EINVAL },
	};

	begin();
	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		struct ticket t;

		fill_in(&t, cases[i].op, cases[i].offset, cases[i].len);
		t.r.flags = cases[i].flags;
		t.r.piece_count = cases[i].pieces;
		for (u32 k = 0; k < BLK_PIECES_MAX; k++)
			t.pieces[k] = piece(memory + k * 512, cases[i].piece_len);
		CHECK_EQ(run(&t, &disk.dev), cases[i].err);
		CHECK_EQ(t.r.offset, cases[i].offset);
	}
	CHECK_EQ(disk.submits, 0);
	end();
}

TEST(a_piece_that_wraps)
{
	struct ticket t;

	begin();
	fill_in(&t, BLK_WRITE, 0, 512);
	t.pieces[0].pa = PADDR(~0ULL - 100);
	CHECK_EQ(run(&t, &disk.dev), -EINVAL);
	end();
}

TEST(read_only)
{
	struct ticket t;

	setup();
	disk.dev.read_only = true;
	CHECK_EQ(blkdev_add(&disk.dev), 0);
	CHECK_EQ(blkdev_write(&disk.dev, 0, memory, 512), -EPERM);
	CHECK_EQ(blkdev_clear(&disk.dev, BLK_DISCARD, 0, 512), -EPERM);
	CHECK_EQ(blkdev_clear(&disk.dev, BLK_ZERO, 0, 512), -EPERM);
	fill_in(&t, BLK_READ, 0, 512);
	CHECK_EQ(run(&t, &disk.dev), 0);
	CHECK_EQ(disk.writes + disk.clears, 0);
	end();
}

TEST(figures_that_make_no_sense)
{
	setup();
	disk.dev.block_size = 520;
	CHECK_EQ(blkdev_add(&disk.dev), -EINVAL);
	disk.dev.block_size = 8192;
	CHECK_EQ(blkdev_add(&disk.dev), -EINVAL);
	disk.dev.block_size = 4096;
	disk.dev.size = FAKE_DISK_SIZE - 512;
	CHECK_EQ(blkdev_add(&disk.dev), -EINVAL);
	disk.dev.size = 0;
	CHECK_EQ(blkdev_add(&disk.dev), -EINVAL);
	disk.dev.size = FAKE_DISK_SIZE;
	disk.dev.max_len = 512;
	CHECK_EQ(blkdev_add(&disk.dev), -EINVAL);
	disk.dev.max_len = 4096;
	disk.dev.piece_align = 8192;
	CHECK_EQ(blkdev_add(&disk.dev), -EINVAL);
	disk.dev.piece_align = 3;
	CHECK_EQ(blkdev_add(&disk.dev), -EINVAL);
	disk.dev.piece_align = 4096;
	disk.dev.max_pieces = BLK_PIECES_MAX + 1;
	CHECK_EQ(blkdev_add(&disk.dev), -EINVAL);
	disk.dev.max_pieces = 1;
	CHECK_EQ(blkdev_add(&disk.dev), 0);
	end();
}

/* More requests than the device has room for: each is done once, in the order in which they came. */
TEST(no_room)
{
	static struct ticket t[50];

	begin();
	disk.limit = 3;
	for (u32 i = 0; i < ARRAY_LEN(t); i++) {
		fill_in(&t[i], BLK_WRITE, 512ULL * (i % 7), 512);
		t[i].pieces[0] = piece(memory + 512ULL * i, 512);
		blkdev_submit(&disk.dev, &t[i].r);
	}
	CHECK(disk.refused > 0);
	CHECK_EQ(disk.depth, 3);
	fake_blk_settle();
	for (u32 i = 0; i < ARRAY_LEN(t); i++) {
		CHECK_EQ(t[i].ended, 1);
		CHECK_EQ(t[i].status, 0);
	}
	for (u32 i = ARRAY_LEN(t) - 7; i < ARRAY_LEN(t); i++)
		CHECK(!memcmp(disk.data + 512 * (i % 7), memory + 512 * i, 512));
	end();
}

/* What the device takes, against what it is given: data is the same, and no request breaks a rule. */
TEST(parts_and_bounces)
{
	static u8 model[FAKE_DISK_SIZE];

	for (u32 round = 0; round < 400; round++) {
		setup();
		disk.dev.block_size = rand_below(2) ? 512 : 4096;
		disk.dev.max_len = disk.dev.block_size * (1 + rand_below(20));
		disk.dev.max_pieces = 1 + rand_below(BLK_PIECES_MAX);
		disk.dev.piece_align = 1u << rand_below(10);
		disk.dev.can_zero = rand_below(2);
		disk.limit = 1 + rand_below(6);
		disk.at_once = rand_below(2);
		CHECK_EQ(blkdev_add(&disk.dev), 0);
		memset(model, 0, sizeof(model));
		for (u32 n = 0; n < 20; n++) {
			u32 bs = disk.dev.block_size, left, from = rand_below(4096);
			struct ticket t;

			fill_in(&t,
				rand_below(3) ? BLK_WRITE :
				rand_below(2) ? BLK_READ :
						BLK_ZERO,
				(u64)bs * rand_below(8), (u64)bs * (1 + rand_below(20)));
			from &= ~(rand_below(2) ? 511u : 0u);
			t.r.piece_count = 0;
			for (left = (u32)t.r.len; left && t.r.op != BLK_ZERO;) {
				u32 len = 1 + rand_below(2 * left);

				len = rand_below(2) ? ALIGN_UP(len, 512) : len;
				len = t.r.piece_count == BLK_PIECES_MAX - 1 ? left : MIN(len, left);
				t.pieces[t.r.piece_count++] =
					piece(memory + from + (t.r.len - left), len);
				left -= len;
			}
			if (t.r.op == BLK_ZERO)
				memset(model + t.r.offset, 0, t.r.len);
			if (t.r.op == BLK_WRITE)
				memcpy(model + t.r.offset, memory + from, t.r.len);
			CHECK_EQ(run(&t, &disk.dev), 0);
			if (t.r.op == BLK_READ)
				CHECK(!memcmp(model + t.r.offset, memory + from, t.r.len));
		}
		CHECK(!memcmp(model, disk.data, FAKE_DISK_SIZE));
		CHECK(disk.most_len <= disk.dev.max_len);
		CHECK(disk.most_pieces <= disk.dev.max_pieces);
		CHECK_EQ(disk.bad_pieces, 0);
		end();
	}
}

/* The rest of a request that has failed is not sent, and the error is the first. */
TEST(a_part_fails)
{
	struct ticket t;

	setup();
	disk.dev.max_len = 512;
	CHECK_EQ(blkdev_add(&disk.dev), 0);
	disk.fail_after = 3;
	fill_in(&t, BLK_WRITE, 0, 100 * 512);
	CHECK_EQ(run(&t, &disk.dev), -EIO);
	CHECK(disk.writes < 10);
	fill_in(&t, BLK_WRITE, 0, 100 * 512);
	CHECK_EQ(run(&t, &disk.dev), 0);
	end();
}

/* What has to be copied is the hypervisor's; a guest's memory cannot be read here. */
TEST(foreign_memory_is_not_copied)
{
	struct ticket t;

	setup();
	disk.dev.piece_align = 512;
	CHECK_EQ(blkdev_add(&disk.dev), 0);
	fake_foreign = 1;
	fill_in(&t, BLK_WRITE, 0, 512);
	t.pieces[0] = piece(memory + 4, 512);
	CHECK_EQ(run(&t, &disk.dev), -EINVAL);
	fill_in(&t, BLK_READ, 0, 512);
	t.pieces[0] = piece(memory + 4, 512);
	CHECK_EQ(run(&t, &disk.dev), -EINVAL);
	fake_foreign = 0;
	end();
}

/* Those that wait end with -ENODEV, those that the driver has as it says, later ones at once: each one time. */
TEST(the_device_goes)
{
	static struct ticket t[20];
	struct ticket late;

	begin();
	disk.limit = 2;
	for (u32 i = 0; i < ARRAY_LEN(t); i++) {
		fill_in(&t[i], BLK_WRITE, 0, i % 5 ? 512 : 200 * KIB);
		blkdev_submit(&disk.dev, &t[i].r);
	}
	blkdev_remove(&disk.dev);
	for (u32 i = 0; i < ARRAY_LEN(t); i++) {
		CHECK_EQ(t[i].ended, 1);
		CHECK(t[i].status == 0 || t[i].status == -ENODEV);
	}
	CHECK_EQ(t[19].status, -ENODEV);
	CHECK(!blkdev_get("fake0"));
	fill_in(&late, BLK_FLUSH, 0, 0);
	CHECK_EQ(blkdev_add(&disk.dev), 0);
	disk.dev.gone = 1;
	CHECK_EQ(run(&late, &disk.dev), -ENODEV);
	end();
}

TEST(a_part_of_a_disk)
{
	struct blkdev p1 = { .name = "fake0p1",
			     .parent = &disk.dev,
			     .size = 8192,
			     .start = 4096,
			     .block_size = 512,
			     .max_len = 128 * KIB };
	struct blk_stats s;
	struct ticket t;

	begin();
	CHECK_EQ(blkdev_add(&p1), 0);
	CHECK_EQ(blkdev_write(&p1, 512, memory, 512), 0);
	CHECK(!memcmp(disk.data + 4608, memory, 512));
	CHECK_EQ(blkdev_write(&p1, 8192, memory, 512), -EINVAL);
	CHECK_EQ(blkdev_write(&p1, 7680, memory, 1024), -EINVAL);
	fill_in(&t, BLK_READ, 1024, 512);
	CHECK_EQ(run(&t, &p1), 0);
	CHECK_EQ(t.r.offset, 1024);
	CHECK_EQ(blkdev_flush(&p1), 0);
	CHECK_EQ(disk.flushes, 1);
	blkdev_stats(&p1, &s);
	CHECK_EQ(s.requests[BLK_WRITE], 3);
	blkdev_stats(&disk.dev, &s);
	CHECK_EQ(s.bytes[BLK_WRITE], 512);
	blkdev_remove(&p1);
	p1.size = FAKE_DISK_SIZE;
	CHECK_EQ(blkdev_add(&p1), -EINVAL);
	p1.start = ~0ULL - 511;
	CHECK_EQ(blkdev_add(&p1), -EINVAL);
	end();
}

TEST(names_and_claims)
{
	static const char *const order[] = { "d2", "d2p1", "d2p3", "d2p10", "d10", "fake0" };
	struct blkdev *b, d[5] = { { .name = "d10" }, { .name = "d2" } };
	char who[BLKDEV_NAME_MAX];

	begin();
	for (u32 i = 0; i < 5; i++) {
		struct blkdev like = {
			.ops = disk.dev.ops, .size = 8192, .block_size = 512, .max_len = 512
		};
		static const char *const names[] = { "d10", "d2", "d2p10", "d2p1", "d2p3" };

		d[i] = like;
		memcpy(d[i].name, names[i], strlen(names[i]) + 1);
		d[i].parent = i >= 2 ? &d[1] : NULL;
		CHECK_EQ(blkdev_add(&d[i]), 0);
	}
	b = NULL;
	for (u32 i = 0; (b = blkdev_next(b)); i++)
		CHECK_STR(b->name, order[i]);
	CHECK_EQ(blkdev_claim(&d[2], "me"), 0);
	CHECK_EQ(blkdev_claim(&d[2], "you"), -EBUSY);
	CHECK_EQ(blkdev_claim(&d[1], "you"), -EBUSY);
	CHECK(blkdev_claimed(&d[1], who));
	CHECK_STR(who, "me");
	CHECK_EQ(blkdev_claim(&d[3], "you"), 0);
	blkdev_release(&d[2]);
	blkdev_release(&d[3]);
	CHECK_EQ(blkdev_claim(&d[1], "you"), 0);
	CHECK_EQ(blkdev_claim(&d[2], "me"), -EBUSY);
	blkdev_release(&d[1]);
	b = blkdev_get("d2p10");
	CHECK_EQ(b, &d[2]);
	CHECK_EQ(b->refs, 1);
	blkdev_put(b);
	for (u32 i = 5; i--;)
		blkdev_remove(&d[i]);
	d[0] = (struct blkdev){ .name = "fake0", .size = 512, .block_size = 512, .max_len = 512 };
	CHECK_EQ(blkdev_add(&d[0]), -EEXIST);
	end();
}

static char said[512];

static void add(const char *text)
{
	size_t at = strlen(said);

	CHECK(!str_copy(said + at, sizeof(said) - at, text));
}

static void sink_open(struct hostdev_sink *s, const char *element)
{
	(void)s;
	add("<");
	add(element);
}

static void sink_text(struct hostdev_sink *s, const char *text)
{
	(void)s;
	add(" ");
	add(text);
}

static void sink_close(struct hostdev_sink *s)
{
	(void)s;
	add(">");
}

static int describe(struct hostdev *h, void *arg)
{
	struct hostdev_sink sink = { .open = sink_open, .text = sink_text, .close = sink_close };

	if (h == arg)
		return 0;
	add(h->name);
	add(h->path);
	h->describe(h, &sink);
	return h->parent == arg ? 1 : 2;
}

TEST(what_management_sees)
{
	struct hostdev above = { .name = "pci_0000_00_01_0", .path = "/sys/devices/x" };
	struct blkdev part = { .name = "fake0p1", .parent = &disk.dev, .start = 512 };

	setup();
	hostdev_add(&above);
	disk.dev.above = &above;
	disk.dev.model = "M";
	disk.dev.serial = "S";
	CHECK_EQ(blkdev_add(&disk.dev), 0);
	part.size = part.max_len = part.block_size = disk.dev.block_size;
	CHECK_EQ(blkdev_add(&part), 0); /* of no hardware's own */
	said[0] = '\0';
	CHECK_EQ(hostdev_each(describe, &above), 1);
	CHECK(!strcmp(said,
		      "block_fake0/sys/devices/x/block/fake0<block fake0><drive_type disk><model M>"
		      "<serial S><size 1048576><logical_block_size 512><num_blocks 2048>"));
	blkdev_remove(&part);
	blkdev_remove(&disk.dev);
	CHECK_EQ(hostdev_each(describe, &above), 0);
	hostdev_remove(&above);
	/* One that hangs below nothing. */
	disk.dev.above = NULL;
	disk.dev.model = disk.dev.serial = NULL;
	CHECK_EQ(blkdev_add(&disk.dev), 0);
	said[0] = '\0';
	CHECK_EQ(hostdev_each(describe, NULL), 1);
	CHECK(!strcmp(said,
		      "block_fake0/sys/devices/virtual/block/fake0<block fake0><drive_type disk>"
		      "<size 1048576><logical_block_size 512><num_blocks 2048>"));
	end();
}

TEST(latencies)
{
	struct blk_stats s;
	struct ticket t;

	begin();
	fill_in(&t, BLK_READ, 0, 512);
	blkdev_submit(&disk.dev, &t.r);
	fake_now += 5000;
	fake_disk_step(&disk);
	blkdev_stats(&disk.dev, &s);
	CHECK_EQ(s.histogram[BLK_READ][12], 1); /* 4096 to 8191 ns */
	CHECK_EQ(s.total_ns[BLK_READ], 5001);
	end();
}

TEST(memory_runs_out)
{
	setup();
	disk.dev.piece_align = 4;
	for (u32 left = 0; left < 4; left++) {
		fake_pages_left = left;
		CHECK_EQ(blkdev_add(&disk.dev), -ENOMEM);
	}
	fake_pages_left = -1;
	CHECK_EQ(blkdev_add(&disk.dev), 0);
	end();
}
