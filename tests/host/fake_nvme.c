/*
 * The controller of fake_nvme.h.
 */
#include "tests/host/fake_nvme.h"

#include <stdlib.h>

#include "arch/cpu.h"
#include "arch/tsc.h"
#include "core/clock.h"
#include "core/log.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "tests/host/fake_nvme_io.h"
#include "tests/host/harness.h"

#define QUEUES 5u

struct fake_queue {
	u64 sq, cq;
	u32 sq_size, cq_size, sq_head, sq_tail, cq_tail, cq_head;
	bool phase, exists;
};

struct fake_nvme fake;
u64 fake_now;
static struct fake_queue queues[QUEUES];
static struct nvme nvme;
static struct dma_device dma;
static u8 regs[0x2000];
static u32 blocks, events[8], event_count, event_cids[8], event_cid_count;
static u64 shadow, event_idx;
static bool running;

/* --- the host beneath the driver --------------------------------------------------------------------- */

u64 clock_ns(void)
{
	return fake_now;
}

void tsc_delay_us(u64 us)
{
	fake_now += us * 1000;
}

u32 cpu_id(void)
{
	return 1;
}

void *kalloc(size_t size)
{
	blocks++;
	return calloc(1, size);
}

void kfree(void *p)
{
	blocks -= p != NULL;
	free(p);
}

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock){ .rank = (u8)rank, .name = name };
}

void spin_lock(struct spinlock *l)
{
	CHECK_EQ(l->next, 0);
	l->next = 1;
}

void spin_unlock(struct spinlock *l)
{
	CHECK_EQ(l->next, 1);
	l->next = 0;
}

void log_limited(struct log_limit *l, enum log_level level, const char *fmt, ...)
{
	(void)l;
	(void)level;
	(void)fmt;
}

void *dma_alloc(struct dma_device *d, size_t size, dma_addr_t *out)
{
	void *p = aligned_alloc(PAGE_SIZE, ALIGN_UP(size, PAGE_SIZE));

	(void)d;
	blocks++;
	memset(p, 0, ALIGN_UP(size, PAGE_SIZE));
	out->v = (u64)p;
	return p;
}

void dma_free(struct dma_device *d, void *p, size_t size, dma_addr_t addr)
{
	(void)d;
	(void)size;
	CHECK_EQ(addr.v, (u64)p);
	blocks--;
	free(p);
}

int dma_map_list(struct dma_device *d, const struct dma_piece *pieces, u32 count, enum dma_dir dir,
		 struct dma_map *out)
{
	(void)d;
	for (u32 i = 0; i < count; i++) {
		out[i] = (struct dma_map){ .addr = { pieces[i].pa.v }, .len = pieces[i].len };
		out[i].dir = (u8)dir;
		fake.maps++;
	}
	return 0;
}

void dma_unmap_list(struct dma_device *d, struct dma_map *maps, u32 count)
{
	(void)d;
	(void)maps;
	fake.maps -= count;
}

void blkdev_done(struct blk_request *r, int status)
{
	struct fake_request *f = r->owner;

	CHECK(f->submitted);
	CHECK(!f->done);
	f->done = true;
	f->status = status;
	fake.done++;
}

int blkdev_add(struct blkdev *b)
{
	b->active = 1;
	fake.blkdevs++;
	return 0;
}

void blkdev_remove(struct blkdev *b)
{
	CHECK_EQ(b->active, 1);
	b->active = 0;
	fake.blkdevs--;
}

void nvme_pause(struct nvme *c, u64 ns)
{
	(void)c;
	fake.pauses++;
	fake_now += ns;
	fake_nvme_run();
}

void nvme_wake_keeper(struct nvme *c)
{
	(void)c;
}

void nvme_wake_namespaces(struct nvme *c)
{
	(void)c;
}

int nvme_queue_thread(struct nvme_queue *q)
{
	(void)q;
	return 0;
}

static void cut_off(struct nvme *c)
{
	(void)c;
	fake.cut_off = true;
}

/* --- completions --------------------------------------------------------------------------------------- */

static bool happens(u32 *n)
{
	if (!*n)
		return false;
	if (*n != FAKE_FOREVER)
		--*n;
	return true;
}

static void put(struct fake_queue *q, u32 id, u32 cid, u16 status, u32 result)
{
	struct nvme_completion *e = (struct nvme_completion *)q->cq + q->cq_tail;

	*e = (struct nvme_completion){
		.result = result,
		.sqhd = (u16)(id && happens(&fake.bad_sqhd) ? q->sq_size : q->sq_head),
		.sqid = (u16)(id && happens(&fake.bad_sqid) ? id + 1 : id),
		.cid = (u16)(id && happens(&fake.bad_cid) ? cid ^ 0x8100 : cid),
	};
	if (id && happens(&fake.old_phase)) {
		e->status = (u16)(status | !q->phase);
		return; /* it is not there, and never will be */
	}
	e->status = (u16)(status | q->phase);
	if (++q->cq_tail == q->cq_size) {
		q->cq_tail = 0;
		q->phase = !q->phase;
	}
}

static void complete(struct fake_queue *q, u32 id, u32 cid, u16 status, u32 result)
{
	put(q, id, cid, status, result);
	if (id && happens(&fake.twice))
		put(q, id, cid, status, result);
}

/* --- I/O ------------------------------------------------------------------------------------------------- */

/* Copies between a disk and what the PRPs name. */
static void transfer(const struct nvme_command *cmd, u8 *disk, u64 len)
{
	const u64 *list = NULL;
	u64 at = cmd->prp1, n = MIN(len, PAGE_SIZE - (at & PAGE_MASK)), i = 0;

	if (len - n > PAGE_SIZE)
		list = (const u64 *)cmd->prp2;
	while (len) {
		if (cmd->opcode == NVME_IO_READ)
			memcpy((void *)at, disk, n);
		else
			memcpy(disk, (void *)at, n);
		disk += n;
		len -= n;
		if (!len)
			return;
		at = list ? list[i++] : cmd->prp2;
		CHECK_EQ(at & PAGE_MASK, 0);
		n = MIN(len, PAGE_SIZE);
	}
}

static u16 in_range(u64 lba, u64 count, u32 shift)
{
	u64 all = FAKE_NS_BYTES >> shift;

	return lba < all && count <= all - lba ? 0 :
						 (u16)(NVME_SC_LBA_RANGE << 1 | NVME_STATUS_DNR);
}

static u16 read_write(const struct nvme_command *cmd)
{
	u32 shift = cmd->nsid == 2 ? 12 : 9;
	u64 lba = cmd->cdw10 | (u64)cmd->cdw11 << 32, count = (cmd->cdw12 & 0xffff) + 1;
	u8 *disk = fake.disk[cmd->nsid - 1] + (lba << shift);
	u16 status = in_range(lba, count, shift);

	if (status)
		return status;
	if (cmd->opcode != NVME_IO_READ && !(cmd->cdw12 & NVME_RW_FUA))
		fake.unflushed++;
	fake.fuas += !!(cmd->cdw12 & NVME_RW_FUA);
	fake.reads += cmd->opcode == NVME_IO_READ;
	fake.writes += cmd->opcode == NVME_IO_WRITE;
	if (cmd->opcode != NVME_IO_WRITE_ZEROES) {
		transfer(cmd, disk, count << shift);
		return 0;
	}
	fake.zeroes++;
	memset(disk, 0, count << shift);
	return 0;
}

static u16 io(const struct nvme_command *cmd)
{
	const struct nvme_dsm_range *range = (const void *)cmd->prp1;

	if (!cmd->nsid || cmd->nsid > 2)
		return NVME_SC_INVALID_NS << 1;
	switch (cmd->opcode) {
	case NVME_IO_FLUSH:
		fake.flushes++;
		fake.unflushed = 0;
		return 0;
	case NVME_IO_READ:
	case NVME_IO_WRITE:
	case NVME_IO_WRITE_ZEROES:
		return read_write(cmd);
	case NVME_IO_DSM:
		CHECK_EQ(cmd->cdw11, NVME_DSM_DEALLOC);
		fake.discards++;
		return in_range(range->lba, range->blocks, cmd->nsid == 2 ? 12 : 9);
	default:
		return NVME_SC_INVALID_OPCODE << 1;
	}
}

/* --- admin commands ---------------------------------------------------------------------------------------- */

static void identify(const struct nvme_command *cmd)
{
	static struct nvme_id_ctrl ctrl;
	static struct nvme_id_ns ns;
	u32 *list = (u32 *)cmd->prp1;
	u8 cns = (u8)cmd->cdw10;

	memset(list, 0, PAGE_SIZE);
	if (cns == NVME_CNS_CTRL) {
		ctrl = (struct nvme_id_ctrl){
			.mdts = 5,
			.sqes = 0x66,
			.cqes = 0x44,
			.nn = 2,
			.vwc = 1,
			.oncs = 0xc,
			.ver = fake.no_list ? 0x10000 : 0x10400,
			.rtd3e = 1000000,
			.oaes = 0x100,
			.oacs = fake.dbbuf ? NVME_OACS_DBBUF : 0,
		};
		memcpy(ctrl.sn, "SERIAL 1            ", 20);
		memcpy(ctrl.mn, "Fake\x1b[2J", 9);
		memcpy(list, &ctrl, sizeof(ctrl));
	} else if (cns == NVME_CNS_NS_LIST) {
		list[0] = 1;
		list[1] = fake.ns2_gone ? 0 : 2;
	} else if (cns == NVME_CNS_NS && cmd->nsid <= 2) {
		u32 shift = cmd->nsid == 2 ? 12 : 9;

		ns = (struct nvme_id_ns){ .nsze = FAKE_NS_BYTES >> shift, .nlbaf = 1, .flbas = 1 };
		ns.lbaf[1] = (struct nvme_lbaf){ .lbads = (u8)shift, .ms = fake.lbaf_ms };
		memcpy(list, &ns, sizeof(ns));
	}
	if (fake.garble)
		fake.garble(list, cns);
}

static void create(const struct nvme_command *cmd, bool completion)
{
	struct fake_queue *q = &queues[cmd->cdw10 & 0xffff];
	u32 size = (cmd->cdw10 >> 16) + 1;

	CHECK((cmd->cdw10 & 0xffff) && (cmd->cdw10 & 0xffff) < QUEUES);
	CHECK(cmd->cdw11 & NVME_QUEUE_PC);
	CHECK_EQ(cmd->prp1 & PAGE_MASK, 0);
	if (completion) {
		*q = (struct fake_queue){ .cq = cmd->prp1, .cq_size = size, .phase = true };
		return;
	}
	CHECK(q->cq);
	q->sq = cmd->prp1;
	q->sq_size = size;
	q->exists = true;
}

static void abort_all_held(u32 sqid, u32 cid)
{
	fake.aborts++;
	if (!fake.deny_abort)
		complete(&queues[sqid], sqid, cid, NVME_SC_ABORT_REQ << 1, 0);
}

static void admin(struct fake_queue *q, const struct nvme_command *cmd)
{
	u32 result = 0;

	if (cmd->opcode == NVME_ADMIN_ASYNC_EVENT) {
		event_cids[event_cid_count++] = cmd->cid;
		return;
	}
	if (happens(&fake.admin_swallow))
		return;
	if (happens(&fake.admin_fail)) {
		complete(q, 0, cmd->cid, NVME_SC_INTERNAL << 1, 0);
		return;
	}
	switch (cmd->opcode) {
	case NVME_ADMIN_IDENTIFY:
		identify(cmd);
		break;
	case NVME_ADMIN_CREATE_CQ:
	case NVME_ADMIN_CREATE_SQ:
		create(cmd, cmd->opcode == NVME_ADMIN_CREATE_CQ);
		break;
	case NVME_ADMIN_SET_FEATURES:
		result = (fake.io_queues - 1) * 0x10001;
		break;
	case NVME_ADMIN_ABORT:
		abort_all_held(cmd->cdw10 & 0xffff, cmd->cdw10 >> 16);
		break;
	case NVME_ADMIN_DBBUF:
		shadow = cmd->prp1;
		event_idx = cmd->prp2;
		break;
	default:
		break;
	}
	complete(q, 0, cmd->cid, 0, result);
}

/* --- queues and registers ---------------------------------------------------------------------------------- */

static void serve(u32 id)
{
	struct fake_queue *q = &queues[id];

	if (id && shadow) {
		q->sq_tail = ((u32 *)shadow)[2 * id];
		((u32 *)event_idx)[2 * id] = q->sq_tail;
	}
	CHECK(q->sq_tail < q->sq_size);
	while (q->exists && q->sq_head != q->sq_tail && !(id && fake.hold)) {
		struct nvme_command cmd = ((struct nvme_command *)q->sq)[q->sq_head];
		u16 status;

		q->sq_head = (q->sq_head + 1) % q->sq_size;
		if (!id) {
			admin(q, &cmd);
			continue;
		}
		if (happens(&fake.swallow))
			continue;
		status = happens(&fake.fail) ? fake.fail_status : io(&cmd);
		complete(q, id, cmd.cid, status, 0);
	}
}

static void send_events(void)
{
	while (event_count && event_cid_count)
		complete(&queues[0], 0, event_cids[--event_cid_count], 0, events[--event_count]);
}

void fake_nvme_run(void)
{
	if (running || fake.gone || fake.cut_off || !(fake.csts & NVME_CSTS_RDY))
		return;
	running = true;
	send_events();
	for (u32 i = 0; i < QUEUES; i++)
		if (queues[i].exists)
			serve(i);
	running = false;
}

static void forget(void)
{
	memset(queues, 0, sizeof(queues));
	shadow = event_idx = 0;
	event_cid_count = 0;
}

static void configure(u32 v)
{
	u32 before = fake.cc;

	fake.cc = v;
	if ((v & NVME_CC_SHN) && !(before & NVME_CC_SHN)) {
		fake.shutdowns++;
		fake.csts |= NVME_CSTS_SHST_DONE;
	}
	if (!(v & NVME_CC_EN) && !fake.never_idle) {
		fake.csts = 0;
		forget();
	}
	if (!(v & NVME_CC_EN) || (before & NVME_CC_EN))
		return;
	fake.enables++;
	forget();
	queues[0] = (struct fake_queue){
		.sq = fake.asq,
		.cq = fake.acq,
		.phase = true,
		.exists = true,
		.sq_size = (fake.aqa & 0xfff) + 1,
		.cq_size = (fake.aqa >> 16) + 1,
	};
	if (fake.fatal_at_enable)
		fake.csts = NVME_CSTS_CFS;
	else if (!fake.never_ready)
		fake.csts = NVME_CSTS_RDY;
}

static bool is_gone(void)
{
	if (fake.gone_after && !--fake.gone_after)
		fake.gone = true;
	return fake.gone;
}

u32 fake_mmio_read32(const volatile void *p)
{
	switch ((u64)p - (u64)regs) {
	case NVME_CAP:
		return is_gone() ? ~0u : (u32)fake.cap;
	case NVME_CAP + 4:
		return is_gone() ? ~0u : (u32)(fake.cap >> 32);
	case NVME_CC:
		return is_gone() ? ~0u : fake.cc;
	case NVME_CSTS:
		return is_gone() ? ~0u : fake.csts;
	default:
		CHECK(!"a register that nobody reads");
		return 0;
	}
}

static void doorbell(u32 offset, u32 v)
{
	u32 n = offset / (4u << (fake.cap >> 32 & 0xf));
	struct fake_queue *q = &queues[n / 2];

	fake.doorbells++;
	CHECK(n / 2 < QUEUES);
	if (n & 1) {
		CHECK(v < q->cq_size);
		q->cq_head = v;
		return;
	}
	CHECK(v < q->sq_size);
	q->sq_tail = v;
	fake_nvme_run();
}

void fake_mmio_write32(volatile void *p, u32 v)
{
	u64 reg = (u64)p - (u64)regs;

	if (is_gone())
		return;
	switch (reg) {
	case NVME_CC:
		configure(v);
		return;
	case NVME_AQA:
		fake.aqa = v;
		return;
	case NVME_ASQ:
		fake.asq = (fake.asq & ~0xffffffffull) | v;
		return;
	case NVME_ASQ + 4:
		fake.asq = (u32)fake.asq | (u64)v << 32;
		return;
	case NVME_ACQ:
		fake.acq = (fake.acq & ~0xffffffffull) | v;
		return;
	case NVME_ACQ + 4:
		fake.acq = (u32)fake.acq | (u64)v << 32;
		return;
	default:
		CHECK(reg >= NVME_DOORBELLS && reg < sizeof(regs));
		doorbell((u32)reg - NVME_DOORBELLS, v);
	}
}

/* --- tests' side --------------------------------------------------------------------------------------------- */

struct nvme *fake_nvme_start(void)
{
	static const struct nvme_bus bus = { .cut_off = cut_off };
	struct nvme *c = &nvme;

	fake = (struct fake_nvme){ .cap = 63 | 20ull << 24 | NVME_CAP_CSS_NVM, .io_queues = 2 };
	fake.disk[0] = calloc(1, FAKE_NS_BYTES);
	fake.disk[1] = calloc(1, FAKE_NS_BYTES);
	forget();
	event_count = 0;
	memset(c, 0, sizeof(*c));
	blocks = 0;
	fake_now = NVME_SEC;
	memcpy(c->name, "nvme0", 6);
	c->bus = &bus;
	c->regs = regs;
	c->regs_len = sizeof(regs);
	c->dma = &dma;
	c->wanted_queues = 2;
	c->vectors = 3;
	CHECK_EQ(nvme_memory_create(c), 0);
	return c;
}

void fake_nvme_end(void)
{
	struct nvme *c = &nvme;

	nvme_die(c, "the test is over");
	fake_nvme_threads();
	CHECK_EQ(fake.blkdevs, 0);
	CHECK_EQ(fake.maps, 0);
	for (u32 i = 0; i < c->queue_count; i++) {
		CHECK_EQ(c->io[i].in_flight, 0);
		CHECK_EQ(c->io[i].free_count, c->io[i].depth - 1);
	}
	nvme_memory_destroy(c);
	free(fake.disk[0]);
	free(fake.disk[1]);
	CHECK_EQ(blocks, 0);
}

void fake_nvme_threads(void)
{
	fake_nvme_run();
	for (u32 i = 0; i < nvme.queue_count; i++)
		nvme_queue_drain(&nvme.io[i]);
	nvme_service(&nvme);
	nvme_serve_namespaces(&nvme);
}

void fake_nvme_pass(u32 seconds)
{
	for (u32 i = 0; i < seconds; i++) {
		fake_now += NVME_SEC;
		fake_nvme_threads();
	}
}

struct blkdev *fake_nvme_blkdev(u32 nsid)
{
	for (u32 i = 0; i < NVME_NS_MAX; i++)
		if (nvme.ns[i] && nvme.ns[i]->id == nsid && nvme.ns[i]->blk.active)
			return &nvme.ns[i]->blk;
	return NULL;
}

void fake_nvme_event(u32 result)
{
	events[event_count++] = result;
	fake_nvme_run();
}

bool fake_submit(struct blkdev *b, struct fake_request *f, enum blk_op op, u64 offset, void *p,
		 u64 len)
{
	f->r.op = (u8)op;
	f->r.offset = offset;
	f->r.len = len;
	f->r.owner = f;
	if (p && !f->r.piece_count) {
		f->pieces[0] = (struct dma_piece){ .pa = PADDR((u64)p), .len = (u32)len };
		f->r.piece_count = 1;
	}
	f->r.pieces = f->pieces;
	f->done = false;
	f->submitted = true;
	if (!b->ops->submit(b, &f->r))
		return true;
	f->submitted = false;
	return false;
}
