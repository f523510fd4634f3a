/*
 * Requests: each is mapped for the device, becomes one command, or several where its pieces do not follow each other at page
 * boundaries (PRPs cannot say otherwise), and ends once, with the first error of them.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/panic.h"
#include "drivers/nvme/nvme.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"

static struct log_limit limit = { .name = "nvme errors" };

static struct nvme_ns *ns_of(struct blkdev *b)
{
	return container_of(b, struct nvme_ns, blk);
}

/* This CPU's queue: shared where there are fewer than CPUs. */
static struct nvme_queue *queue_here(struct nvme *c)
{
	return &c->io[cpu_id() % c->queue_count];
}

/* --- errors ---------------------------------------------------------------------------------------- */

int nvme_error(u32 status)
{
	static const struct {
		u32 status;
		int err;
	} table[] = {
		{ NVME_SC_SUCCESS, 0 },
		{ NVME_SC_INVALID_OPCODE, -ENOTSUP },
		{ NVME_SC_INVALID_FIELD, -EINVAL },
		{ NVME_SC_INVALID_NS, -ENODEV },
		{ NVME_SC_LBA_RANGE, -EINVAL },
		{ NVME_SC_CAPACITY, -ENOSPC },
		{ NVME_SC_READ_ONLY, -EPERM },
		{ NVME_SC_ABORT_REQ, -ETIMEDOUT },
	};

	for (u32 i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].status == status)
			return table[i].err;
	return -EIO;
}

/* --- PRPs ------------------------------------------------------------------------------------------ */

/* How many of the maps from first on one command can name: each but the first begins at a page, each but the last ends at one. */
static u32 run_of(const struct nvme_slot *head, u32 first)
{
	u32 n = first + 1;

	while (n < head->map_count && !(head->maps[n].addr.v & PAGE_MASK) &&
	       !((head->maps[n - 1].addr.v + head->maps[n - 1].len) & PAGE_MASK))
		n++;
	return n - first;
}

static u32 count_runs(const struct nvme_slot *head)
{
	u32 runs = 0;

	for (u32 i = 0; i < head->map_count; i += run_of(head, i))
		runs++;
	return runs;
}

/* Names count maps from first on in s's command (NVMe 2.0, 4.1.1); their bytes. */
static u64 set_prps(struct nvme_queue *q, struct nvme_slot *s, u32 first, u32 count)
{
	u32 at = nvme_slot_index(q, s) * NVME_LIST_LEN, n = 0;
	u64 *list = q->lists + at, bytes = 0;

	for (u32 i = first; i < first + count; i++) {
		const struct dma_map *m = &s->head->maps[i];

		for (u64 a = m->addr.v; a < m->addr.v + m->len;
		     a = ALIGN_DOWN(a, PAGE_SIZE) + PAGE_SIZE) {
			if (a == s->head->maps[first].addr.v) {
				s->cmd.prp1 = a;
				continue;
			}
			ASSERT(n < NVME_LIST_LEN);
			list[n++] = a;
		}
		bytes += m->len;
	}
	if (n == 1)
		s->cmd.prp2 = list[0];
	else if (n)
		s->cmd.prp2 = q->lists_at.v + at * sizeof(u64);
	return bytes;
}

/* --- commands -------------------------------------------------------------------------------------- */

static void set_range(struct nvme_command *cmd, u64 lba, u64 blocks, u8 flags)
{
	cmd->cdw10 = (u32)lba;
	cmd->cdw11 = (u32)(lba >> 32);
	cmd->cdw12 = (u32)(blocks - 1) | (flags & BLK_FUA ? (u32)NVME_RW_FUA : 0);
}

static void set_discard(struct nvme_queue *q, struct nvme_slot *s, u64 lba, u64 blocks)
{
	u32 at = nvme_slot_index(q, s) * NVME_LIST_LEN;
	struct nvme_dsm_range range = { .blocks = (u32)blocks, .lba = lba };

	memcpy(q->lists + at, &range, sizeof(range));
	s->cmd.prp1 = q->lists_at.v + at * sizeof(u64);
	s->cmd.cdw10 = 0; /* ranges - 1 */
	s->cmd.cdw11 = (u32)NVME_DSM_DEALLOC;
}

/* Everything but data. */
static void build_plain(struct nvme_queue *q, struct nvme_slot *s, const struct blk_request *r)
{
	static const u8 opcodes[BLK_OPS] = {
		[BLK_FLUSH] = NVME_IO_FLUSH,
		[BLK_DISCARD] = NVME_IO_DSM,
		[BLK_ZERO] = NVME_IO_WRITE_ZEROES,
	};
	u32 shift = s->head->ns->info.shift;

	s->cmd = (struct nvme_command){ .opcode = opcodes[r->op], .nsid = s->head->ns->id };
	if (r->op == BLK_ZERO)
		set_range(&s->cmd, r->offset >> shift, r->len >> shift, r->flags);
	if (r->op == BLK_DISCARD)
		set_discard(q, s, r->offset >> shift, r->len >> shift);
}

static void build_data(struct nvme_queue *q, struct nvme_slot *s, const struct blk_request *r,
		       u32 first, u32 count, u64 *offset)
{
	u32 shift = s->head->ns->info.shift;
	u64 bytes;

	s->cmd = (struct nvme_command){
		.opcode = r->op == BLK_READ ? NVME_IO_READ : NVME_IO_WRITE,
		.nsid = s->head->ns->id,
	};
	bytes = set_prps(q, s, first, count);
	set_range(&s->cmd, *offset >> shift, bytes >> shift, r->flags);
	*offset += bytes;
}

/* All of a request's commands; there are slots for them. lock held. */
static void post_all(struct nvme_queue *q, struct nvme_slot *head, struct blk_request *r)
{
	u64 deadline = clock_ns() + NVME_IO_NS, offset = r->offset;
	struct nvme_slot *s = head;

	if (!head->map_count) {
		build_plain(q, head, r);
		nvme_post(q, head, deadline);
		return;
	}
	for (u32 i = 0, n; i < head->map_count; i += n) {
		n = run_of(head, i);
		if (i) {
			s = nvme_slot_take(q);
			s->head = head;
		}
		build_data(q, s, r, i, n, &offset);
		nvme_post(q, s, deadline);
	}
}

/* --- submission ------------------------------------------------------------------------------------ */

static void unmap(struct nvme *c, struct nvme_slot *head)
{
	if (head->map_count)
		dma_unmap_list(c->dma, head->maps, head->map_count);
	head->map_count = 0;
}

static int map(struct nvme *c, struct nvme_slot *head, const struct blk_request *r)
{
	int err;

	if (!r->piece_count)
		return 0;
	err = dma_map_list(c->dma, r->pieces, r->piece_count,
			   r->op == BLK_READ ? DMA_FROM_DEVICE : DMA_TO_DEVICE, head->maps);
	if (!err)
		head->map_count = r->piece_count;
	return err;
}

static struct nvme_slot *take(struct nvme_queue *q)
{
	struct nvme_slot *s;

	spin_lock(&q->lock);
	s = nvme_slot_take(q);
	spin_unlock(&q->lock);
	return s;
}

static void give_back(struct nvme_queue *q, struct nvme_slot *head)
{
	unmap(q->c, head);
	spin_lock(&q->lock);
	nvme_slot_free(q, head);
	spin_unlock(&q->lock);
}

/* 0; -EAGAIN: too few slots are free; -ENODEV. */
static int start(struct nvme_queue *q, struct nvme_slot *head, struct blk_request *r)
{
	u32 runs = MAX(count_runs(head), 1u);
	int err = 0;

	spin_lock(&q->lock);
	if (q->dead) {
		err = -ENODEV;
	} else if (q->free_count < runs - 1) {
		err = q->in_flight ? -EAGAIN : -EIO;
	} else {
		head->r = r;
		head->left = runs;
		post_all(q, head, r);
		if (!(r->flags & BLK_MORE))
			nvme_queue_ring(q);
	}
	spin_unlock(&q->lock);
	return err;
}

static int submit(struct blkdev *b, struct blk_request *r)
{
	struct nvme_ns *ns = ns_of(b);
	struct nvme *c = ns->c;
	struct nvme_queue *q = queue_here(c);
	struct nvme_slot *head = take(q);
	int err;

	if (!head) {
		/* Under load who submits looks for completions, too. */
		nvme_queue_drain(q);
		head = take(q);
	}
	if (!head) {
		spin_lock(&q->lock);
		nvme_queue_ring(q);
		spin_unlock(&q->lock);
		return -EAGAIN;
	}
	head->ns = ns;
	err = map(c, head, r);
	if (!err)
		err = start(q, head, r);
	if (!err)
		return 0;
	give_back(q, head);
	if (err == -EAGAIN || (err == -ENOMEM && READ_ONCE(q->in_flight))) {
		spin_lock(&q->lock);
		nvme_queue_ring(q);
		spin_unlock(&q->lock);
		return -EAGAIN;
	}
	blkdev_done(r, err == -ENODEV ? -ENODEV : -EIO);
	return 0;
}

/* Several queues may have commands that wait for the doorbell, if the submitter came to another CPU in between. */
static void commit(struct blkdev *b)
{
	struct nvme *c = ns_of(b)->c;

	for (u32 i = 0; i < c->queue_count; i++) {
		struct nvme_queue *q = &c->io[i];

		if (!READ_ONCE(q->rung_late))
			continue;
		spin_lock(&q->lock);
		nvme_queue_ring(q);
		spin_unlock(&q->lock);
	}
}

static u32 poll(struct blkdev *b)
{
	return nvme_queue_drain(queue_here(ns_of(b)->c));
}

static int reset(struct blkdev *b)
{
	struct nvme *c = ns_of(b)->c;

	if (atomic_load_relaxed(&c->reset_wanted) || atomic_load_relaxed(&c->state) != NVME_LIVE)
		return -EAGAIN;
	nvme_want_reset(c, true);
	return 0;
}

const struct blkdev_ops nvme_blkdev_ops = {
	.submit = submit, .commit = commit, .poll = poll, .reset = reset
};

/* --- the end --------------------------------------------------------------------------------------- */

/* Whether the command may be tried again, and is. NVMe 2.0, 3.3.3.2.1: DNR. */
static bool retry(struct nvme_queue *q, struct nvme_slot *s)
{
	u16 status = s->completion.status;
	bool again = false;

	if ((status & NVME_STATUS_DNR) || s->retries >= NVME_RETRIES ||
	    NVME_STATUS(status) == NVME_SC_ABORT_REQ)
		return false;
	spin_lock(&q->lock);
	if (!q->dead) {
		again = true;
		s->retries++;
		q->c->retries++;
		nvme_post(q, s, clock_ns() + NVME_IO_NS);
		nvme_queue_ring(q);
	}
	spin_unlock(&q->lock);
	return again;
}

static void say(struct nvme_queue *q, const struct nvme_slot *s)
{
	const struct nvme_command *cmd = &s->cmd;

	log_limited(&limit, LOG_WARN, "%s: namespace %u: command %02x at block %llu: status %03x",
		    q->c->name, cmd->nsid, cmd->opcode,
		    (unsigned long long)(cmd->cdw10 | (u64)cmd->cdw11 << 32),
		    NVME_STATUS(s->completion.status));
}

void nvme_io_done(struct nvme_queue *q, struct nvme_slot *s, int err)
{
	struct nvme_slot *head = s->head;
	struct blk_request *r = head->r;
	bool last;

	if (!err && NVME_STATUS(s->completion.status)) {
		if (retry(q, s))
			return;
		say(q, s);
		err = nvme_error(NVME_STATUS(s->completion.status));
	}
	spin_lock(&q->lock);
	if (err && !head->status)
		head->status = err;
	last = --head->left == 0;
	if (s != head)
		nvme_slot_free(q, s);
	spin_unlock(&q->lock);
	if (!last)
		return;
	err = head->status;
	give_back(q, head);
	blkdev_done(r, err);
}
