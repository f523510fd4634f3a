/*
 * Maps for devices. Without an IOMMU a device's address is the physical one. With one each device has a range of
 * addresses of its own, handed out in whole pages; a map's pages are in the IOMMU's tables while it is mapped and no longer.
 *
 * What a device must not see beside a piece, or cannot name, goes by a bounce buffer: pages that are its alone.
 */
#include "core/dma.h"

#include "core/iommu.h"
#include "core/log.h"
#include "core/panic.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mm/heap.h"
#include "mm/page.h"
#include "mm/ptab.h"

#define LEN_MAX GRANULE_SIZE
#define IOVA_FIRST                                                                                 \
	GRANULE_SIZE      /* below it nothing is mapped: an address that was forgotten faults */
#define IOVA_PAGES 65536u /* of a device: 256 MiB in flight */
#define STALE_MAX  64u    /* maps that are gone, but for the IOMMU's caches: iommu=lazy */
#define UNMAP_MAX  32u    /* maps of a list that go by one invalidation */
#define EVERYTHING ~0ULL

static u64 page_of(u64 v)
{
	return ALIGN_DOWN(v, PAGE_SIZE);
}

static u64 pages_in(u64 start, u64 len)
{
	return (ALIGN_UP(start + len, PAGE_SIZE) - page_of(start)) >> PAGE_SHIFT;
}

static u32 order_of(u64 len)
{
	u32 order = 0;

	while ((PAGE_SIZE << order) < len)
		order++;
	return order;
}

/* --- addresses of a device's own ----------------------------------------------------------------- */

static u32 find_run(const u64 *map, u32 from, u32 n)
{
	u32 run = 0, word = from / 64;

	/* Nothing below is free; what is full is passed a word at a time. */
	while (word < BITMAP_WORDS(IOVA_PAGES) && !~map[word])
		word++;
	if (word == BITMAP_WORDS(IOVA_PAGES))
		return IOVA_PAGES;
	for (u32 i = word * 64 + (u32)__builtin_ctzll(~map[word]); i < IOVA_PAGES; i++) {
		run = bitmap_test(map, i) ? 0 : run + 1;
		if (run == n)
			return i + 1 - n;
	}
	return IOVA_PAGES;
}

/* 0: none is left. */
static u64 iova_take(struct dma_device *d, u32 n)
{
	u64 flags = spin_lock_irq(&d->lock);
	u32 i = find_run(d->iovas, d->iova_low, n);

	for (u32 k = 0; k < n && i < IOVA_PAGES; k++)
		bitmap_set(d->iovas, i + k);
	if (i < IOVA_PAGES && (n == 1 || i == d->iova_low))
		d->iova_low = i + n;
	spin_unlock_irq(&d->lock, flags);
	return i < IOVA_PAGES ? IOVA_FIRST + (u64)i * PAGE_SIZE : 0;
}

/* lock */
static void iova_give(struct dma_device *d, u64 iova, u32 n)
{
	u32 i = (u32)((iova - IOVA_FIRST) >> PAGE_SHIFT);

	for (u32 k = 0; k < n; k++)
		bitmap_clear(d->iovas, i + k);
	d->iova_low = MIN(d->iova_low, i);
}

/* The IOMMU has forgotten all that was unmapped: those addresses are free again. */
static void flush_stale(struct dma_device *d)
{
	struct dma_span gone[STALE_MAX];
	u32 count;
	u64 flags;

	flags = spin_lock_irq(&d->lock);
	count = d->stale_count;
	memcpy(gone, d->stale, count * sizeof(gone[0]));
	d->stale_count = 0;
	d->stats.flushes += count != 0;
	spin_unlock_irq(&d->lock, flags);
	if (!count)
		return;
	iommu_ops()->flush(d->domain, 0, EVERYTHING);
	flags = spin_lock_irq(&d->lock);
	for (u32 i = 0; i < count; i++)
		iova_give(d, gone[i].iova, gone[i].pages);
	spin_unlock_irq(&d->lock, flags);
}

/* False: there is no room to put it off. */
static bool put_off(struct dma_device *d, u64 iova, u32 n)
{
	u64 flags = spin_lock_irq(&d->lock);
	bool room = d->stale_count < STALE_MAX;

	if (room)
		d->stale[d->stale_count++] = (struct dma_span){ iova, n };
	spin_unlock_irq(&d->lock, flags);
	return room;
}

/* --- the IOMMU's tables --------------------------------------------------------------------------- */

/* Whole pages at pa; 0: it did not work. */
static u64 enter(struct dma_device *d, u64 pa, u32 n, u32 prot)
{
	const struct iommu_ops *ops = iommu_ops();
	u64 iova = iova_take(d, n);
	u64 flags;

	if (!iova && d->stale_count) {
		flush_stale(d);
		iova = iova_take(d, n);
	}
	if (!iova)
		return 0;
	if (!ops->map(d->domain, iova, PADDR(pa), (u64)n * PAGE_SIZE, prot))
		return iova;
	flags = spin_lock_irq(&d->lock);
	iova_give(d, iova, n);
	spin_unlock_irq(&d->lock, flags);
	return 0;
}

static void take_out(struct dma_device *d, const struct dma_span *s)
{
	if (iommu_ops()->unmap(d->domain, s->iova, (u64)s->pages * PAGE_SIZE))
		log_error("dma: %s: 0x%llx was not mapped", d->name, (unsigned long long)s->iova);
}

/* After it the IOMMU has forgotten them; one that does not answer has shut the device out. */
static void forget(struct dma_device *d, const struct dma_span *s, u32 count)
{
	u64 flags;

	if (count == 1)
		iommu_ops()->flush(d->domain, s->iova, (u64)s->pages * PAGE_SIZE);
	else
		iommu_ops()->flush(d->domain, 0, EVERYTHING);
	flags = spin_lock_irq(&d->lock);
	d->stats.flushes++;
	for (u32 i = 0; i < count; i++)
		iova_give(d, s[i].iova, s[i].pages);
	spin_unlock_irq(&d->lock, flags);
}

static void leave(struct dma_device *d, u64 iova, u32 pages)
{
	struct dma_span s = { iova, pages };

	take_out(d, &s);
	forget(d, &s, 1);
}

/* --- devices --------------------------------------------------------------------------------------- */

int dma_device_start(struct dma_device *d)
{
	const struct iommu_ops *ops = iommu_ops();
	int ret;

	ASSERT(!d->started);
	spin_init(&d->lock, RANK_DMA, d->name);
	memset(&d->stats, 0, sizeof(d->stats));
	d->domain = NULL;
	d->iova_low = d->stale_count = 0;
	if (!ops) {
		d->started = true;
		return 0;
	}
	d->iovas = kalloc(BITMAP_WORDS(IOVA_PAGES) * sizeof(u64));
	d->stale = kalloc(STALE_MAX * sizeof(d->stale[0]));
	ret = d->iovas && d->stale ? ops->attach(d, &d->domain) : -ENOMEM;
	if (ret) {
		kfree(d->iovas);
		kfree(d->stale);
		d->iovas = NULL;
		d->stale = NULL;
		return ret;
	}
	d->started = true;
	return 0;
}

void dma_reserve(struct dma_device *d, u64 start, u64 len)
{
	u64 end = start + len;

	for (u32 i = 0; i < IOVA_PAGES; i++) {
		u64 at = IOVA_FIRST + (u64)i * PAGE_SIZE;

		if (at < end && start < at + PAGE_SIZE)
			bitmap_set(d->iovas, i);
	}
}

u32 dma_device_stop(struct dma_device *d)
{
	u64 leaked;

	if (!d->started)
		return 0;
	leaked = d->stats.maps - d->stats.unmaps;
	if (leaked)
		log_error("dma: %s: %llu map%s of %llu bytes not given back", d->name,
			  (unsigned long long)leaked, leaked == 1 ? "" : "s",
			  (unsigned long long)d->stats.mapped);
	if (d->domain)
		iommu_ops()->detach(d, d->domain);
	kfree(d->iovas);
	kfree(d->stale);
	d->iovas = NULL;
	d->stale = NULL;
	d->domain = NULL;
	d->started = false;
	return (u32)leaked;
}

static void count_map(struct dma_device *d, u64 len, bool bounced)
{
	u64 flags = spin_lock_irq(&d->lock);

	d->stats.maps++;
	d->stats.mapped += len;
	d->stats.bounced += bounced;
	spin_unlock_irq(&d->lock, flags);
}

static void count_unmap(struct dma_device *d, u64 len)
{
	u64 flags = spin_lock_irq(&d->lock);

	ASSERT(d->stats.mapped >= len);
	d->stats.unmaps++;
	d->stats.mapped -= len;
	spin_unlock_irq(&d->lock, flags);
}

void dma_device_stats(struct dma_device *d, struct dma_stats *out)
{
	u64 flags = spin_lock_irq(&d->lock);

	*out = d->stats;
	spin_unlock_irq(&d->lock, flags);
}

/* --- coherent memory -------------------------------------------------------------------------------- */

void *dma_alloc(struct dma_device *d, size_t size, dma_addr_t *out)
{
	u32 order = order_of(size);
	void *p = size && size <= LEN_MAX ? page_alloc(order) : NULL;
	u64 pa, at;

	ASSERT(d->started);
	if (!p)
		return NULL;
	pa = virt_to_phys(p).v;
	at = d->domain ? enter(d, pa, 1u << order, PTAB_R | PTAB_W) : pa;
	if (!at || at + size - 1 > d->mask) {
		if (d->domain && at)
			leave(d, at, 1u << order);
		page_free(p, order);
		return NULL;
	}
	count_map(d, size, false);
	*out = DMA_ADDR(at);
	return p;
}

void dma_free(struct dma_device *d, void *p, size_t size, dma_addr_t addr)
{
	u32 order = order_of(size);

	if (!p)
		return;
	if (d->domain)
		leave(d, addr.v, 1u << order);
	count_unmap(d, size);
	page_free(p, order);
}

/* --- streaming maps ---------------------------------------------------------------------------------- */

static bool is_hypervisors(u64 pa, u64 len)
{
	for (u64 at = ALIGN_DOWN(pa, GRANULE_SIZE); at < pa + len; at += GRANULE_SIZE) {
		if (granule_owner(PADDR(at)) != OWNER_HV)
			return false;
	}
	return true;
}

/* Whether the device cannot take the piece as it is, or would see more than it. */
static bool wants_bounce(const struct dma_device *d, u64 pa, u32 len)
{
	if (pa & (d->align - 1))
		return true;
	if (!d->domain)
		return pa + len - 1 > d->mask;
	/* The rest of a guest's page is that guest's, too. */
	return ((pa | len) & (PAGE_SIZE - 1)) && granule_owner(PADDR(pa)) == OWNER_HV;
}

static int make_bounce(struct dma_map *m)
{
	/* What is not the hypervisor's is not mapped: the block layer's rules for pieces keep such away. */
	if (!is_hypervisors(m->pa.v, m->len))
		return -EINVAL;
	m->bounce = page_alloc(order_of(m->len));
	if (!m->bounce)
		return -ENOMEM;
	if (m->dir & DMA_TO_DEVICE)
		memcpy(m->bounce, phys_to_virt(m->pa), m->len);
	return 0;
}

static void drop_bounce(struct dma_map *m)
{
	if (m->bounce)
		page_free(m->bounce, order_of(m->len));
	m->bounce = NULL;
}

static u32 prot_of(enum dma_dir dir)
{
	return (dir & DMA_TO_DEVICE ? PTAB_R : 0) | (dir & DMA_FROM_DEVICE ? PTAB_W : 0);
}

/* Where the device finds m's memory, or what stands in for it. */
static int place(struct dma_device *d, struct dma_map *m)
{
	u64 pa = m->bounce ? virt_to_phys(m->bounce).v : m->pa.v, at = pa;

	if (d->domain) {
		at = enter(d, page_of(pa), (u32)pages_in(pa, m->len), prot_of(m->dir));
		if (!at)
			return -ENOMEM;
		at += pa - page_of(pa);
	}
	if (at + m->len - 1 > d->mask) {
		if (d->domain)
			leave(d, page_of(at), (u32)pages_in(at, m->len));
		return -ENOMEM;
	}
	m->addr = DMA_ADDR(at);
	return 0;
}

int dma_map(struct dma_device *d, paddr_t pa, u32 len, enum dma_dir dir, struct dma_map *out)
{
	int ret = 0;

	ASSERT(d->started);
	*out = (struct dma_map){ .pa = pa, .len = len, .dir = (u8)dir };
	if (!len || len > LEN_MAX || !dir || dir > DMA_BOTH || pa.v + len < pa.v)
		return -EINVAL;
	if (wants_bounce(d, pa.v, len))
		ret = make_bounce(out);
	if (!ret)
		ret = place(d, out);
	if (ret) {
		drop_bounce(out);
		return ret;
	}
	out->mapped = true;
	count_map(d, len, out->bounce);
	return 0;
}

static struct dma_span span_of(const struct dma_map *m)
{
	return (struct dma_span){ page_of(m->addr.v), (u32)pages_in(m->addr.v, m->len) };
}

/* Lazy: the IOMMU may go on for a while with what stays its owner's; never with pages that are given back. */
static void leave_some(struct dma_device *d, struct dma_map *maps, u32 count)
{
	struct dma_span spans[UNMAP_MAX];
	bool now = iommu_mode() != IOMMU_LAZY;

	for (u32 i = 0; i < count; i++) {
		spans[i] = span_of(&maps[i]);
		take_out(d, &spans[i]);
		now |= maps[i].bounce != NULL;
	}
	if (now) {
		forget(d, spans, count);
		return;
	}
	for (u32 i = 0; i < count; i++) {
		while (!put_off(d, spans[i].iova, spans[i].pages))
			flush_stale(d);
	}
}

/* The device does not reach it any more: what it wrote to a bounce buffer is as it will stay. */
static void finish(struct dma_device *d, struct dma_map *m, u32 done)
{
	if (m->bounce && done)
		memcpy(phys_to_virt(m->pa), m->bounce, done);
	drop_bounce(m);
	m->mapped = false;
	count_unmap(d, m->len);
}

void dma_unmap(struct dma_device *d, struct dma_map *m, u32 done)
{
	ASSERT(m->mapped && done <= m->len && (!done || m->dir & DMA_FROM_DEVICE));
	if (d->domain)
		leave_some(d, m, 1);
	finish(d, m, done);
}

int dma_map_list(struct dma_device *d, const struct dma_piece *pieces, u32 count, enum dma_dir dir,
		 struct dma_map *out)
{
	for (u32 i = 0; i < count; i++) {
		int ret = dma_map(d, pieces[i].pa, pieces[i].len, dir, &out[i]);

		if (ret) {
			dma_unmap_list(d, out, i);
			return ret;
		}
	}
	return 0;
}

void dma_unmap_list(struct dma_device *d, struct dma_map *maps, u32 count)
{
	for (u32 first = 0; first < count; first += UNMAP_MAX) {
		u32 n = MIN(count - first, UNMAP_MAX);

		for (u32 i = first; i < first + n; i++)
			ASSERT(maps[i].mapped);
		if (d->domain)
			leave_some(d, &maps[first], n);
		for (u32 i = first; i < first + n; i++)
			finish(d, &maps[i], maps[i].dir & DMA_FROM_DEVICE ? maps[i].len : 0);
	}
}
