/*
 * The device table, and what each device can reach. An entry that nobody attached points at an empty table: were it not
 * valid, the device would reach everything.
 */
#include "arch/paging.h"
#include "core/dma.h"
#include "core/iommu.h"
#include "core/log.h"
#include "drivers/iommu/amdvi.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/memmap.h"
#include "mm/page.h"

#define LEVELS     4u
#define EVERYTHING ~0ULL

static struct spinlock tables = SPINLOCK_INIT(RANK_IOMMU, "IOMMU device table");
static struct amdvi_dte *dtes;                      /* const pointer; entries: tables */
static u64 *nothing;                                /* an empty table */
static struct iommu_domain *domains[AMDVI_DOMAINS]; /* tables */

/* --- page tables -------------------------------------------------------------------------------------- */

static bool v1_present(u64 entry)
{
	return entry & AMDVI_PRESENT;
}

static bool v1_leaf(u64 entry, u8 level)
{
	return level == 0 || !(entry & AMDVI_LEVEL_MASK);
}

static u64 v1_encode(u32 prot, u8 level)
{
	(void)level;
	return AMDVI_PRESENT | AMDVI_COHERENCE | (prot & PTAB_R ? AMDVI_READ : 0) |
	       (prot & PTAB_W ? AMDVI_WRITE : 0);
}

static u32 v1_decode(u64 entry, u8 level)
{
	(void)level;
	return (entry & AMDVI_READ ? PTAB_R : 0) | (entry & AMDVI_WRITE ? PTAB_W : 0);
}

static const struct ptab_format format = {
	.levels = LEVELS,
	.max_leaf = 2,
	.addr_mask = AMDVI_ADDR,
	.table_bits = AMDVI_PRESENT | AMDVI_READ | AMDVI_WRITE,
	.level_shift = AMDVI_NEXT_LEVEL,
	.present = v1_present,
	.leaf = v1_leaf,
	.encode = v1_encode,
	.decode = v1_decode,
};

/* --- the device table --------------------------------------------------------------------------------- */

static void dte_write(u16 rid, const u64 *root, u16 id)
{
	struct amdvi_dte *e = &dtes[rid];

	/* The domain's id counts with the root; either is the device's, or nobody's. Pairs with the unit's reads. */
	WRITE_ONCE(e->q[1], id);
	atomic_store_release(&e->q[0], AMDVI_DTE_VALID | AMDVI_DTE_TRANSLATES |
					       (u64)LEVELS << AMDVI_DTE_MODE |
					       virt_to_phys(root).v | AMDVI_READ | AMDVI_WRITE);
}

int amdvi_dte_irqs(struct amdvi_unit *u, u16 rid, const void *table, u32 log2)
{
	WRITE_ONCE(dtes[rid].q[2], AMDVI_DTE_IRQS_VALID | (u64)log2 << AMDVI_DTE_IRQS_LOG2 |
					   virt_to_phys(table).v | AMDVI_DTE_IRQS_REMAP);
	return amdvi_forget_device(u, rid);
}

int amdvi_table_start(bool remap, paddr_t *out)
{
	if (!dtes)
		dtes = page_alloc(AMDVI_DTES_ORDER);
	if (!nothing)
		nothing = page_alloc(0);
	if (!dtes || !nothing)
		return -ENOMEM;
	for (u32 i = 0; i < AMDVI_DTES; i++) {
		dtes[i].q[2] = remap ? AMDVI_DTE_IRQS_VALID : 0;
		dte_write((u16)i, nothing, 0);
	}
	*out = virt_to_phys(dtes);
	return 0;
}

static int forget_devices(const struct iommu_domain *dom)
{
	int ret = 0;

	for (u32 i = 0; i < dom->alias_count && !ret; i++)
		ret = amdvi_forget_device(dom->u, dom->aliases[i]);
	return ret ? ret : amdvi_forget_pages(dom->u, dom->id, 0, EVERYTHING);
}

/* The unit that an id comes to, and the id that it is seen by. */
static struct amdvi_unit *unit_of(u16 rid, u16 *alias)
{
	for (u32 i = 0; i < host.ivrs.range_count; i++) {
		const struct host_ivrs_range *r = &host.ivrs.ranges[i];

		if (rid < r->first || rid > r->last || r->unit >= amdvi_unit_count)
			continue;
		*alias = r->aliased ? r->alias : rid;
		return amdvi_units[r->unit];
	}
	return NULL;
}

/* What the firmware's table and the bridges above lend; each once. */
struct amdvi_unit *amdvi_ids(u16 rid, u16 ids[IOMMU_ALIASES_MAX + 1], u32 *count)
{
	u16 alias = rid;
	struct amdvi_unit *u = unit_of(rid, &alias);
	u32 n = iommu_aliases(0, rid, ids);
	bool known = false;

	for (u32 i = 0; i < n; i++)
		known |= ids[i] == alias;
	if (!known)
		ids[n++] = alias;
	*count = n;
	return u;
}

static u16 owner_of(u16 rid)
{
	return (u16)dtes[rid].q[1];
}

static int enter(struct iommu_domain *dom)
{
	int ret = 0;

	spin_lock(&tables);
	for (u32 i = 0; i < dom->alias_count; i++)
		ret = owner_of(dom->aliases[i]) ? -EBUSY : ret;
	for (u32 i = 0; i < dom->alias_count && !ret; i++)
		dte_write(dom->aliases[i], dom->pt.root, dom->id);
	spin_unlock(&tables);
	return ret ? ret : forget_devices(dom);
}

/* tables */
static void leave(const struct iommu_domain *dom)
{
	for (u32 i = 0; i < dom->alias_count; i++) {
		if (owner_of(dom->aliases[i]) == dom->id)
			dte_write(dom->aliases[i], nothing, 0);
	}
}

struct dma_device *amdvi_block(struct amdvi_unit *u, u16 rid)
{
	struct iommu_domain *dom;

	spin_lock(&tables);
	dom = owner_of(rid) ? domains[owner_of(rid)] : NULL;
	if (dom)
		leave(dom);
	spin_unlock(&tables);
	if (dom && forget_devices(dom))
		log_error("iommu: unit %u: device %04x may go on", u->number, rid);
	return dom ? dom->d : NULL;
}

/* --- domains ------------------------------------------------------------------------------------------- */

static int take_id(struct iommu_domain *dom)
{
	int ret = -ENOSPC;

	spin_lock(&tables);
	for (u32 i = 1; i < AMDVI_DOMAINS && ret; i++) {
		if (domains[i])
			continue;
		domains[i] = dom;
		dom->id = (u16)i;
		ret = 0;
	}
	spin_unlock(&tables);
	return ret;
}

static void destroy(struct iommu_domain *dom)
{
	if (dom->id) {
		spin_lock(&tables);
		domains[dom->id] = NULL;
		spin_unlock(&tables);
	}
	if (dom->pt.root)
		ptab_destroy(&dom->pt, PTAB_ENTRIES);
	kfree(dom);
}

static struct iommu_domain *create(struct dma_device *d)
{
	struct iommu_domain *dom = kalloc(sizeof(*dom));

	if (!dom)
		return NULL;
	dom->d = d;
	spin_init(&dom->lock, RANK_IOMMU_DOMAIN, "IOMMU domain");
	dom->u = amdvi_ids(d->rid, dom->aliases, &dom->alias_count);
	if (!ptab_init(&dom->pt, &format) && !take_id(dom))
		return dom;
	destroy(dom);
	return NULL;
}

/* Memory that the firmware keeps for it (IVMD, 5.2.2.8): at its own addresses; never ours. */
static int map_reserved(struct iommu_domain *dom)
{
	for (u32 i = 0; i < host.ivrs.reserved_count; i++) {
		const struct host_ivrs_reserved *r = &host.ivrs.reserved[i];
		int err;

		if (dom->d->rid < r->first || dom->d->rid > r->last)
			continue;
		if (memmap_has_ram(PADDR(r->base), r->len)) {
			log_error("iommu: %s: the firmware keeps our memory at 0x%llx for it: refused",
				  dom->d->name, (unsigned long long)r->base);
			return -EPERM;
		}
		err = ptab_map(&dom->pt, r->base, PADDR(r->base), r->len, PTAB_R | PTAB_W);
		if (err && err != -EEXIST)
			return err;
		dma_reserve(dom->d, r->base, r->len);
	}
	return 0;
}

static int attach(struct dma_device *d, struct iommu_domain **out)
{
	struct iommu_domain *dom;
	u16 alias;
	int err;

	if (d->segment || !unit_of(d->rid, &alias)) {
		log_error("iommu: %s: no unit is its", d->name);
		return -ENODEV;
	}
	dom = create(d);
	if (!dom)
		return -ENOMEM;
	err = map_reserved(dom);
	if (!err)
		err = enter(dom);
	if (err) {
		destroy(dom);
		return err;
	}
	*out = dom;
	return 0;
}

static void detach(struct dma_device *d, struct iommu_domain *dom)
{
	spin_lock(&tables);
	leave(dom);
	spin_unlock(&tables);
	if (forget_devices(dom)) {
		log_error("iommu: %s: its tables stay where they are", d->name);
		return;
	}
	destroy(dom);
}

/* --- maps ------------------------------------------------------------------------------------------------ */

static int map(struct iommu_domain *dom, u64 iova, paddr_t pa, u64 len, u32 prot)
{
	int err, undo;

	spin_lock(&dom->lock);
	err = ptab_map_near(&dom->pt, &dom->near, iova, pa, len, prot);
	if (err) {
		undo = ptab_unmap(&dom->pt, iova, len);
		err = undo ? undo : err;
	}
	spin_unlock(&dom->lock);
	return err;
}

static int unmap(struct iommu_domain *dom, u64 iova, u64 len)
{
	int err;

	spin_lock(&dom->lock);
	err = ptab_unmap_near(&dom->pt, &dom->near, iova, len);
	spin_unlock(&dom->lock);
	return err;
}

static int flush(struct iommu_domain *dom, u64 iova, u64 len)
{
	int err = amdvi_forget_pages(dom->u, dom->id, iova, len);

	if (!err)
		return 0;
	/* Nobody knows what it can still reach: it is not to send anything. */
	iommu_silence(dom->d->segment, dom->d->rid);
	return -ETIMEDOUT;
}

static u64 limit(const struct iommu_domain *dom)
{
	(void)dom;
	return (1ULL << 48) - 1;
}

const struct iommu_ops amdvi_ops = {
	.name = "AMD-Vi",
	.attach = attach,
	.detach = detach,
	.map = map,
	.unmap = unmap,
	.flush = flush,
	.limit = limit,
};
