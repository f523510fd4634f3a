/*
 * The invalidation queue (6.5.2). What is asked for ends with a wait descriptor, which writes a number that counts up; who
 * asked polls for it. A unit that does not answer within a second is given up: its queue is never used again.
 */
#include "core/clock.h"
#include "core/log.h"
#include "drivers/iommu/vtd.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/page.h"

#define ANSWER_NS  1000000000ull
#define DESC_SHIFT 4

int vtd_queue_start(struct vtd_unit *u)
{
	u->queue = page_alloc(0);
	u->status = page_alloc(0);
	if (!u->queue || !u->status)
		return -ENOMEM;
	vtd_write64(u, VTD_IQT, 0);
	vtd_write64(u, VTD_IQA, virt_to_phys(u->queue).v); /* 256 descriptors of 128 bits */
	return vtd_command(u, (u32)VTD_QIE, true);
}

static void put(struct vtd_unit *u, u64 lo, u64 hi)
{
	u->queue[u->tail] = (struct vtd_desc){ lo, hi };
	vtd_publish(u, &u->queue[u->tail], sizeof(u->queue[0]));
	u->tail = (u->tail + 1) % VTD_QUEUE_LEN;
}

static int wait_answer(struct vtd_unit *u)
{
	u64 end = 0;

	while (READ_ONCE(*u->status) != u->sequence) {
		vtd_publish(u, (const void *)u->status, sizeof(*u->status));
		end = end ? end : clock_ns() + ANSWER_NS;
		if (clock_ns() < end) {
			cpu_relax();
			continue;
		}
		log_error("iommu: unit %u does not answer, fault status 0x%x: given up", u->number,
			  vtd_read(u, VTD_FSTS));
		u->dead = true;
		return -ETIMEDOUT;
	}
	return 0;
}

/* One descriptor, or two (lo 0: none), and waits. */
static int ask(struct vtd_unit *u, const struct vtd_desc *d, u32 count)
{
	int ret = -EIO;

	spin_lock(&u->lock);
	if (!u->dead) {
		for (u32 i = 0; i < count; i++)
			put(u, d[i].lo, d[i].hi);
		u->sequence++;
		put(u,
		    VTD_INV_WAIT | (u32)(VTD_INV_STATUS | VTD_INV_FENCE) |
			    (u64)u->sequence << VTD_INV_DATA,
		    virt_to_phys((const void *)u->status).v);
		vtd_write64(u, VTD_IQT, (u64)u->tail << DESC_SHIFT);
		ret = wait_answer(u);
	}
	spin_unlock(&u->lock);
	return ret;
}

int vtd_flush_contexts(struct vtd_unit *u)
{
	const struct vtd_desc d[] = {
		{ VTD_INV_CONTEXT | VTD_INV_GLOBAL, 0 },
		{ VTD_INV_IOTLB | VTD_INV_GLOBAL | VTD_INV_DRAINS, 0 },
	};

	return ask(u, d, ARRAY_LEN(d));
}

int vtd_flush_domain(struct vtd_unit *u, u16 id)
{
	const struct vtd_desc d = {
		VTD_INV_IOTLB | VTD_INV_DOMAIN | VTD_INV_DRAINS | (u64)id << VTD_INV_DID, 0
	};

	return ask(u, &d, 1);
}

/* A run of 2^order pages, aligned to its length, that holds the range; or 64. */
static u32 order_of(u64 iova, u64 len)
{
	u32 order = 0;

	while (order < 52 &&
	       (iova >> (PAGE_SHIFT + order)) != ((iova + len - 1) >> (PAGE_SHIFT + order)))
		order++;
	return order < 52 ? order : 64;
}

int vtd_flush_pages(struct vtd_unit *u, u16 id, u64 iova, u64 len)
{
	u32 order = order_of(iova, len);
	struct vtd_desc d = {
		VTD_INV_IOTLB | VTD_INV_PAGE | VTD_INV_DRAINS | (u64)id << VTD_INV_DID, 0
	};

	if (!(u->cap & VTD_CAP_PSI) || order > VTD_CAP_MAMV(u->cap))
		return vtd_flush_domain(u, id);
	d.hi = ALIGN_DOWN(iova, PAGE_SIZE << order) | order;
	return ask(u, &d, 1);
}

int vtd_flush_irtes(struct vtd_unit *u, s32 index)
{
	struct vtd_desc d = { VTD_INV_IEC, 0 };

	if (index >= 0)
		d.lo |= VTD_INV_IEC_ONE | (u64)index << VTD_INV_IEC_IDX;
	return ask(u, &d, 1);
}
