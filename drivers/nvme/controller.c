/*
 * The controller's registers: what it can do, on, off, and the way out at power-off. Every wait has an end, and every read may be
 * of a device that is not there any more.
 */
#include "arch/io.h"
#include "arch/tsc.h"
#include "core/clock.h"
#include "core/log.h"
#include "drivers/nvme/nvme.h"
#include "lib/errno.h"
#include "mm/heap.h"

#define TO_UNIT_NS      500000000ull /* CAP.TO's */
#define POLL_NS         2000000ull
#define SHUTDOWN_US     5000000u /* where the controller does not say */
#define SHUTDOWN_MAX_US 30000000u
#define SHUTDOWN_STEP   1000u

u32 nvme_read(struct nvme *c, u32 reg)
{
	return mmio_read32((const u8 *)c->regs + reg);
}

void nvme_write(struct nvme *c, u32 reg, u32 v)
{
	mmio_write32((u8 *)c->regs + reg, v);
}

static u64 read64(struct nvme *c, u32 reg)
{
	u64 low = nvme_read(c, reg);

	return low | (u64)nvme_read(c, reg + 4) << 32;
}

static void write64(struct nvme *c, u32 reg, u64 v)
{
	nvme_write(c, reg, (u32)v);
	nvme_write(c, reg + 4, (u32)(v >> 32));
}

bool nvme_gone(struct nvme *c)
{
	return nvme_read(c, NVME_CSTS) == NVME_GONE;
}

static const char *lacks(struct nvme *c)
{
	if (!(c->cap & NVME_CAP_CSS_NVM))
		return "it does not have the NVM command set";
	if (NVME_CAP_MPSMIN(c->cap) > 0)
		return "its smallest page is larger than 4 KiB";
	if (NVME_CAP_MQES(c->cap) < 1)
		return "its queues have one entry";
	if (c->regs_len < NVME_DOORBELLS + 4ull * c->stride)
		return "its doorbells lie beyond its registers";
	return NULL;
}

int nvme_capabilities(struct nvme *c)
{
	const char *why;

	c->cap = read64(c, NVME_CAP);
	if (c->cap == ~0ull || nvme_gone(c))
		return -ENODEV;
	c->stride = 4u << NVME_CAP_DSTRD(c->cap);
	why = lacks(c);
	if (!why)
		return 0;
	log_error("%s: cannot be used: %s", c->name, why);
	return -ENOTSUP;
}

/* NVMe 2.0, 3.5.3: RDY follows EN within CAP.TO. */
static int wait_ready(struct nvme *c, bool ready)
{
	u64 end = clock_ns() + (NVME_CAP_TO(c->cap) + 1) * TO_UNIT_NS;

	for (;;) {
		bool late = clock_ns() >= end; /* before the look, which then was not too early */
		u32 csts = nvme_read(c, NVME_CSTS);

		if (csts == NVME_GONE)
			return -ENODEV;
		if (!!(csts & NVME_CSTS_RDY) == ready)
			return 0;
		if (ready && (csts & NVME_CSTS_CFS))
			return -EIO;
		if (late)
			return -ETIMEDOUT;
		nvme_pause(c, POLL_NS);
	}
}

int nvme_disable(struct nvme *c)
{
	u32 cc = nvme_read(c, NVME_CC);

	if (cc == NVME_GONE)
		return -ENODEV;
	if (cc & NVME_CC_EN) {
		nvme_write(c, NVME_CC, cc & ~(u32)(NVME_CC_EN | NVME_CC_SHN));
	}
	return wait_ready(c, false);
}

int nvme_enable(struct nvme *c)
{
	u32 last = c->admin.depth - 1u;

	nvme_write(c, NVME_AQA, last << 16 | last);
	write64(c, NVME_ASQ, c->admin.sq_at.v);
	write64(c, NVME_ACQ, c->admin.cq_at.v);
	nvme_write(c, NVME_CC, NVME_CC_IOSQES | NVME_CC_IOCQES | (u32)NVME_CC_EN);
	return wait_ready(c, true);
}

int nvme_memory_create(struct nvme *c)
{
	c->io = kalloc(c->wanted_queues * sizeof(*c->io));
	c->copy = kalloc(PAGE_SIZE);
	c->page = dma_alloc(c->dma, PAGE_SIZE, &c->page_at);
	/* Shadow doorbells are used where there is memory for both. */
	c->shadow_page = dma_alloc(c->dma, PAGE_SIZE, &c->shadow_at);
	c->event_idx = dma_alloc(c->dma, PAGE_SIZE, &c->event_at);
	if (c->io && c->copy && c->page &&
	    !nvme_queue_create(c, &c->admin, 0, NVME_ADMIN_DEPTH, false))
		return 0;
	nvme_memory_destroy(c);
	return -ENOMEM;
}

static void free_page(struct nvme *c, void *p, dma_addr_t at)
{
	if (p)
		dma_free(c->dma, p, PAGE_SIZE, at);
}

void nvme_memory_destroy(struct nvme *c)
{
	for (u32 i = 0; i < c->queue_count; i++)
		nvme_queue_destroy(&c->io[i]);
	if (c->admin.c)
		nvme_queue_destroy(&c->admin);
	free_page(c, c->page, c->page_at);
	free_page(c, c->shadow_page, c->shadow_at);
	free_page(c, c->event_idx, c->event_at);
	for (u32 i = 0; i < NVME_NS_MAX; i++)
		kfree(c->ns[i]);
	kfree(c->copy);
	kfree(c->io);
}

void nvme_shutdown_begin(struct nvme *c)
{
	u32 cc;

	if (c->state == NVME_DEAD || nvme_gone(c))
		return;
	cc = nvme_read(c, NVME_CC);
	if (cc & NVME_CC_EN)
		nvme_write(c, NVME_CC, (cc & ~(u32)NVME_CC_SHN) | (u32)NVME_CC_SHN_NORMAL);
}

bool nvme_shutdown_wait(struct nvme *c)
{
	u32 limit = MIN(MAX(c->info.shutdown_us, SHUTDOWN_US), SHUTDOWN_MAX_US);

	if (c->state == NVME_DEAD)
		return true;
	for (u32 us = 0; us <= limit; us += SHUTDOWN_STEP) {
		u32 csts = nvme_read(c, NVME_CSTS);

		if (csts == NVME_GONE || !(nvme_read(c, NVME_CC) & NVME_CC_EN))
			return true;
		if ((csts & NVME_CSTS_SHST) == NVME_CSTS_SHST_DONE)
			return true;
		tsc_delay_us(SHUTDOWN_STEP);
	}
	return false;
}
