/*
 * drivers/nvme on a controller that does everything wrong: each request ends, once, and with the truth; nothing hangs; what is mapped is
 * given back only when the controller cannot reach it any more.
 *
 * sources: tests/host/fake_nvme.c drivers/nvme/controller.c drivers/nvme/queue.c drivers/nvme/admin.c
 * sources: drivers/nvme/namespace.c drivers/nvme/io.c drivers/nvme/recovery.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_nvme_io.h
 * timeout: 120
 */
#include <stdlib.h>

#include "lib/errno.h"
#include "lib/string.h"
#include "tests/host/fake_nvme.h"
#include "tests/host/harness.h"

#define MANY 40u

static struct nvme *c;
static u8 *memory;
static struct fake_request requests[MANY];

static void up(void)
{
	c = fake_nvme_start();
	CHECK_EQ(nvme_bring_up(c), 0);
	fake_nvme_threads();
	memory = aligned_alloc(PAGE_SIZE, MIB);
	memset(memory, 0x5a, MIB);
	memset(requests, 0, sizeof(requests));
}

static void down(void)
{
	free(memory);
	fake_nvme_end();
}

static struct fake_request *send(u32 i, enum blk_op op)
{
	struct fake_request *f = &requests[i];

	memset(f, 0, sizeof(*f));
	CHECK(fake_submit(fake_nvme_blkdev(1), f, op, op == BLK_FLUSH ? 0 : i * 4096,
			  op == BLK_FLUSH ? NULL : memory + i * 4096, op == BLK_FLUSH ? 0 : 4096));
	return f;
}

static void send_many(void)
{
	for (u32 i = 0; i < MANY; i++) {
		memset(memory + i * 4096, (int)i + 1, 4096);
		send(i, BLK_WRITE);
	}
}

static void check_many(void)
{
	for (u32 i = 0; i < MANY; i++) {
		CHECK(requests[i].done);
		CHECK_EQ(requests[i].status, 0);
		CHECK_EQ(fake.disk[0][i * 4096], i + 1);
		CHECK_EQ(fake.disk[0][i * 4096 + 4095], i + 1);
	}
}

/* --- start ------------------------------------------------------------------------------------------- */

static void does_not_come_up(int err)
{
	CHECK_EQ(nvme_bring_up(c), err);
	CHECK_EQ(c->state, NVME_DEAD);
	CHECK(fake.cut_off);
	CHECK(fake_now < 200 * NVME_SEC);
	fake_nvme_end();
}

TEST(never_ready)
{
	c = fake_nvme_start();
	fake.never_ready = true;
	does_not_come_up(-ETIMEDOUT);
}

TEST(ready_at_the_last_moment)
{
	c = fake_nvme_start();
	fake.never_idle = true;
	fake.cc = NVME_CC_EN;
	fake.csts = NVME_CSTS_RDY;
	does_not_come_up(-ETIMEDOUT);
}

TEST(fatal_at_start)
{
	c = fake_nvme_start();
	fake.fatal_at_enable = true;
	does_not_come_up(-EIO);
}

TEST(not_there)
{
	c = fake_nvme_start();
	fake.gone = true;
	does_not_come_up(-ENODEV);
}

TEST(capabilities_that_will_not_do)
{
	c = fake_nvme_start();
	fake.cap |= 1ull << 48; /* pages of 8 KiB */
	does_not_come_up(-ENOTSUP);
	c = fake_nvme_start();
	fake.cap &= ~NVME_CAP_CSS_NVM;
	does_not_come_up(-ENOTSUP);
	c = fake_nvme_start();
	fake.cap &= ~0xffffull; /* queues of one entry */
	does_not_come_up(-ENOTSUP);
	c = fake_nvme_start();
	fake.cap |= 15ull << 32; /* doorbells 128 KiB apart */
	does_not_come_up(-ENOTSUP);
}

TEST(admin_commands_that_fail)
{
	c = fake_nvme_start();
	fake.admin_fail = 1;
	does_not_come_up(-EIO);
	c = fake_nvme_start();
	fake.admin_swallow = 1;
	does_not_come_up(-ETIMEDOUT);
}

/* --- Identify ------------------------------------------------------------------------------------------ */

static void all_ones(void *page, u8 cns)
{
	(void)cns;
	memset(page, 0xff, PAGE_SIZE);
}

static void zeroes(void *page, u8 cns)
{
	(void)cns;
	memset(page, 0, PAGE_SIZE);
}

static void bad_list(void *page, u8 cns)
{
	u32 *list = page;

	for (u32 i = 0; cns == NVME_CNS_NS_LIST && i < 1024; i++)
		list[i] = 1024 - i;
}

TEST(identify_controller_garbage)
{
	c = fake_nvme_start();
	fake.garble = all_ones;
	does_not_come_up(-EPROTO);
	c = fake_nvme_start();
	fake.garble = zeroes;
	does_not_come_up(-EPROTO);
}

TEST(lists_that_do_not_ascend)
{
	c = fake_nvme_start();
	fake.garble = bad_list;
	CHECK_EQ(nvme_bring_up(c), 0);
	fake_nvme_threads();
	CHECK_EQ(fake.blkdevs, 0);
	fake_nvme_end();
}

TEST(namespaces)
{
	static const struct {
		struct nvme_id_ns id;
		struct nvme_lbaf f;
		int err;
	} rows[] = {
		{ { .nsze = 8 }, { .lbads = 9 }, 0 },
		{ { .nsze = 8 }, { .lbads = 12 }, 0 },
		{ { .nsze = 0 }, { .lbads = 9 }, -ENOENT },
		{ { .nsze = 8 }, { .lbads = 8 }, -ENOTSUP },
		{ { .nsze = 8 }, { .lbads = 13 }, -ENOTSUP },
		{ { .nsze = 8 }, { .lbads = 0xff }, -ENOTSUP },
		{ { .nsze = 8 }, { .lbads = 9, .ms = 8 }, -ENOTSUP },
		{ { .nsze = 8, .dps = 1 }, { .lbads = 9 }, -ENOTSUP },
		{ { .nsze = 8, .flbas = 1 }, { .lbads = 9 }, -EPROTO },
		{ { .nsze = 8, .flbas = 0xff, .nlbaf = 0xff }, { .lbads = 9 }, -ENOTSUP },
		{ { .nsze = 1ull << 55 }, { .lbads = 9 }, -EPROTO },
		{ { .nsze = ~0ull }, { .lbads = 12 }, -EPROTO },
	};

	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		static struct nvme_id_ns id;
		struct nvme_ns_info info = { 0 };

		id = rows[i].id;
		id.lbaf[0] = rows[i].f;
		CHECK_EQ(nvme_check_ns(&id, &info), rows[i].err);
	}
}

TEST(metadata_is_refused)
{
	c = fake_nvme_start();
	fake.lbaf_ms = 8;
	CHECK_EQ(nvme_bring_up(c), 0);
	fake_nvme_threads();
	CHECK_EQ(fake.blkdevs, 0);
	fake_nvme_end();
}

/* --- errors ---------------------------------------------------------------------------------------------- */

TEST(errors_reach_the_one_request)
{
	static const struct {
		u16 status;
		int err;
	} rows[] = {
		{ NVME_SC_READ_ERROR << 1, -EIO },
		{ NVME_SC_WRITE_FAULT << 1, -EIO },
		{ NVME_SC_CAPACITY << 1, -ENOSPC },
		{ NVME_SC_READ_ONLY << 1, -EPERM },
		{ NVME_SC_INVALID_NS << 1, -ENODEV },
		{ NVME_SC_INVALID_OPCODE << 1, -ENOTSUP },
		{ 0x7ff << 1, -EIO },
	};

	up();
	for (u32 i = 0; i < ARRAY_LEN(rows); i++) {
		struct fake_request *bad, *good;

		fake.hold = true;
		bad = send(1, BLK_READ);
		good = send(2, BLK_READ);
		fake.hold = false;
		fake.fail = 1;
		fake.fail_status = rows[i].status | NVME_STATUS_DNR;
		fake_nvme_threads();
		CHECK_EQ(bad->status, rows[i].err);
		CHECK(good->done);
		CHECK_EQ(good->status, 0);
	}
	CHECK_EQ(c->retries, 0);
	down();
}

TEST(errors_that_may_pass)
{
	struct fake_request *f;

	up();
	fake.fail = 2;
	fake.fail_status = NVME_SC_NS_NOT_READY << 1;
	f = send(0, BLK_READ);
	fake_nvme_pass(4);
	CHECK(f->done);
	CHECK_EQ(f->status, 0);
	CHECK_EQ(c->retries, 2);
	fake.fail = FAKE_FOREVER;
	f = send(0, BLK_READ);
	fake_nvme_pass(8);
	CHECK(f->done);
	CHECK_EQ(f->status, -EIO);
	CHECK_EQ(c->retries, 2 + NVME_RETRIES);
	down();
}

/* A request of several commands, of which one fails, fails. */
TEST(a_part_that_fails)
{
	struct fake_request f = { 0 };

	up();
	for (u32 i = 0; i < 3; i++)
		f.pieces[i] = (struct dma_piece){ .pa = PADDR((u64)memory + i * 8192), .len = 512 };
	f.r.piece_count = 3;
	fake.fail = 1;
	fake.fail_status = NVME_SC_WRITE_FAULT << 1 | NVME_STATUS_DNR;
	CHECK(fake_submit(fake_nvme_blkdev(1), &f, BLK_WRITE, 0, NULL, 1536));
	fake_nvme_threads();
	CHECK(f.done);
	CHECK_EQ(f.status, -EIO);
	CHECK_EQ(fake.writes, 2);
	down();
}

/* --- completions that cannot be ---------------------------------------------------------------------------- */

static void recovers_from(u32 *injection)
{
	up();
	*injection = 1;
	send_many();
	fake_nvme_pass(40);
	check_many();
	CHECK(c->resets >= 1);
	CHECK_EQ(c->state, NVME_LIVE);
	down();
}

TEST(wrong_command_ids)
{
	recovers_from(&fake.bad_cid);
}

TEST(wrong_queue_ids)
{
	recovers_from(&fake.bad_sqid);
}

TEST(wrong_heads)
{
	recovers_from(&fake.bad_sqhd);
}

TEST(double_completions)
{
	recovers_from(&fake.twice);
}

/* An entry that is written without its phase is none; the next one goes to the same place. */
TEST(phase_glitches)
{
	up();
	fake.old_phase = 1;
	send_many();
	fake_nvme_pass(NVME_IO_NS / NVME_SEC + 10);
	for (u32 i = 0; i < MANY; i++)
		CHECK(requests[i].done);
	down();
}

TEST(nothing_but_nonsense)
{
	up();
	fake.bad_cid = FAKE_FOREVER;
	send_many();
	fake_nvme_pass(60);
	for (u32 i = 0; i < MANY; i++) {
		CHECK(requests[i].done);
		CHECK(requests[i].status);
	}
	down();
}

/* --- time-outs ------------------------------------------------------------------------------------------------ */

TEST(lost_interrupts)
{
	struct fake_request *f;

	up();
	f = send(0, BLK_WRITE);
	CHECK(!f->done);
	fake_now += NVME_SEC;
	nvme_service(c); /* the keeper alone */
	CHECK(f->done);
	CHECK_EQ(f->status, 0);
	CHECK_EQ(c->io[1].lost, 1);
	CHECK_EQ(fake.aborts, 0);
	down();
}

TEST(a_late_command_is_aborted)
{
	struct fake_request *f;

	up();
	fake.swallow = 1;
	f = send(0, BLK_WRITE);
	fake_nvme_pass(29);
	CHECK(!f->done);
	fake_nvme_pass(3);
	CHECK(f->done);
	CHECK_EQ(f->status, -ETIMEDOUT);
	CHECK_EQ(fake.aborts, 1);
	CHECK_EQ(c->resets, 0);
	down();
}

TEST(a_late_command_that_cannot_be_aborted)
{
	up();
	fake.swallow = 3;
	fake.deny_abort = true;
	send_many();
	fake_nvme_pass(60);
	check_many(); /* replayed */
	CHECK(c->resets >= 1);
	CHECK(c->replays >= 1);
	down();
}

TEST(a_controller_that_does_nothing_any_more)
{
	up();
	fake.swallow = FAKE_FOREVER;
	fake.deny_abort = true;
	fake.admin_swallow = FAKE_FOREVER;
	send_many();
	fake_nvme_pass(300);
	for (u32 i = 0; i < MANY; i++) {
		CHECK(requests[i].done);
		CHECK_EQ(requests[i].status, -ENODEV);
	}
	CHECK_EQ(c->state, NVME_DEAD);
	CHECK(fake.cut_off);
	down();
}

TEST(fatal_status)
{
	up();
	fake.hold = true;
	send_many();
	fake.csts |= NVME_CSTS_CFS;
	fake.hold = false;
	fake_nvme_pass(3);
	check_many();
	CHECK_EQ(c->resets, 1);
	down();
}

/* --- resets --------------------------------------------------------------------------------------------------- */

TEST(a_hundred_resets_in_mid_flight)
{
	up();
	for (u32 round = 0; round < 100; round++) {
		memset(fake.disk[0], 0, FAKE_NS_BYTES);
		fake.hold = true;
		send_many();
		fake.swallow = round % 7;
		fake.hold = round % 2;
		fake_nvme_run();
		nvme_want_reset(c, true);
		fake.hold = false;
		fake.swallow = 0;
		fake_nvme_pass(2);
		check_many();
	}
	CHECK_EQ(c->resets, 100);
	CHECK_EQ(c->state, NVME_LIVE);
	down();
}

TEST(a_flush_is_replayed)
{
	struct fake_request *f;

	up();
	fake.hold = true;
	f = send(0, BLK_FLUSH);
	nvme_want_reset(c, true);
	nvme_service(c);
	fake.hold = false;
	CHECK(!f->done);
	fake_nvme_pass(2);
	CHECK(f->done);
	CHECK_EQ(f->status, 0);
	CHECK_EQ(fake.flushes, 1);
	down();
}

TEST(does_not_come_back)
{
	up();
	fake.hold = true;
	send_many();
	fake.never_ready = true;
	nvme_want_reset(c, true);
	fake_nvme_pass(2);
	for (u32 i = 0; i < MANY; i++)
		CHECK_EQ(requests[i].status, -ENODEV);
	CHECK(fake.cut_off);
	down();
}

/* --- removal ---------------------------------------------------------------------------------------------------- */

/* At each access to a register, from the first on. */
TEST(removal_at_each_step)
{
	for (u32 step = 1; step < 400; step++) {
		bool was_up;

		c = fake_nvme_start();
		memory = aligned_alloc(PAGE_SIZE, MIB);
		memset(requests, 0, sizeof(requests));
		fake.gone_after = step;
		was_up = !nvme_bring_up(c);
		fake_nvme_threads();
		if (was_up && fake_nvme_blkdev(1)) {
			for (u32 i = 0; i < 8; i++)
				send(i, i % 2 ? BLK_WRITE : BLK_READ);
			fake_nvme_threads();
			if (!fake.gone)
				nvme_want_reset(c, true);
		}
		fake_nvme_pass(3);
		fake.gone = true;
		fake_nvme_pass(30);
		CHECK_EQ(c->state, NVME_DEAD);
		for (u32 i = 0; i < 8; i++)
			CHECK_EQ(requests[i].done, requests[i].submitted);
		CHECK_EQ(fake.blkdevs, 0);
		down();
	}
}

TEST(requests_to_the_dead)
{
	struct fake_request *f;

	up();
	fake.gone = true;
	nvme_service(c);
	CHECK_EQ(c->state, NVME_DEAD);
	f = send(0, BLK_READ);
	CHECK(f->done);
	CHECK_EQ(f->status, -ENODEV);
	down();
}
