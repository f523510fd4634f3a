/*
 * Requests to block devices: whatever is asked of whichever device, a driver sees only what lies on the disk and breaks
 * none of its rules, each request ends once, and a device that goes ends them all. An input is a device, then requests and steps.
 *
 * sources: core/blkdev.c core/blkparts.c core/blksync.c lib/string.c arch/lock.c
 * sources: core/blknode.c core/hostdev.c lib/fmt.c tests/host/fake_blk.c tests/host/fake_mm.c
 * runs: 15000
 * max_len: 512
 */
#include "core/blkdev.h"

#include <stdlib.h>

#include "lib/errno.h"
#include "mm/page.h"
#include "tests/host/fake_blk.h"
#include "tests/host/fake_mm.h"
#include "tests/host/fuzzing.h"

#define REQUESTS 24u
#define MEMORY   (64 * KIB)

struct ticket {
	struct blk_request r;
	struct dma_piece pieces[BLK_PIECES_MAX];
	u32 ended;
};

static struct fake_disk disk;
static struct blkdev part;
static struct ticket tickets[REQUESTS];
static u32 used;
static u8 *memory;

static void ended(struct blk_request *r, int status)
{
	struct ticket *t = r->owner;

	CHECK(status <= 0);
	CHECK_EQ(++t->ended, 1);
}

static void make_device(struct fuzz_in *in)
{
	fake_disk_init(&disk, "fake0");
	disk.dev.block_size = fuzz_below(in, 2) ? 512 : 4096;
	disk.dev.max_len = disk.dev.block_size * (1 + fuzz_below(in, 32));
	disk.dev.max_pieces = 1 + fuzz_below(in, BLK_PIECES_MAX);
	disk.dev.piece_align = 1u << fuzz_below(in, 10);
	disk.dev.max_discard = disk.dev.block_size * fuzz_below(in, 8);
	disk.dev.can_zero = fuzz_below(in, 2);
	disk.dev.can_discard = fuzz_below(in, 4);
	disk.dev.read_only = !fuzz_below(in, 8);
	disk.limit = 1 + fuzz_below(in, FAKE_DISK_DEPTH);
	disk.at_once = fuzz_below(in, 2);
	disk.fail_after = fuzz_below(in, 40);
	CHECK_EQ(blkdev_add(&disk.dev), 0);
	part = (struct blkdev){ .name = "fake0p1",
				.parent = &disk.dev,
				.block_size = disk.dev.block_size,
				.max_len = disk.dev.max_len,
				.start = 8192,
				.size = 64 * KIB };
	CHECK_EQ(blkdev_add(&part), 0);
}

/* Now and then a number from all of them, mostly one near to what would be right. */
static u64 number(struct fuzz_in *in, u32 unit, u32 below)
{
	return fuzz_below(in, 16) ? (u64)unit * fuzz_below(in, below) : fuzz_bytes(in, 8);
}

static void ask(struct fuzz_in *in)
{
	struct ticket *t = &tickets[used++];
	u32 bs = disk.dev.block_size;
	u64 left;

	*t = (struct ticket){ .r = { .op = (u8)fuzz_below(in, BLK_OPS + 1),
				     .offset = number(in, bs, 40),
				     .len = number(in, bs, 16),
				     .pieces = t->pieces,
				     .done = ended,
				     .owner = t } };
	t->r.flags = fuzz_below(in, 4) ? 0 : (u8)fuzz_bytes(in, 1);
	for (left = t->r.len; left && left <= MEMORY && t->r.piece_count < BLK_PIECES_MAX;) {
		u32 len = (u32)MIN(left, 1 + (u64)fuzz_bytes(in, 2) % MEMORY), at;

		len = t->r.piece_count == BLK_PIECES_MAX - 1 ? (u32)left : len;
		at = (u32)(fuzz_bytes(in, 2) % (MEMORY - len + 1));
		t->pieces[t->r.piece_count++] =
			(struct dma_piece){ virt_to_phys(memory + at), len };
		left -= len;
	}
	/* A byte less, or twice as many as there is. */
	if (t->r.piece_count && !fuzz_below(in, 12))
		t->pieces[fuzz_below(in, t->r.piece_count)].len -= 1;
	if (!fuzz_below(in, 12))
		t->r.len *= 2;
	if (t->r.op != BLK_READ && t->r.op != BLK_WRITE && fuzz_below(in, 8))
		t->r.piece_count = 0;
	blkdev_submit(fuzz_below(in, 2) ? &part : &disk.dev, &t->r);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_in in = { data, size };

	memory = page_alloc(4);
	used = 0;
	make_device(&in);
	while (in.left && used < REQUESTS) {
		switch (fuzz_below(&in, 4)) {
		case 0:
			fake_disk_step(&disk);
			break;
		case 1:
			fake_blk_run();
			break;
		default:
			ask(&in);
		}
	}
	blkdev_remove(&part);
	blkdev_remove(&disk.dev);
	for (u32 i = 0; i < used; i++)
		CHECK_EQ(tickets[i].ended, 1);
	CHECK(disk.most_len <= MAX(disk.dev.max_len, disk.dev.max_discard));
	CHECK(disk.most_pieces <= disk.dev.max_pieces);
	CHECK_EQ(disk.bad_pieces, 0);
	CHECK(!disk.dev.read_only || !(disk.writes | disk.clears));
	fake_disk_free(&disk);
	page_free(memory, 4);
	CHECK_EQ(fake_blocks, 0);
	CHECK_EQ(fake_pages, 0);
	return 0;
}

void fuzz_seeds(void)
{
	u8 seed[200];

	for (u32 n = 0; n < 8; n++) {
		for (u32 i = 0; i < sizeof(seed); i++)
			seed[i] = (u8)fuzz_random(256);
		fuzz_seed(seed, sizeof(seed));
	}
}
