/*
 * The keeper's work: the controller's first start, and what to do when it stops answering. A command that is late is looked
 * for (its interrupt may have been lost), then aborted, then the controller is reset and everything that was in flight is
 * posted again: reads, writes, flushes, zeroes and deallocations may all happen twice. A controller that does not
 * come back, or is reset too often, is dead: it is cut off from memory, and then every request ends.
 */
#include "core/clock.h"
#include "core/log.h"
#include "drivers/nvme/nvme.h"
#include "lib/atomic.h"
#include "lib/errno.h"

/* --- start ------------------------------------------------------------------------------------------- */

static int start(struct nvme *c)
{
	struct nvme_ctrl_info info;
	int err = nvme_disable(c);

	if (err)
		return err;
	nvme_queue_reset(&c->admin);
	err = nvme_enable(c);
	if (err)
		return err;
	nvme_queue_live(&c->admin, true);
	err = nvme_identify(c, NVME_CNS_CTRL, 0);
	if (!err)
		err = nvme_check_ctrl((const struct nvme_id_ctrl *)c->copy,
				      PAGE_SHIFT + NVME_CAP_MPSMIN(c->cap), &info);
	if (err)
		return err;
	c->info = info;
	return nvme_setup_queues(c);
}

static void all_live(struct nvme *c, bool asked)
{
	for (u32 i = 0; i < c->queue_count; i++)
		nvme_queue_live(&c->io[i], asked);
	atomic_store_release(&c->state, NVME_LIVE);
}

int nvme_bring_up(struct nvme *c)
{
	int err = nvme_capabilities(c);

	if (!err)
		err = start(c);
	for (u32 i = 0; i < c->queue_count && !err; i++)
		err = nvme_queue_thread(&c->io[i]);
	if (err) {
		log_error("%s: does not start (error %d)", c->name, -err);
		nvme_die(c, "it did not start");
		return err;
	}
	all_live(c, true);
	log_info("%s: %s, serial number %s, firmware %s; %u queue%s of %u%s", c->name,
		 c->info.model, c->info.serial, c->info.firmware, c->queue_count,
		 c->queue_count == 1 ? "" : "s", c->io[0].depth,
		 c->shadow ? ", shadow doorbells" : "");
	nvme_arm_events(c);
	nvme_read_smart(c);
	c->smart_at = clock_ns() + NVME_SMART_NS;
	err = nvme_scan(c);
	if (err)
		nvme_want_reset(c, false);
	if (err)
		atomic_store_relaxed(&c->rescan_wanted, 1);
	return 0;
}

/* --- the end ------------------------------------------------------------------------------------------- */

static void end_all(struct nvme_queue *q)
{
	spin_lock(&q->lock);
	q->live = false;
	q->dead = true;
	spin_unlock(&q->lock);
	for (u32 i = 0; i < q->depth - 1u; i++) {
		struct nvme_slot *s = &q->slots[i];
		bool mine;

		spin_lock(&q->lock);
		mine = s->state == NVME_POSTED;
		if (mine) {
			s->state = NVME_DONE;
			q->in_flight--;
		}
		spin_unlock(&q->lock);
		if (mine && s->head->r)
			nvme_io_done(q, s, -ENODEV);
	}
}

void nvme_die(struct nvme *c, const char *why)
{
	if (c->state == NVME_DEAD)
		return;
	log_error("%s: dead: %s", c->name, why);
	/* First it can reach no memory any more, then the memory is others'. */
	nvme_queue_stop(&c->admin);
	for (u32 i = 0; i < c->queue_count; i++)
		nvme_queue_stop(&c->io[i]);
	c->bus->cut_off(c);
	atomic_store_release(&c->state, NVME_DEAD);
	for (u32 i = 0; i < c->queue_count; i++)
		end_all(&c->io[i]);
	nvme_drop_namespaces(c);
}

/* --- reset --------------------------------------------------------------------------------------------- */

void nvme_blocked(struct nvme *c)
{
	atomic_store_relaxed(&c->blocked, true);
	nvme_wake_keeper(c);
}

void nvme_want_reset(struct nvme *c, bool asked)
{
	atomic_fetch_or(&c->reset_wanted, asked ? 1 : 2);
	nvme_wake_keeper(c);
}

/* Commands that were replayed too often end; the controller is off. */
static void end_hopeless(struct nvme_queue *q)
{
	for (u32 i = 0; i < q->depth - 1u; i++) {
		struct nvme_slot *s = &q->slots[i];
		bool mine;

		spin_lock(&q->lock);
		mine = s->state == NVME_POSTED && s->replays >= NVME_REPLAYS;
		if (mine) {
			s->state = NVME_DONE;
			q->in_flight--;
		}
		spin_unlock(&q->lock);
		if (mine)
			nvme_io_done(q, s, -ETIMEDOUT);
	}
}

/* Admin commands are not replayed: who waited has given up. */
static void forget_admin(struct nvme_queue *q)
{
	spin_lock(&q->lock);
	for (u32 i = 0; i < q->depth - 1u; i++) {
		if (q->slots[i].state == NVME_POSTED)
			q->in_flight--;
		q->slots[i].event = false;
		if (q->slots[i].state != NVME_FREE)
			nvme_slot_free(q, &q->slots[i]);
	}
	spin_unlock(&q->lock);
}

/* Too many that nobody asked for: each counts for a while. */
static bool too_often(struct nvme *c)
{
	u64 now = clock_ns();

	c->reset_score_ns = MAX(c->reset_score_ns, now) + NVME_FORGIVE_NS;
	return c->reset_score_ns - now > NVME_RESETS_MAX * NVME_FORGIVE_NS;
}

static void reset(struct nvme *c, bool asked)
{
	int err;

	if (!asked && too_often(c)) {
		nvme_die(c, "it was reset too often");
		return;
	}
	c->resets++;
	atomic_store_release(&c->state, NVME_RESETTING);
	for (u32 i = 0; i < c->queue_count; i++)
		nvme_queue_stop(&c->io[i]);
	if (asked)
		nvme_delete_queues(c);
	nvme_queue_stop(&c->admin);
	err = nvme_disable(c);
	if (!err) {
		forget_admin(&c->admin);
		for (u32 i = 0; i < c->queue_count; i++)
			end_hopeless(&c->io[i]);
		err = start(c);
	}
	if (err) {
		nvme_die(c, err == -ENODEV ? "it is gone" : "it does not come back from a reset");
		return;
	}
	all_live(c, asked);
	log_printf(asked ? LOG_DEBUG : LOG_WARN, "%s: was reset", c->name);
	nvme_arm_events(c);
}

/* --- time-outs ------------------------------------------------------------------------------------------- */

/* A command of q that is late for the first time is to be aborted: its id, or -1. *again: one was, and is late again. */
static s32 find_late(struct nvme_queue *q, u64 now, bool *again)
{
	s32 cid = -1;

	spin_lock(&q->lock);
	for (u32 i = 0; q->live && i < q->depth - 1u && cid < 0; i++) {
		struct nvme_slot *s = &q->slots[i];

		if (s->state != NVME_POSTED || now < s->deadline_ns)
			continue;
		if (s->aborted) {
			*again = true;
			break;
		}
		s->aborted = true;
		s->deadline_ns = now + NVME_ABORT_NS;
		cid = s->cid;
	}
	spin_unlock(&q->lock);
	return cid;
}

/* NVMe 2.0, 5.1: it may be done by itself meanwhile, and the controller may fail to abort it: its own time goes on. */
static int abort_command(struct nvme_queue *q, u16 cid)
{
	struct nvme_command cmd = { .opcode = NVME_ADMIN_ABORT, .cdw10 = (u32)cid << 16 | q->id };
	int err = nvme_admin(q->c, &cmd, NULL, NULL);

	q->c->aborts++;
	log_warn("%s: queue %u: command %04x takes too long: aborted", q->c->name, q->id, cid);
	return err == -EIO ? 0 : err;
}

static void look_at_queue(struct nvme *c, struct nvme_queue *q)
{
	bool again = false, told = atomic_load_acquire(&q->woken);
	u32 found;
	s32 cid;

	if (!READ_ONCE(q->in_flight))
		return;
	found = nvme_queue_drain(q);
	if (found && !told)
		q->lost += found;
	cid = find_late(q, clock_ns(), &again);
	if (cid >= 0 || again)
		c->timeouts++;
	if (again || (cid >= 0 && abort_command(q, (u16)cid)))
		nvme_want_reset(c, false);
}

void nvme_service(struct nvme *c)
{
	u32 csts, wanted;

	if (c->state == NVME_DEAD)
		return;
	if (atomic_load_relaxed(&c->blocked)) {
		nvme_die(c, "the IOMMU has shut it out");
		return;
	}
	csts = nvme_read(c, NVME_CSTS);
	if (csts == NVME_GONE) {
		nvme_die(c, "it is gone");
		return;
	}
	if (csts & NVME_CSTS_CFS) {
		log_error("%s: fatal status", c->name);
		atomic_fetch_or(&c->reset_wanted, 2);
	}
	nvme_serve_events(c);
	for (u32 i = 0; i < c->queue_count; i++)
		look_at_queue(c, &c->io[i]);
	wanted = atomic_xchg(&c->reset_wanted, 0);
	if (wanted)
		reset(c, !(wanted & 2));
	if (c->state == NVME_LIVE && atomic_xchg(&c->rescan_wanted, 0) && nvme_scan(c))
		nvme_want_reset(c, false);
	if (c->state == NVME_LIVE && clock_ns() >= c->smart_at) {
		nvme_read_smart(c);
		c->smart_at = clock_ns() + NVME_SMART_NS;
	}
}
