/*
 * block/fair.h and block/iotune.h: shares by weight whatever the sizes of requests, limits kept to, bursts, and owners that a
 * limit holds do not hold others; on a clock and a disk of the test's own.
 *
 * sources: block/fair.c block/iotune.c core/blkdev.c core/blkparts.c core/blksync.c lib/string.c arch/lock.c
 * sources: core/blknode.c core/hostdev.c lib/fmt.c tests/host/fake_blk.c tests/host/fake_mm.c
 */
#include "block/fair.h"

#include <stdio.h>

#include "core/timer.h"
#include "lib/errno.h"
#include "mm/page.h"
#include "tests/host/fake_blk.h"
#include "tests/host/fake_mm.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

#define S           1000000000ULL
#define DEPTH       64u
#define NS_PER_BYTE 10u /* the disk: 100 MB a second */

static struct fake_disk disk;
static struct timer *armed;
static u8 *memory;

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){ .fn = fn };
}

void timer_arm(struct timer *t, u64 deadline_ns)
{
	t->deadline_ns = deadline_ns;
	armed = t;
}

void timer_cancel(struct timer *t)
{
	armed = armed == t ? NULL : armed;
}

/* Somebody who always wants more: depth requests of len bytes. */
struct client {
	struct fair_owner o;
	struct fair_request f[DEPTH];
	struct dma_piece piece;
	u8 op;
	u32 depth, len, idle[DEPTH], idle_count;
	u64 bytes, requests, errors, worst_ns, sent_ns[DEPTH];
	bool stopped;
};

static void client_done(struct blk_request *r, int status)
{
	struct client *c = r->owner;
	u32 i = (u32)(container_of(r, struct fair_request, r) - c->f);

	CHECK_EQ(status, disk.dev.gone ? -ENODEV : 0);
	c->errors += status != 0;
	c->bytes += r->len;
	c->requests++;
	c->worst_ns = MAX(c->worst_ns, fake_now - c->sent_ns[i]);
	c->idle[c->idle_count++] = i;
}

static void client_init(struct client *c, u32 weight, u32 len, u32 depth)
{
	*c = (struct client){ .len = len, .depth = depth, .op = BLK_READ };
	c->piece = (struct dma_piece){ virt_to_phys(memory), len };
	CHECK_EQ(fair_start(&c->o, &disk.dev), 0);
	CHECK_EQ(fair_set_weight(&c->o, weight), 0);
	for (u32 i = 0; i < depth; i++)
		c->idle[c->idle_count++] = i;
}

static void client_go(struct client *c)
{
	while (c->idle_count && !c->stopped) {
		u32 i = c->idle[--c->idle_count];

		c->f[i] = (struct fair_request){ .r = { .op = c->op,
							.len = c->len,
							.pieces = &c->piece,
							.piece_count = 1,
							.done = client_done,
							.owner = c } };
		c->sent_ns[i] = fake_now;
		fair_submit(&c->o, &c->f[i]);
	}
}

/* So long, with all of them wanting all they can get. */
static void run(struct client *c, u32 count, u64 ns)
{
	u64 end = fake_now + ns;

	while (fake_now < end) {
		for (u32 i = 0; i < count; i++)
			client_go(&c[i]);
		fake_blk_run();
		if (!list_empty(&disk.queue)) {
			fake_now += list_entry(disk.queue.next, struct blk_request, node)->len *
				    NS_PER_BYTE;
			fake_disk_step(&disk);
		} else {
			fake_now = armed ? MAX(fake_now, MIN(armed->deadline_ns, end)) : end;
		}
		if (armed && armed->deadline_ns <= fake_now) {
			struct timer *t = armed;

			armed = NULL;
			t->fn(t);
		}
	}
}

static void begin(void)
{
	memory = page_alloc(4);
	fake_disk_init(&disk, "fake0");
	disk.limit = 64;
	CHECK_EQ(blkdev_add(&disk.dev), 0);
}

static void end(struct client *c, u32 count)
{
	static const struct iotune none;

	for (u32 i = 0; i < count; i++) {
		c[i].stopped = true;
		CHECK_EQ(fair_set_limits(&c[i].o, &none), 0);
	}
	for (u32 i = 0; i < count; i++)
		fair_stop(&c[i].o);
	CHECK(!disk.dev.queue);
	blkdev_remove(&disk.dev);
	fake_disk_free(&disk);
	page_free(memory, 4);
	CHECK_EQ(fake_blocks, 0);
}

static struct client c[4];

/* Each has its share to within a percent of the disk, by weight, however it asks. */
TEST(shares)
{
	static const u32 weights[] = { 100, 200, 500, 50 }, lens[] = { 4096, 65536, 8192, 16384 };
	u64 total = 0, worst = 0;

	begin();
	for (u32 i = 0; i < 4; i++)
		client_init(&c[i], weights[i], lens[i], 64);
	run(c, 4, 20 * S);
	for (u32 i = 0; i < 4; i++)
		total += c[i].bytes;
	CHECK(total > 19 * S / NS_PER_BYTE);
	for (u32 i = 0; i < 4; i++) {
		u64 want = total * weights[i] / 850, is = c[i].bytes;
		u64 off = is > want ? is - want : want - is;

		worst = MAX(worst, off * 10000 / want);
		CHECK(off < want / 100);
	}
	printf("share error at most %llu.%02llu %%\n", (unsigned long long)worst / 100,
	       (unsigned long long)worst % 100);
	end(c, 4);
}

/* One with a lot in flight does not delay one that asks now and then. */
TEST(one_at_a_time_beside_many)
{
	begin();
	client_init(&c[0], 100, 65536, 64);
	client_init(&c[1], 100, 4096, 1);
	run(c, 2, 10 * S);
	/* What the disk has already, and no more. */
	CHECK(c[1].worst_ns < (FAIR_DEPTH + 2) * 65536ull * NS_PER_BYTE);
	CHECK(c[1].requests > 400);
	end(c, 2);
}

/* Who slept has no claim to what it did not ask for. */
TEST(after_a_pause)
{
	u64 before;

	begin();
	client_init(&c[0], 100, 4096, 32);
	client_init(&c[1], 100, 4096, 32);
	c[1].stopped = true;
	run(c, 2, 5 * S);
	c[1].stopped = false;
	before = c[0].bytes;
	run(c, 2, S);
	CHECK(c[0].bytes - before > 45 * S / NS_PER_BYTE / 100);
	end(c, 2);
}

TEST(limits)
{
	static const struct {
		struct iotune t;
		u8 op;
		u64 bytes, requests; /* in ten seconds; 0: not looked at */
	} cases[] = {
		{ { .bytes = { { .rate = 1000000 } } }, BLK_READ, 10000000, 0 },
		{ { .bytes = { [IOTUNE_WRITE] = { .rate = 1000000 } } }, BLK_WRITE, 10000000, 0 },
		{ { .bytes = { [IOTUNE_READ] = { .rate = 999983 } } }, BLK_READ, 9999830, 0 },
		{ { .iops = { { .rate = 100 } } }, BLK_READ, 0, 1000 },
		{ { .iops = { [IOTUNE_WRITE] = { .rate = 7 } } }, BLK_WRITE, 0, 70 },
		{ { .iops = { { .rate = 100 } }, .iops_size = 1024 }, BLK_READ, 0, 250 },
		{ { .bytes = { { .rate = 4096000 } }, .iops = { { .rate = 50 } } },
		  BLK_READ,
		  0,
		  500 },
	};

	for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
		u64 want, is;

		begin();
		client_init(&c[0], 100, 4096, 16);
		client_init(&c[1], 100, 4096, 16);
		c[0].op = cases[i].op;
		CHECK_EQ(fair_set_limits(&c[0].o, &cases[i].t), 0);
		run(c, 2, 10 * S);
		want = cases[i].bytes ? cases[i].bytes : cases[i].requests;
		is = cases[i].bytes ? c[0].bytes : c[0].requests;
		/* A tenth of a second ahead, and one request more. */
		CHECK(is >= want * 99 / 100 &&
		      is <= want * 1011 / 1000 + (cases[i].bytes ? 4096 : 1));
		CHECK(c[0].o.waits > 10);
		/* The other has the rest: the limit is not its own. */
		CHECK(c[1].bytes > 10 * S / NS_PER_BYTE - c[0].bytes - 2000000);
		CHECK(c[1].worst_ns < 64 * 4096ull * NS_PER_BYTE);
		end(c, 2);
	}
}

/* Reads are not held by what writes may do. */
TEST(a_limit_of_the_other_way)
{
	static const struct iotune t = { .bytes = { [IOTUNE_WRITE] = { .rate = 1000 } } };

	begin();
	client_init(&c[0], 100, 4096, 16);
	CHECK_EQ(fair_set_limits(&c[0].o, &t), 0);
	run(c, 1, S);
	CHECK(c[0].bytes > 95 * S / NS_PER_BYTE / 100);
	end(c, 1);
}

/* Five seconds at twenty megabytes, then two; and again after a rest. */
TEST(bursts)
{
	static const struct iotune t = { .bytes = { { 2000000, 20000000, 5 } } };
	u64 before;

	begin();
	client_init(&c[0], 100, 16384, 16);
	CHECK_EQ(fair_set_limits(&c[0].o, &t), 0);
	run(c, 1, 5 * S);
	CHECK(c[0].bytes > 98000000 && c[0].bytes < 103000000);
	before = c[0].bytes;
	run(c, 1, 10 * S);
	CHECK(c[0].bytes - before > 19000000 && c[0].bytes - before < 23000000);
	c[0].stopped = true;
	run(c, 1, 60 * S);
	c[0].stopped = false;
	before = c[0].bytes;
	run(c, 1, 2 * S);
	CHECK(c[0].bytes - before > 39000000 && c[0].bytes - before < 43000000);
	end(c, 1);
}

TEST(limits_that_make_no_sense)
{
	static const struct iotune bad[] = {
		{ .bytes = { { .rate = 1 }, { .rate = 1 } } },
		{ .iops = { { .rate = 1 }, { 0 }, { .rate = 1 } } },
		{ .bytes = { { .max = 5 } } },
		{ .bytes = { { .rate = 5, .max = 4 } } },
		{ .bytes = { { .rate = 5, .length = 4 } } },
		{ .bytes = { { .rate = IOTUNE_RATE_MAX + 1 } } },
		{ .bytes = { { .rate = 5, .max = 6, .length = IOTUNE_LENGTH_MAX + 1 } } },
	};
	static const struct iotune extreme[] = {
		{ .bytes = { { .rate = 1, .max = IOTUNE_RATE_MAX, .length = IOTUNE_LENGTH_MAX } } },
		{ .bytes = { { .rate = IOTUNE_RATE_MAX / 2 + 1,
			       .max = IOTUNE_RATE_MAX,
			       .length = 3600 } } },
		{ .bytes = { { .rate = 1 } } },
	};
	struct iotune_state s;

	for (u32 i = 0; i < ARRAY_LEN(bad); i++)
		CHECK_EQ(iotune_check(&bad[i]), -EINVAL);
	for (u32 i = 0; i < ARRAY_LEN(extreme); i++) {
		CHECK_EQ(iotune_check(&extreme[i]), 0);
		iotune_set(&s, &extreme[i]);
		for (u32 n = 0; n < 10; n++)
			iotune_charge(&s, n & 1, ~0ull, n);
		CHECK(iotune_wait(&s, true, 100) < BIT(62));
	}
	CHECK_EQ(fair_set_weight(&c[0].o, 0), -EINVAL);
	CHECK_EQ(fair_set_weight(&c[0].o, FAIR_WEIGHT_MAX + 1), -EINVAL);
}

/* Requests that a limit holds end when the disk goes. */
TEST(the_disk_goes)
{
	static const struct iotune t = { .iops = { { .rate = 1 } } };

	begin();
	client_init(&c[0], 100, 4096, 16);
	CHECK_EQ(fair_set_limits(&c[0].o, &t), 0);
	run(c, 1, S);
	CHECK(c[0].requests < 4);
	c[0].stopped = true;
	disk.dev.gone = 1;
	fake_now += S;
	armed->fn(armed);
	fake_blk_run();
	CHECK(c[0].errors >= 12);
	CHECK_EQ(c[0].o.active, 0);
	end(c, 1);
}
