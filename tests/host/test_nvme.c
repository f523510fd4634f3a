/*
 * drivers/nvme on a controller of fake_nvme.c, that works as it should: what requests become, namespaces, events, doorbells, the
 * way out. What goes wrong is test_nvme_faults.c's.
 *
 * sources: tests/host/fake_nvme.c drivers/nvme/controller.c drivers/nvme/queue.c drivers/nvme/admin.c
 * sources: drivers/nvme/namespace.c drivers/nvme/io.c drivers/nvme/recovery.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_nvme_io.h
 */
#include <stdlib.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/fake_nvme.h"
#include "tests/host/harness.h"

static struct nvme *c;
static u8 *memory; /* 1 MiB, page-aligned */

static void up(void)
{
	CHECK_EQ(nvme_bring_up(c), 0);
	fake_nvme_threads();
	memory = aligned_alloc(PAGE_SIZE, MIB);
	for (u32 i = 0; i < MIB; i++)
		memory[i] = (u8)(i * 7 + i / 509);
}

static void down(void)
{
	free(memory);
	/* Nothing was wrong, or seemed so. */
	CHECK_EQ(c->resets + c->reset_wanted, 0);
	fake_nvme_end();
}

static int run(u32 nsid, enum blk_op op, u64 offset, void *p, u64 len, u8 flags)
{
	struct fake_request f = { .r.flags = flags };

	CHECK(fake_submit(fake_nvme_blkdev(nsid), &f, op, offset, p, len));
	fake_nvme_threads();
	CHECK(f.done);
	return f.status;
}

TEST(comes_up)
{
	c = fake_nvme_start();
	up();
	CHECK_EQ(c->state, NVME_LIVE);
	CHECK_EQ(c->queue_count, 2);
	CHECK_STR(c->info.serial, "SERIAL 1");
	CHECK_STR(c->info.model, "Fake?[2J"); /* no control characters */
	CHECK_EQ(fake.blkdevs, 2);
	CHECK_EQ(fake_nvme_blkdev(1)->block_size, 512);
	CHECK_EQ(fake_nvme_blkdev(2)->block_size, 4096);
	CHECK_EQ(fake_nvme_blkdev(1)->size, FAKE_NS_BYTES);
	CHECK_EQ(fake_nvme_blkdev(1)->max_len, 32 * 4096);
	CHECK(fake_nvme_blkdev(2)->volatile_cache);
	CHECK(c->smart_valid);
	down();
	CHECK(fake.cut_off);
}

TEST(fewer_queues_than_cpus_and_odd_strides)
{
	c = fake_nvme_start();
	fake.io_queues = 1;
	fake.cap |= 3ull << 32;
	up();
	CHECK_EQ(c->queue_count, 1);
	CHECK_EQ(run(1, BLK_WRITE, 512, memory, 1024, 0), 0);
	CHECK(!memcmp(fake.disk[0] + 512, memory, 1024));
	down();
}

/* Lengths and starts around pages: one PRP, two, lists. */
TEST(transfers)
{
	static const u32 starts[] = { 0, 512, 1024, 3584 };
	static const u32 lengths[] = { 512, 1024, 4096, 4608, 8192, 12288, 65536, 131072 };

	c = fake_nvme_start();
	up();
	for (u32 i = 0; i < ARRAY_LEN(starts); i++) {
		for (u32 j = 0; j < ARRAY_LEN(lengths); j++) {
			u32 n = lengths[j];

			memset(fake.disk[0], 0, FAKE_NS_BYTES);
			CHECK_EQ(run(1, BLK_WRITE, 1536, memory + starts[i], n, 0), 0);
			CHECK(!memcmp(fake.disk[0] + 1536, memory + starts[i], n));
			CHECK_EQ(fake.disk[0][1535], 0);
			CHECK_EQ(fake.disk[0][1536 + n], 0);
			CHECK_EQ(run(1, BLK_READ, 1536, memory + MIB / 2 + starts[i], n, 0), 0);
			CHECK(!memcmp(memory + MIB / 2 + starts[i], memory + starts[i], n));
		}
	}
	down();
}

/* Pieces that PRPs cannot name together become several commands, and end as one request. */
TEST(pieces)
{
	static const struct {
		u32 at, len;
	} pieces[] = {
		{ 512, 3584 }, { 8192, 4096 }, { 16384, 512 }, { 20480, 1024 }, { 25088, 512 }
	};
	struct fake_request f = { 0 };
	u64 sum = 0;

	c = fake_nvme_start();
	up();
	for (u32 i = 0; i < ARRAY_LEN(pieces); i++) {
		f.pieces[i].pa = PADDR((u64)memory + pieces[i].at);
		f.pieces[i].len = pieces[i].len;
		sum += pieces[i].len;
	}
	f.r.piece_count = ARRAY_LEN(pieces);
	CHECK(fake_submit(fake_nvme_blkdev(1), &f, BLK_WRITE, 0, NULL, sum));
	fake_nvme_threads();
	CHECK(f.done);
	CHECK_EQ(f.status, 0);
	CHECK_EQ(fake.writes, 3);
	sum = 0;
	for (u32 i = 0; i < ARRAY_LEN(pieces); i++) {
		CHECK(!memcmp(fake.disk[0] + sum, memory + pieces[i].at, pieces[i].len));
		sum += pieces[i].len;
	}
	down();
}

TEST(other_commands)
{
	c = fake_nvme_start();
	up();
	CHECK_EQ(run(2, BLK_WRITE, 4096, memory, 8192, 0), 0);
	CHECK_EQ(fake.unflushed, 1);
	CHECK_EQ(run(2, BLK_FLUSH, 0, NULL, 0, 0), 0);
	CHECK_EQ(fake.flushes, 1);
	CHECK_EQ(fake.unflushed, 0);
	CHECK_EQ(run(2, BLK_WRITE, 4096, memory, 4096, BLK_FUA), 0);
	CHECK_EQ(fake.fuas, 1);
	CHECK_EQ(fake.unflushed, 0);
	CHECK_EQ(run(2, BLK_ZERO, 4096, NULL, 4096, 0), 0);
	CHECK_EQ(fake.disk[1][4096], 0);
	CHECK(!memcmp(fake.disk[1] + 8192, memory + 4096, 4096));
	CHECK_EQ(run(2, BLK_DISCARD, 0, NULL, FAKE_NS_BYTES, 0), 0);
	CHECK_EQ(fake.discards, 1);
	CHECK_EQ(run(2, BLK_DISCARD, 4096, NULL, FAKE_NS_BYTES, 0), -EINVAL);
	down();
}

TEST(doorbells_are_gathered)
{
	struct fake_request f[8] = { 0 };
	u32 before;

	c = fake_nvme_start();
	up();
	before = fake.doorbells;
	for (u32 i = 0; i < 8; i++) {
		f[i].r.flags = BLK_MORE;
		CHECK(fake_submit(fake_nvme_blkdev(1), &f[i], BLK_WRITE, i * 512, memory, 512));
	}
	CHECK_EQ(fake.doorbells, before);
	CHECK_EQ(fake.writes, 0);
	nvme_blkdev_ops.commit(fake_nvme_blkdev(1));
	CHECK_EQ(fake.doorbells, before + 1);
	CHECK_EQ(nvme_blkdev_ops.poll(fake_nvme_blkdev(1)), 8);
	CHECK_EQ(fake.doorbells, before + 2);
	CHECK_EQ(fake.done, 8);
	down();
}

TEST(shadow_doorbells)
{
	struct fake_request flush = { 0 };
	u32 before;

	c = fake_nvme_start();
	fake.dbbuf = true;
	up();
	CHECK(c->shadow);
	for (u32 i = 0; i < 200; i++)
		CHECK_EQ(run(1, BLK_WRITE, 0, memory, 512, 0), 0);
	before = fake.doorbells;
	/* The controller is looking: it needs no telling. */
	((u32 *)c->event_idx)[2 * 2] = c->io[1].tail + 20u;
	CHECK(fake_submit(fake_nvme_blkdev(1), &flush, BLK_FLUSH, 0, NULL, 0));
	CHECK_EQ(fake.doorbells, before);
	fake_nvme_threads();
	CHECK_EQ(fake.flushes, 1);
	down();
}

/* More than there are command ids: some wait, and go when others are done. */
TEST(a_full_queue)
{
	static struct fake_request f[80];
	struct blkdev *b;
	u32 taken = 0;

	memset(f, 0, sizeof(f));
	c = fake_nvme_start();
	up();
	fake.hold = true;
	b = fake_nvme_blkdev(1);
	while (taken < 80 && fake_submit(b, &f[taken], BLK_WRITE, taken * 512, memory, 512))
		taken++;
	CHECK_EQ(taken, NVME_DEPTH - 1);
	fake.hold = false;
	fake_nvme_run();
	while (taken < 80 && fake_submit(b, &f[taken], BLK_WRITE, taken * 512, memory, 512))
		taken++;
	CHECK_EQ(taken, 80);
	fake_nvme_threads();
	CHECK_EQ(fake.done, 80);
	down();
}

TEST(events_and_namespaces_that_leave)
{
	c = fake_nvme_start();
	up();
	fake.ns2_gone = true;
	fake_nvme_event(NVME_EVENT_NOTICE | NVME_LOG_CHANGED_NS << 16);
	fake_nvme_pass(2);
	CHECK_EQ(c->events, 1);
	CHECK_EQ(fake.blkdevs, 1);
	CHECK(!fake_nvme_blkdev(2));
	fake.ns2_gone = false;
	fake_nvme_event(NVME_EVENT_NOTICE | NVME_LOG_CHANGED_NS << 16);
	fake_nvme_pass(2);
	CHECK_EQ(fake.blkdevs, 2);
	fake_nvme_event(1 | 1 << 8 | NVME_LOG_SMART << 16);
	fake_nvme_pass(2);
	CHECK_EQ(c->events, 3);
	down();
}

TEST(before_lists_of_namespaces)
{
	c = fake_nvme_start();
	fake.no_list = true;
	up();
	CHECK_EQ(fake.blkdevs, 2);
	down();
}

TEST(shutdown)
{
	c = fake_nvme_start();
	up();
	nvme_shutdown_begin(c);
	CHECK(nvme_shutdown_wait(c));
	CHECK_EQ(fake.shutdowns, 1);
	fake.gone = true;
	nvme_shutdown_begin(c);
	CHECK(nvme_shutdown_wait(c));
	down();
}
