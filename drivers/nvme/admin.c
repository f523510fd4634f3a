/*
 * Admin commands, by the keeper alone and one at a time: Identify, log pages, queues, asynchronous events. Data comes in one page, is
 * copied once, and is checked in the copy.
 */
#include "core/clock.h"
#include "core/log.h"
#include "drivers/nvme/nvme.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/string.h"

#define WAIT_NS       1000000ull
#define ENTRY_LOG2_SQ 6u
#define ENTRY_LOG2_CQ 4u
#define MIN_NN        1u

static struct log_limit limit = { .name = "nvme events" };

/* --- sending --------------------------------------------------------------------------------------- */

static struct nvme_slot *send(struct nvme *c, const struct nvme_command *cmd, u64 limit_ns)
{
	struct nvme_queue *q = &c->admin;
	struct nvme_slot *s;

	spin_lock(&q->lock);
	s = q->live ? nvme_slot_take(q) : NULL;
	if (s) {
		s->cmd = *cmd;
		nvme_post(q, s, clock_ns() + limit_ns);
		nvme_queue_ring(q);
	}
	spin_unlock(&q->lock);
	return s;
}

static u8 state_of(struct nvme_queue *q, struct nvme_slot *s)
{
	u8 state;

	spin_lock(&q->lock);
	state = s->state;
	spin_unlock(&q->lock);
	return state;
}

static void release(struct nvme_queue *q, struct nvme_slot *s)
{
	spin_lock(&q->lock);
	nvme_slot_free(q, s);
	spin_unlock(&q->lock);
}

/* What is not done in time stays in its slot, until a reset: the controller may still write its data. */
static int wait(struct nvme *c, struct nvme_slot *s)
{
	for (;;) {
		bool late = clock_ns() >= s->deadline_ns;

		nvme_queue_drain(&c->admin);
		if (state_of(&c->admin, s) == NVME_DONE)
			return 0;
		if (nvme_gone(c))
			return -ENODEV;
		if (!c->admin.live)
			return -EIO;
		if (late)
			return -ETIMEDOUT;
		nvme_pause(c, WAIT_NS);
	}
}

int nvme_admin(struct nvme *c, const struct nvme_command *cmd, u32 *result, u32 *status)
{
	struct nvme_slot *s = send(c, cmd, NVME_ADMIN_NS);
	int err = s ? wait(c, s) : -EAGAIN;

	if (status)
		*status = 0;
	if (err)
		return err;
	if (result)
		*result = s->completion.result;
	if (status)
		*status = NVME_STATUS(s->completion.status);
	err = NVME_STATUS(s->completion.status) ? -EIO : 0;
	release(&c->admin, s);
	return err;
}

static int read_page(struct nvme *c, struct nvme_command *cmd, u32 len)
{
	int err;

	memset(c->page, 0, PAGE_SIZE);
	cmd->prp1 = c->page_at.v;
	err = nvme_admin(c, cmd, NULL, NULL);
	if (err)
		return err;
	memset(c->copy, 0, PAGE_SIZE);
	memcpy(c->copy, c->page, len);
	return 0;
}

int nvme_identify(struct nvme *c, u8 cns, u32 nsid)
{
	struct nvme_command cmd = { .opcode = NVME_ADMIN_IDENTIFY, .nsid = nsid, .cdw10 = cns };

	return read_page(c, &cmd, PAGE_SIZE);
}

int nvme_get_log(struct nvme *c, u8 log, u32 len)
{
	struct nvme_command cmd = {
		.opcode = NVME_ADMIN_GET_LOG,
		.nsid = 0xffffffff,
		.cdw10 = (len / 4 - 1) << 16 | log,
	};

	return read_page(c, &cmd, len);
}

/* --- Identify Controller ------------------------------------------------------------------------------ */

/* Printable ASCII, spaces at the end left out (NVMe 2.0, 1.4.2): it comes to logs and XML. */
static void text(char *out, const char *in, u32 len)
{
	u32 end = 0;

	for (u32 i = 0; i < len; i++) {
		out[i] = in[i] >= ' ' && in[i] <= '~' ? in[i] : '?';
		if (!in[i])
			out[i] = ' ';
		if (out[i] != ' ')
			end = i + 1;
	}
	out[end] = '\0';
}

static u32 largest(u8 mdts, u32 min_shift)
{
	u32 shift = min_shift + mdts;

	return mdts && shift < 31 ? MIN(1u << shift, NVME_LEN_MAX) : NVME_LEN_MAX;
}

int nvme_check_ctrl(const struct nvme_id_ctrl *id, u32 min_shift, struct nvme_ctrl_info *out)
{
	if ((id->sqes & 0xf) > ENTRY_LOG2_SQ || id->sqes >> 4 < ENTRY_LOG2_SQ)
		return -EPROTO;
	if ((id->cqes & 0xf) > ENTRY_LOG2_CQ || id->cqes >> 4 < ENTRY_LOG2_CQ)
		return -EPROTO;
	if (id->nn < MIN_NN || id->nn > NVME_NSID_MAX)
		return -EPROTO;
	*out = (struct nvme_ctrl_info){
		.version = id->ver,
		.namespaces = id->nn,
		.max_len = largest(id->mdts, min_shift),
		.shutdown_us = id->rtd3e,
		.cache = id->vwc & NVME_VWC_PRESENT,
		.zeroes = id->oncs & NVME_ONCS_ZEROES,
		.discard = id->oncs & NVME_ONCS_DSM,
		.dbbuf = id->oacs & NVME_OACS_DBBUF,
		.ns_events = id->oaes & NVME_OAES_NS,
	};
	text(out->serial, id->sn, sizeof(id->sn));
	text(out->model, id->mn, sizeof(id->mn));
	text(out->firmware, id->fr, sizeof(id->fr));
	return 0;
}

/* --- queues ------------------------------------------------------------------------------------------- */

/* How many I/O queue pairs there shall be: what we want, what the controller grants, what has a doorbell. */
static int queue_count(struct nvme *c, u32 *count)
{
	u32 want = MIN(c->wanted_queues, NVME_QUEUES_MAX) - 1, got = 0;
	struct nvme_command cmd = {
		.opcode = NVME_ADMIN_SET_FEATURES,
		.cdw10 = NVME_FEATURE_QUEUES,
		.cdw11 = want << 16 | want,
	};
	u64 doorbells = (c->regs_len - NVME_DOORBELLS) / (2ull * c->stride);
	int err = nvme_admin(c, &cmd, &got, NULL);

	if (err)
		return err;
	*count = MIN(want, MIN(got & 0xffff, got >> 16)) + 1;
	if (doorbells < 2)
		return -ENOTSUP;
	*count = MIN(*count, (u32)MIN(doorbells - 1, NVME_QUEUES_MAX));
	return 0;
}

static int create_rings(struct nvme *c, struct nvme_queue *q)
{
	u32 vector = c->vectors > 1 ? q->id : 0;
	struct nvme_command cq = {
		.opcode = NVME_ADMIN_CREATE_CQ,
		.prp1 = q->cq_at.v,
		.cdw10 = (q->depth - 1u) << 16 | q->id,
		.cdw11 = vector << 16 | (u32)(NVME_QUEUE_IEN | NVME_QUEUE_PC),
	};
	struct nvme_command sq = {
		.opcode = NVME_ADMIN_CREATE_SQ,
		.prp1 = q->sq_at.v,
		.cdw10 = (q->depth - 1u) << 16 | q->id,
		.cdw11 = (u32)q->id << 16 | (u32)NVME_QUEUE_PC,
	};
	int err;

	nvme_queue_reset(q);
	err = nvme_admin(c, &cq, NULL, NULL);
	return err ? err : nvme_admin(c, &sq, NULL, NULL);
}

/* The doorbells of all queues in one page each; without it there are the registers. */
static void setup_shadow(struct nvme *c, u32 queues)
{
	struct nvme_command cmd = { .opcode = NVME_ADMIN_DBBUF,
				    .prp1 = c->shadow_at.v,
				    .prp2 = c->event_at.v };

	c->shadow = NULL;
	if (!c->shadow_page || !c->event_idx || !c->info.dbbuf ||
	    2ull * (queues + 1) * c->stride > PAGE_SIZE)
		return;
	memset(c->shadow_page, 0, PAGE_SIZE);
	memset(c->event_idx, 0, PAGE_SIZE);
	if (!nvme_admin(c, &cmd, NULL, NULL))
		c->shadow = c->shadow_page;
}

int nvme_setup_queues(struct nvme *c)
{
	u32 count;
	int err = queue_count(c, &count);

	if (!err && c->queue_count && count < c->queue_count)
		err = -EPROTO;
	if (err)
		return err;
	setup_shadow(c, c->queue_count ? c->queue_count : count);
	if (!c->queue_count) {
		u32 depth = MIN(NVME_DEPTH, NVME_CAP_MQES(c->cap) + 1);

		for (u32 i = 0; i < count && !err; i++) {
			err = nvme_queue_create(c, &c->io[i], (u16)(i + 1), (u16)depth, true);
			c->queue_count += !err;
		}
	}
	for (u32 i = 0; i < c->queue_count && !err; i++)
		err = create_rings(c, &c->io[i]);
	return err;
}

void nvme_delete_queues(struct nvme *c)
{
	static const u8 opcodes[] = { NVME_ADMIN_DELETE_SQ, NVME_ADMIN_DELETE_CQ };

	for (u32 op = 0; op < ARRAY_LEN(opcodes); op++) {
		for (u32 i = 0; i < c->queue_count; i++) {
			struct nvme_command cmd = { .opcode = opcodes[op], .cdw10 = c->io[i].id };
			int err = nvme_admin(c, &cmd, NULL, NULL);

			if (err && err != -EIO)
				return;
		}
	}
}

/* --- events ------------------------------------------------------------------------------------------- */

static void arm(struct nvme *c)
{
	struct nvme_command cmd = { .opcode = NVME_ADMIN_ASYNC_EVENT };
	struct nvme_slot *s = send(c, &cmd, 0);

	if (s)
		s->event = true;
}

void nvme_arm_events(struct nvme *c)
{
	u32 which = (u32)NVME_EVENTS_SMART | (c->info.ns_events ? (u32)NVME_EVENTS_NS : 0);
	struct nvme_command cmd = { .opcode = NVME_ADMIN_SET_FEATURES,
				    .cdw10 = NVME_FEATURE_EVENTS,
				    .cdw11 = which };

	/* A controller that does not know the feature may send events all the same. */
	if (nvme_admin(c, &cmd, NULL, NULL))
		log_debug("%s: events cannot be chosen", c->name);
	arm(c);
}

/* Reading the event's log page lets the controller send the next of that type (NVMe 2.0, 5.2). */
static void serve(struct nvme *c, u32 result)
{
	u32 type = NVME_EVENT_TYPE(result), info = NVME_EVENT_INFO(result);
	u8 log = (u8)NVME_EVENT_LOG(result);

	c->events++;
	log_limited(&limit, LOG_WARN, "%s: event of type %u, %02x (log page %02x)", c->name, type,
		    info, log);
	if (type == NVME_EVENT_NOTICE && info == NVME_NOTICE_NS_CHANGED)
		atomic_store_relaxed(&c->rescan_wanted, 1);
	if (log == NVME_LOG_SMART)
		c->smart_at = 0;
	else if (nvme_get_log(c, log, log == NVME_LOG_CHANGED_NS ? PAGE_SIZE : 64))
		log_debug("%s: no log page %02x", c->name, log);
}

void nvme_serve_events(struct nvme *c)
{
	struct nvme_queue *q = &c->admin;

	nvme_queue_drain(q);
	for (u32 i = 0; i < q->depth - 1u; i++) {
		struct nvme_slot *s = &q->slots[i];
		struct nvme_completion e;

		if (!s->event || state_of(q, s) != NVME_DONE)
			continue;
		e = s->completion;
		s->event = false;
		release(q, s);
		if (NVME_STATUS(e.status))
			continue; /* it takes none: there will be no events */
		serve(c, e.result);
		arm(c);
	}
}

void nvme_read_smart(struct nvme *c)
{
	if (nvme_get_log(c, NVME_LOG_SMART, sizeof(c->smart)))
		return;
	memcpy(&c->smart, c->copy, sizeof(c->smart));
	c->smart_valid = true;
}
