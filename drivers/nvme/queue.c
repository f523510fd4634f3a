/*
 * Queue pairs: rings, doorbells and command ids. A command is kept in its slot until its completion, so that a reset can post it again.
 * A completion counts if its phase says that it is new and its queue, its head pointer and its command id can be; anything else
 * means that the controller is out of step, and resets it.
 */
#include "core/clock.h"
#include "core/log.h"
#include "core/panic.h"
#include "drivers/nvme/nvme.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"

#define DRAIN_AT_ONCE 16u
#define CID_INDEX     BITS(7, 0)
#define CID_SHIFT     8
#define GENERATIONS   0x7fu /* a command id is never ffffh: that is "none" in the error log */

static_assert(NVME_DEPTH <= CID_INDEX + 1, "a slot's number is in the command id's low byte");

static struct log_limit limit = { .name = "nvme" };

/* --- memory -------------------------------------------------------------------------------------- */

static size_t lists_size(u16 depth)
{
	return (depth - 1u) * NVME_LIST_LEN * sizeof(u64);
}

int nvme_queue_create(struct nvme *c, struct nvme_queue *q, u16 id, u16 depth, bool lists)
{
	spin_init(&q->lock, RANK_NVME, "NVMe queue");
	q->c = c;
	q->id = id;
	q->depth = depth;
	q->slots = kalloc((depth - 1u) * sizeof(*q->slots));
	q->sq = dma_alloc(c->dma, depth * sizeof(*q->sq), &q->sq_at);
	q->cq = dma_alloc(c->dma, depth * sizeof(*q->cq), &q->cq_at);
	if (lists)
		q->lists = dma_alloc(c->dma, lists_size(depth), &q->lists_at);
	if (!q->slots || !q->sq || !q->cq || (lists && !q->lists)) {
		nvme_queue_destroy(q);
		return -ENOMEM;
	}
	for (u16 i = 0; i < depth - 1; i++)
		q->free[q->free_count++] = (u16)(depth - 2 - i);
	nvme_queue_reset(q);
	return 0;
}

void nvme_queue_destroy(struct nvme_queue *q)
{
	struct dma_device *d = q->c->dma;

	if (q->sq)
		dma_free(d, q->sq, q->depth * sizeof(*q->sq), q->sq_at);
	if (q->cq)
		dma_free(d, q->cq, q->depth * sizeof(*q->cq), q->cq_at);
	if (q->lists)
		dma_free(d, q->lists, lists_size(q->depth), q->lists_at);
	kfree(q->slots);
	q->sq = NULL;
	q->cq = NULL;
	q->lists = NULL;
	q->slots = NULL;
}

/* --- doorbells ------------------------------------------------------------------------------------- */

/*
 * NVMe 2.0, "Updating Controller Doorbell Properties using a Shadow Doorbell Buffer": the register is written only if the
 * controller's event index was passed.
 */
static bool passes(u32 event, u32 now, u32 before)
{
	return (u16)(now - event - 1) < (u16)(now - before);
}

static void ring(struct nvme_queue *q, bool completion, u32 value)
{
	struct nvme *c = q->c;
	u32 offset = (2u * q->id + completion) * c->stride;

	if (c->shadow && q->id) {
		u32 before = READ_ONCE(c->shadow[offset / 4]);

		/* The ring's entries come first: pairs with the controller's read of the shadow doorbell. */
		atomic_store_release(&c->shadow[offset / 4], value);
		/* The store before the load of the event index: pairs with the controller's, which does it the other way. */
		dma_mb();
		if (!passes(READ_ONCE(c->event_idx[offset / 4]), value, before))
			return;
	}
	q->doorbells++;
	/* What is in the ring is seen before the doorbell: stores are in order, and the compiler keeps it. */
	barrier();
	nvme_write(c, NVME_DOORBELLS + offset, value);
}

void nvme_queue_ring(struct nvme_queue *q)
{
	if (q->rung_late && q->live)
		ring(q, false, q->tail);
	q->rung_late = false;
}

/* --- slots ----------------------------------------------------------------------------------------- */

u32 nvme_slot_index(const struct nvme_queue *q, const struct nvme_slot *s)
{
	return (u32)(s - q->slots);
}

struct nvme_slot *nvme_slot_take(struct nvme_queue *q)
{
	struct nvme_slot *s;

	if (!q->free_count)
		return NULL;
	s = &q->slots[q->free[--q->free_count]];
	s->state = NVME_TAKEN;
	s->generation = (u8)((s->generation + 1u) % GENERATIONS);
	s->cid = (u16)(nvme_slot_index(q, s) | (u32)s->generation << CID_SHIFT);
	s->retries = s->replays = 0;
	s->aborted = s->event = false;
	s->head = s;
	s->r = NULL;
	s->status = 0;
	s->map_count = 0;
	return s;
}

void nvme_slot_free(struct nvme_queue *q, struct nvme_slot *s)
{
	ASSERT(s->state != NVME_FREE);
	s->state = NVME_FREE;
	s->r = NULL;
	q->free[q->free_count++] = (u16)nvme_slot_index(q, s);
}

static void put_in_ring(struct nvme_queue *q, struct nvme_slot *s)
{
	q->sq[q->tail] = s->cmd;
	q->tail = (u16)((q->tail + 1) % q->depth);
	q->posted++;
	q->rung_late = true;
}

void nvme_post(struct nvme_queue *q, struct nvme_slot *s, u64 deadline_ns)
{
	if (s->state != NVME_POSTED)
		q->in_flight++;
	s->state = NVME_POSTED;
	s->cmd.cid = s->cid;
	s->deadline_ns = deadline_ns;
	if (q->live)
		put_in_ring(q, s);
}

/* --- completions ----------------------------------------------------------------------------------- */

static struct nvme_slot *find(struct nvme_queue *q, const struct nvme_completion *e)
{
	u32 i = e->cid & CID_INDEX;

	if (e->sqid != q->id || e->sqhd >= q->depth || i >= q->depth - 1u)
		return NULL;
	if (q->slots[i].state != NVME_POSTED || q->slots[i].cid != e->cid)
		return NULL;
	return &q->slots[i];
}

static void out_of_step(struct nvme_queue *q, const struct nvme_completion *e)
{
	q->bad++;
	q->live = false;
	log_limited(&limit, LOG_ERROR,
		    "%s: queue %u: a completion that cannot be (command %04x of queue %u, head %u): reset",
		    q->c->name, q->id, e->cid, e->sqid, e->sqhd);
	nvme_want_reset(q->c, false);
}

/* The next completion's slot; NULL: none. lock held. */
static struct nvme_slot *next(struct nvme_queue *q)
{
	struct nvme_completion e;
	struct nvme_slot *s;
	/* The phase is written last: what is read after it is of the same entry. Pairs with the controller's write. */
	u16 status = atomic_load_acquire(&q->cq[q->head].status);

	if ((status & NVME_STATUS_PHASE) != q->phase)
		return NULL;
	memcpy(&e, &q->cq[q->head], sizeof(e));
	e.status = status;
	s = find(q, &e);
	if (!s) {
		out_of_step(q, &e);
		return NULL;
	}
	s->completion = e;
	s->state = NVME_DONE;
	q->in_flight--;
	q->completed++;
	q->head = (u16)(q->head + 1);
	if (q->head == q->depth) {
		q->head = 0;
		q->phase = !q->phase;
	}
	return s;
}

u32 nvme_queue_drain(struct nvme_queue *q)
{
	struct nvme_slot *done[DRAIN_AT_ONCE];
	u32 total = 0, n;

	do {
		n = 0;
		spin_lock(&q->lock);
		while (q->live && n < DRAIN_AT_ONCE) {
			struct nvme_slot *s = next(q);

			if (!s)
				break;
			done[n++] = s;
		}
		if (n && q->live)
			ring(q, true, q->head);
		spin_unlock(&q->lock);
		for (u32 i = 0; i < n; i++)
			if (done[i]->head->r)
				nvme_io_done(q, done[i], 0);
		total += n;
	} while (n == DRAIN_AT_ONCE);
	return total;
}

/* --- resets ---------------------------------------------------------------------------------------- */

void nvme_queue_stop(struct nvme_queue *q)
{
	spin_lock(&q->lock);
	q->live = false;
	spin_unlock(&q->lock);
}

void nvme_queue_reset(struct nvme_queue *q)
{
	spin_lock(&q->lock);
	memset(q->cq, 0, q->depth * sizeof(*q->cq));
	q->tail = q->head = 0;
	q->phase = true;
	q->rung_late = false;
	spin_unlock(&q->lock);
}

void nvme_queue_live(struct nvme_queue *q, bool asked)
{
	u64 deadline = clock_ns() + NVME_IO_NS;

	spin_lock(&q->lock);
	q->live = true;
	for (u32 i = 0; i < q->depth - 1u; i++) {
		struct nvme_slot *s = &q->slots[i];

		if (s->state != NVME_POSTED)
			continue;
		s->aborted = false;
		s->replays = (u8)(s->replays + !asked);
		s->deadline_ns = deadline;
		q->c->replays++;
		put_in_ring(q, s);
	}
	nvme_queue_ring(q);
	spin_unlock(&q->lock);
}
