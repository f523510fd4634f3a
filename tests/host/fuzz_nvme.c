/*
 * What an NVMe controller writes: Identify data and completions, as bytes. Requests end once each, with whatever; the driver stays
 * within its memory, and gives all of it back.
 *
 * sources: tests/host/fake_nvme.c drivers/nvme/controller.c drivers/nvme/queue.c drivers/nvme/admin.c
 * sources: drivers/nvme/namespace.c drivers/nvme/io.c drivers/nvme/recovery.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_nvme_io.h
 * runs: 1500
 * max_len: 1024
 */
#include <stdlib.h>

#include "lib/string.h"
#include "tests/host/fake_nvme.h"
#include "tests/host/fuzzing.h"

#define REQUESTS 8u

static struct fuzz_in in;
static u8 *memory;
static struct fake_request requests[REQUESTS];

/* Changes bytes of what Identify said: pairs of place and value. */
static void garble(void *page, u8 cns)
{
	u32 n = (u32)fuzz_bytes(&in, 1) % 8;

	(void)cns;
	while (n--) {
		u32 at = (u32)fuzz_bytes(&in, 2) % PAGE_SIZE;

		((u8 *)page)[at] = (u8)fuzz_bytes(&in, 1);
	}
}

/* Writes into a completion ring. */
static void scribble(struct nvme *c)
{
	struct nvme_queue *q;
	struct nvme_completion e;
	u32 at;

	if (!c->queue_count)
		return;
	q = &c->io[fuzz_bytes(&in, 1) % c->queue_count];
	at = (u32)fuzz_bytes(&in, 1) % q->depth;
	e = (struct nvme_completion){
		.sqhd = (u16)fuzz_bytes(&in, 1),
		.sqid = (u16)(fuzz_bytes(&in, 1) % 4),
		.cid = (u16)fuzz_bytes(&in, 2),
		.status = (u16)fuzz_bytes(&in, 2),
	};
	q->cq[at] = e;
}

static void submit(u32 i)
{
	struct fake_request *f = &requests[i % REQUESTS];
	struct blkdev *b = fake_nvme_blkdev(1 + i % 2);

	if (!b || (f->submitted && !f->done))
		return;
	memset(f, 0, sizeof(*f));
	fake_submit(b, f, i & 8 ? BLK_WRITE : BLK_READ, 0, memory + i % REQUESTS * 4096, 4096);
}

static void step(struct nvme *c)
{
	u8 what = (u8)fuzz_bytes(&in, 1);

	switch (what % 8) {
	case 0:
	case 1:
		submit(what >> 3);
		break;
	case 2:
		scribble(c);
		break;
	case 3:
		fake.hold = what & 8;
		break;
	case 4:
		fake_nvme_pass(what >> 3);
		break;
	case 5:
		nvme_want_reset(c, what & 8);
		break;
	case 6:
		fake_nvme_threads();
		break;
	default:
		fake.swallow = what >> 7;
		fake.fail = what >> 6 & 1;
		fake.fail_status = (u16)fuzz_bytes(&in, 2);
		c->rescan_wanted = what >> 5 & 1;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct nvme *c = fake_nvme_start();

	in = (struct fuzz_in){ data, size };
	memory = aligned_alloc(PAGE_SIZE, REQUESTS * 4096);
	memset(memory, 0, REQUESTS * 4096);
	memset(requests, 0, sizeof(requests));
	fake.garble = fuzz_bytes(&in, 1) & 1 ? garble : NULL;
	if (!nvme_bring_up(c))
		while (in.left)
			step(c);
	fake_nvme_pass(1);
	fake_nvme_end();
	for (u32 i = 0; i < REQUESTS; i++)
		CHECK_EQ(requests[i].submitted, requests[i].done);
	free(memory);
	return 0;
}

void fuzz_seeds(void)
{
	static const u8 plain[] = { 0, 6, 0, 8, 16, 24, 6, 4, 0, 8, 13, 6, 4 };
	static const u8 scribbles[] = { 0, 6, 3 + 8, 0, 8, 2, 1, 0, 1, 2, 0, 1, 1, 0, 6, 252, 6 };
	static const u8 garbled[] = { 1, 1, 77, 0, 255, 0, 0, 6, 0, 8, 6, 1, 2, 128, 0, 8, 6, 5 };

	fuzz_seed(plain, sizeof(plain));
	fuzz_seed(scribbles, sizeof(scribbles));
	fuzz_seed(garbled, sizeof(garbled));
}
