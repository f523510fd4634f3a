/*
 * DMA: the one way by which a driver tells a device where memory is. A map makes a piece of memory reachable for
 * one device and says at which address the device sees it; with an IOMMU that is an address of the device's
 * own and nothing else is reachable, without one it is the physical address. Memory is named physically, so that
 * the hypervisor's buffers and guests' pages go the same way.
 *
 * Maps, pages and bounce buffers are the device's: dma_device_stop() says who forgot to give one back.
 */
#pragma once

#include "arch/lock.h"
#include "lib/addr.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct iommu_domain;

/* An address as a device sees it. */
typedef struct {
	u64 v;
} dma_addr_t;

#define DMA_ADDR(x) ((dma_addr_t){ (x) })

/* Who writes, as the device sees it: debug builds check that map and unmap agree. */
enum dma_dir {
	DMA_TO_DEVICE = 1,   /* the device reads */
	DMA_FROM_DEVICE = 2, /* the device writes */
	DMA_BOTH = 3,
};

struct dma_stats {
	u64 maps, unmaps, bounced; /* calls; pieces that went by a bounce buffer */
	u64 mapped;                /* bytes that the device can reach now */
	u64 flushes;               /* invalidations that the IOMMU was asked for */
};

/* Whole pages, as the device sees them. */
struct dma_span {
	u64 iova;
	u32 pages;
};

/* One device that does DMA. Its driver fills name, segment, rid and mask, then calls dma_device_start(). */
struct dma_device {
	const char *name; /* for the log: "0000:01:00.0" */
	u16 segment;
	u16 rid;  /* requester id: bus 15..8, device 7..3, function 2..0 */
	u64 mask; /* the highest address that the device can name */
	u32 align; /* what the device asks of a piece's start; smaller ones are bounced. A power of two, 1: anything */
	/* Called when the IOMMU has shut the device out after a fault; any context; may be NULL. The driver resets it. */
	void (*blocked)(struct dma_device *d);
	void *driver;

	/* core/dma.c's own. */
	struct iommu_domain *domain; /* NULL: no IOMMU, addresses are physical */
	struct spinlock lock;
	struct dma_stats stats; /* lock */
	u64 *iovas;             /* lock: which addresses are taken; NULL: no IOMMU */
	u32 iova_low;           /* lock: none below is free */
	u32 stale_count;        /* lock: */
	struct dma_span *stale; /* what was unmapped, but the IOMMU may still have: iommu=lazy */
	bool started;
};

/*
 * Gives the device a domain of its own, in which nothing is mapped. 0; -ENOMEM; -EIO: the IOMMU does not answer.
 * Before bus mastering is switched on. A thread.
 */
int dma_device_start(struct dma_device *d) __must_check;

/* Addresses that are never handed out: the IOMMU has them mapped for the firmware. From its attach() only. */
void dma_reserve(struct dma_device *d, u64 start, u64 len);

/* The device no longer does DMA (bus mastering is off): what is still mapped is logged as a leak and taken away. How many maps leaked. */
u32 dma_device_stop(struct dma_device *d);

/*
 * size bytes of zeroed memory that device and CPU both use at will: rings. Page-aligned, physically
 * contiguous, at most 2 MiB. NULL when memory is short. A thread.
 */
void *dma_alloc(struct dma_device *d, size_t size, dma_addr_t *out) __must_check;
void dma_free(struct dma_device *d, void *p, size_t size, dma_addr_t addr);

/* One piece of memory that is mapped for a device. The caller's memory; its fields are core/dma.c's. */
struct dma_map {
	dma_addr_t addr; /* where the device sees the first byte */
	u32 len;
	u8 dir; /* enum dma_dir */
	bool mapped;
	paddr_t pa;
	void *bounce; /* NULL: none */
};

/*
 * Makes len bytes at pa (at most 2 MiB; physically contiguous) reachable for d until dma_unmap(). -ENOMEM, -EINVAL
 * (len 0 or too long). Bytes of the same page beside the piece are reachable for the device as well, unless it is
 * bounced: pieces that do not begin and end at a page are when the device is strict (iommu=strict) and the memory is
 * not the hypervisor's pages for that device alone. Any context but interrupt handlers; no allocation where nothing is bounced.
 */
int dma_map(struct dma_device *d, paddr_t pa, u32 len, enum dma_dir dir, struct dma_map *out)
	__must_check;

/*
 * After return the device cannot reach the piece any more (iommu=strict), or soon (lazy); what it wrote is there.
 * done: bytes that the device may have written; a bounced piece is copied that far.
 */
void dma_unmap(struct dma_device *d, struct dma_map *map, u32 done);

/* The same for several pieces at once: one invalidation. On an error none is mapped. */
struct dma_piece {
	paddr_t pa;
	u32 len;
};
int dma_map_list(struct dma_device *d, const struct dma_piece *pieces, u32 count, enum dma_dir dir,
		 struct dma_map *out) __must_check;
void dma_unmap_list(struct dma_device *d, struct dma_map *maps, u32 count);

void dma_device_stats(struct dma_device *d, struct dma_stats *out);
