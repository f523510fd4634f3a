/*
 * Domains: what each device can reach. A device that nobody attached has no context entry, and reaches nothing.
 */
#include "arch/paging.h"
#include "core/dma.h"
#include "core/iommu.h"
#include "core/log.h"
#include "drivers/iommu/fault.h"
#include "drivers/iommu/vtd.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mm/heap.h"
#include "mm/memmap.h"
#include "mm/page.h"

#define EVERYTHING ~0ULL

/* --- second-level tables ------------------------------------------------------------------------- */

static bool sl_present(u64 entry)
{
	return entry & (VTD_SL_R | VTD_SL_W);
}

static bool sl_leaf(u64 entry, u8 level)
{
	return level == 0 || (entry & VTD_SL_LEAF);
}

static u64 sl_encode(u32 prot, u8 level)
{
	return (prot & PTAB_R ? VTD_SL_R : 0) | (prot & PTAB_W ? VTD_SL_W : 0) |
	       (level ? VTD_SL_LEAF : 0);
}

static u32 sl_decode(u64 entry, u8 level)
{
	(void)level;
	return (entry & VTD_SL_R ? PTAB_R : 0) | (entry & VTD_SL_W ? PTAB_W : 0);
}

void vtd_format(struct ptab_format *out, u64 cap, u64 ecap)
{
	*out = (struct ptab_format){
		.levels = cap & VTD_CAP_SAGAW_4 ? 4 :
			  cap & VTD_CAP_SAGAW_3 ? 3 :
						  0,
		.max_leaf = !(cap & VTD_CAP_2M) ? 0 :
			    !(cap & VTD_CAP_1G) ? 1 :
						  2,
		.addr_mask = VTD_SL_ADDR,
		.table_bits = VTD_SL_R | VTD_SL_W,
		.incoherent = !(ecap & VTD_ECAP_C),
		.present = sl_present,
		.leaf = sl_leaf,
		.encode = sl_encode,
		.decode = sl_decode,
	};
}

/* --- context entries ------------------------------------------------------------------------------- */

/* u->tables. NULL: no memory. */
static u64 *context_of(struct vtd_unit *u, u16 rid)
{
	u32 bus = rid >> 8;

	if (!u->contexts[bus]) {
		u64 *table = page_alloc(0);

		if (!table)
			return NULL;
		vtd_publish(u, table, PAGE_SIZE);
		u->contexts[bus] = table;
		/* Pairs with the IOMMU's walk: who finds the table finds it empty. */
		atomic_store_release(&u->root[bus * 2], virt_to_phys(table).v | VTD_PRESENT);
		vtd_publish(u, &u->root[bus * 2], 16);
	}
	return &u->contexts[bus][(rid & 0xff) * 2];
}

static u16 owner_of(const u64 *context)
{
	return context[0] & VTD_PRESENT ? (u16)(context[1] >> VTD_CONTEXT_DID) : 0;
}

static void context_write(struct vtd_unit *u, u64 *context, u64 lo, u64 hi)
{
	/* Not present while the second word changes: pairs with the IOMMU's reads. */
	atomic_store_release(&context[0], 0);
	vtd_publish(u, context, 16);
	context[1] = hi;
	atomic_store_release(&context[0], lo);
	vtd_publish(u, context, 16);
}

static u64 context_hi(const struct iommu_domain *dom)
{
	return (dom->pt.fmt->levels == 4 ? VTD_CONTEXT_AW_4 : VTD_CONTEXT_AW_3) |
	       (u64)dom->id << VTD_CONTEXT_DID;
}

/* Whether its requester ids are free, or held for the firmware alone. u->tables. */
static int check_aliases(const struct iommu_domain *dom)
{
	for (u32 i = 0; i < dom->alias_count; i++) {
		u64 *context = context_of(dom->u, dom->aliases[i]);

		if (!context)
			return -ENOMEM;
		if (owner_of(context) && dom->u->domains[owner_of(context)]->d)
			return -EBUSY;
	}
	return 0;
}

static int enter(struct iommu_domain *dom)
{
	struct vtd_unit *u = dom->u;
	int ret;

	spin_lock(&u->tables);
	ret = check_aliases(dom);
	for (u32 i = 0; i < dom->alias_count && !ret; i++)
		context_write(u, context_of(u, dom->aliases[i]),
			      virt_to_phys(dom->pt.root).v | VTD_PRESENT, context_hi(dom));
	spin_unlock(&u->tables);
	return ret ? ret : vtd_flush_contexts(u);
}

static void remove(struct iommu_domain *dom)
{
	struct vtd_unit *u = dom->u;

	spin_lock(&u->tables);
	for (u32 i = 0; i < dom->alias_count; i++) {
		u64 *context = context_of(u, dom->aliases[i]);

		if (context && (owner_of(context) == dom->id || dom->blocked))
			context_write(u, context, 0, 0);
	}
	spin_unlock(&u->tables);
}

void vtd_block(struct vtd_unit *u, u16 rid)
{
	struct iommu_domain *dom = NULL;
	u64 *context;

	spin_lock(&u->tables);
	context = context_of(u, rid);
	if (context && owner_of(context))
		dom = u->domains[owner_of(context)];
	for (u32 i = 0; dom && i < dom->alias_count; i++)
		context_write(u, context_of(u, dom->aliases[i]), VTD_CONTEXT_FPD, 0);
	if (dom)
		dom->blocked = true;
	spin_unlock(&u->tables);
	if (dom && vtd_flush_contexts(u))
		log_error("iommu: unit %u: %02x:%02x.%x may go on", u->number, rid >> 8,
			  PCI_SLOT(rid & 0xff), PCI_FUNC(rid));
}

/* --- domains --------------------------------------------------------------------------------------- */

static int take_id(struct iommu_domain *dom)
{
	u32 end = MIN(VTD_DOMAINS, 1u << VTD_CAP_ND(dom->u->cap));
	int ret = -ENOSPC;

	spin_lock(&dom->u->tables);
	for (u32 i = 1; i < end && ret; i++) { /* 0 is what caching mode tags nothing with */
		if (dom->u->domains[i])
			continue;
		dom->u->domains[i] = dom;
		dom->id = (u16)i;
		ret = 0;
	}
	spin_unlock(&dom->u->tables);
	return ret;
}

static void destroy(struct iommu_domain *dom)
{
	if (dom->id) {
		spin_lock(&dom->u->tables);
		dom->u->domains[dom->id] = NULL;
		spin_unlock(&dom->u->tables);
	}
	if (dom->pt.root)
		ptab_destroy(&dom->pt, PTAB_ENTRIES);
	kfree(dom);
}

static struct iommu_domain *create(struct vtd_unit *u, u16 rid)
{
	struct iommu_domain *dom = kalloc(sizeof(*dom));

	if (!dom)
		return NULL;
	dom->u = u;
	spin_init(&dom->lock, RANK_IOMMU_DOMAIN, "IOMMU domain");
	dom->alias_count = iommu_aliases(u->segment, rid, dom->aliases);
	if (!ptab_init(&dom->pt, &u->format) && !take_id(dom))
		return dom;
	destroy(dom);
	return NULL;
}

/* Ranges that the firmware keeps for the device (RMRR, 8.4): at their own addresses. One in our memory is not believed. */
static int map_reserved(struct iommu_domain *dom, u16 rid)
{
	for (u32 i = 0; i < host.dmar.scope_count; i++) {
		const struct host_dma_scope *s = &host.dmar.scopes[i];
		const struct host_dma_reserved *r = &host.dmar.reserved[s->owner];
		struct pci_address at;
		int err;

		if (!s->reserved || r->segment != dom->u->segment ||
		    !vtd_scope_address(s, r->segment, &at) || (at.bus << 8 | at.devfn) != rid)
			continue;
		if (memmap_has_ram(PADDR(r->base), r->len)) {
			log_error("iommu: %02x:%02x.%x: the firmware keeps our memory at 0x%llx for it: refused",
				  at.bus, PCI_SLOT(at.devfn), PCI_FUNC(at.devfn),
				  (unsigned long long)r->base);
			return -EPERM;
		}
		err = ptab_map(&dom->pt, r->base, PADDR(r->base), r->len, PTAB_R | PTAB_W);
		if (err && err != -EEXIST)
			return err;
		if (dom->d)
			dma_reserve(dom->d, r->base, r->len);
	}
	return 0;
}

/* What stood there for the firmware alone goes. */
static void replace_firmware(struct vtd_unit *u, u16 rid)
{
	struct iommu_domain *old = NULL;

	spin_lock(&u->tables);
	for (u32 i = 1; i < VTD_DOMAINS && !old; i++) {
		struct iommu_domain *dom = u->domains[i];

		if (dom && !dom->d && dom->aliases[0] == rid)
			old = dom;
	}
	spin_unlock(&u->tables);
	if (!old)
		return;
	remove(old);
	/* One that does not answer keeps the old tables: they are not given to anyone else. */
	if (!vtd_flush_contexts(u))
		destroy(old);
}

static int attach_as(struct vtd_unit *u, u16 rid, struct dma_device *d, struct iommu_domain **out)
{
	struct iommu_domain *dom = create(u, rid);
	int err = -ENOMEM;

	if (!dom)
		return err;
	dom->d = d;
	err = map_reserved(dom, rid);
	if (!err)
		err = enter(dom);
	if (err) {
		destroy(dom);
		return err;
	}
	*out = dom;
	return 0;
}

static int attach(struct dma_device *d, struct iommu_domain **out)
{
	struct vtd_unit *u = vtd_unit_of(d->segment, d->rid);

	if (!u) {
		log_error("iommu: %s: no unit is its", d->name);
		return -ENODEV;
	}
	replace_firmware(u, d->rid);
	return attach_as(u, d->rid, d, out);
}

static void detach(struct dma_device *d, struct iommu_domain *dom)
{
	remove(dom);
	if (vtd_flush_contexts(dom->u)) {
		log_error("iommu: %s: its tables stay where they are", d->name);
		return;
	}
	destroy(dom);
}

void vtd_reserve_all(void)
{
	for (u32 i = 0; i < host.dmar.scope_count; i++) {
		const struct host_dma_scope *s = &host.dmar.scopes[i];
		struct iommu_domain *dom;
		struct pci_address at;
		struct vtd_unit *u;
		u16 segment, rid;

		if (!s->reserved)
			continue;
		segment = host.dmar.reserved[s->owner].segment;
		if (!vtd_scope_address(s, segment, &at))
			continue;
		rid = (u16)(at.bus << 8 | at.devfn);
		u = vtd_unit_of(segment, rid);
		if (u && attach_as(u, rid, NULL, &dom) && !pci_find(at))
			log_debug("iommu: nothing is at %02x:%02x.%x", at.bus, PCI_SLOT(at.devfn),
				  PCI_FUNC(at.devfn));
	}
}

/* --- maps --------------------------------------------------------------------------------------------- */

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
	if (err)
		return err;
	/* In caching mode what was not present may be cached, too; without it, writes may be on their way. */
	if (dom->u->cap & VTD_CAP_CM)
		return vtd_flush_pages(dom->u, dom->id, iova, len);
	if (dom->u->cap & VTD_CAP_RWBF)
		return vtd_command(dom->u, (u32)VTD_WBF, true);
	return 0;
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
	int err = len == EVERYTHING ? vtd_flush_domain(dom->u, dom->id) :
				      vtd_flush_pages(dom->u, dom->id, iova, len);

	if (!err || !dom->d)
		return err;
	/* Nobody knows what it can still reach: it is not to send anything. */
	iommu_silence(dom->d->segment, dom->d->rid);
	return -ETIMEDOUT;
}

static u64 limit(const struct iommu_domain *dom)
{
	u32 bits = MIN((u32)VTD_CAP_MGAW(dom->u->cap), dom->pt.fmt->levels == 4 ? 48u : 39u);

	return (1ULL << bits) - 1;
}

const struct iommu_ops vtd_ops = {
	.name = "VT-d",
	.attach = attach,
	.detach = detach,
	.map = map,
	.unmap = unmap,
	.flush = flush,
	.limit = limit,
};
