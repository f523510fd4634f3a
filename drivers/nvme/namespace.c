/*
 * Namespaces: which there are, whether we can use their format, and their block devices. The keeper looks; the
 * namespace thread adds and removes, since both wait for I/O, which the keeper must be free to recover.
 */
#include "core/clock.h"
#include "core/log.h"
#include "drivers/nvme/nvme.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mm/heap.h"

#define SHIFT_MIN    9u
#define SHIFT_MAX    PAGE_SHIFT
#define VERSION_LIST 0x00010100u /* 1.1: lists of namespaces */
#define LIST_ENTRIES (PAGE_SIZE / sizeof(u32))

int nvme_check_ns(const struct nvme_id_ns *id, struct nvme_ns_info *out)
{
	u32 format = NVME_FLBAS_INDEX(id->flbas);
	struct nvme_lbaf f;

	if (!id->nsze)
		return -ENOENT;
	if (format > id->nlbaf || format >= NVME_FORMATS_MAX)
		return -EPROTO;
	f = id->lbaf[format];
	if (f.lbads < SHIFT_MIN || f.lbads > SHIFT_MAX)
		return -ENOTSUP;
	if (f.ms || (id->dps & NVME_DPS_TYPE))
		return -ENOTSUP;
	if (id->nsze > (u64)INT64_MAX >> f.lbads)
		return -EPROTO;
	out->blocks = id->nsze;
	out->shift = f.lbads;
	memcpy(out->eui64, id->eui64, sizeof(out->eui64));
	return 0;
}

/* --- the keeper's side -------------------------------------------------------------------------------- */

static struct nvme_ns *find(struct nvme *c, u32 id)
{
	for (u32 i = 0; i < NVME_NS_MAX; i++)
		if (c->ns[i] && c->ns[i]->id == id &&
		    atomic_load_acquire(&c->ns[i]->state) != NVME_NS_NONE)
			return c->ns[i];
	return NULL;
}

static struct nvme_ns *place(struct nvme *c)
{
	for (u32 i = 0; i < NVME_NS_MAX; i++) {
		if (!c->ns[i])
			c->ns[i] = kalloc(sizeof(*c->ns[i]));
		if (!c->ns[i])
			return NULL;
		/* Pairs with nvme_serve_namespaces(), which is done with it. */
		if (atomic_load_acquire(&c->ns[i]->state) == NVME_NS_NONE)
			return c->ns[i];
	}
	return NULL;
}

static void fill_blkdev(struct nvme *c, struct nvme_ns *ns)
{
	struct blkdev *b = &ns->blk;
	u64 block = 1ull << ns->info.shift;

	memset(b, 0, sizeof(*b));
	snprintf(b->name, sizeof(b->name), "%sn%u", c->name, ns->id);
	b->ops = &nvme_blkdev_ops;
	b->size = ns->info.blocks << ns->info.shift;
	b->block_size = b->physical_block_size = (u32)block;
	b->max_len = MIN(c->info.max_len, (u32)(NVME_BLOCKS_MAX * block));
	b->max_pieces = MIN(NVME_PIECES_MAX, c->io[0].depth - 1u);
	b->piece_align = (u32)block;
	b->can_discard = c->info.discard;
	b->can_zero = c->info.zeroes;
	b->max_zero = (NVME_BLOCKS_MAX - 1) * block;
	b->max_discard = (u64)(UINT32_MAX) << ns->info.shift;
	b->volatile_cache = c->info.cache;
	b->above = c->hostdev;
	b->model = c->info.model;
	b->serial = c->info.serial;
}

static void add(struct nvme *c, u32 id, const struct nvme_ns_info *info)
{
	struct nvme_ns *ns = place(c);

	if (!ns) {
		log_error("%s: namespace %u is left out: there are %u, or memory is short", c->name,
			  id, NVME_NS_MAX);
		return;
	}
	ns->c = c;
	ns->id = id;
	ns->info = *info;
	ns->seen = true;
	fill_blkdev(c, ns);
	/* Pairs with nvme_serve_namespaces(). */
	atomic_store_release(&ns->state, NVME_NS_NEW);
}

static void leave(struct nvme_ns *ns)
{
	u32 state = NVME_NS_LIVE;

	/* One that is NEW becomes LIVE, and is looked at again. */
	if (!atomic_cas(&ns->state, &state, NVME_NS_LEAVING) && state == NVME_NS_NEW)
		atomic_store_relaxed(&ns->c->rescan_wanted, 1);
}

static int look(struct nvme *c, u32 id)
{
	struct nvme_ns *ns = find(c, id);
	struct nvme_ns_info info = { 0 };
	int err = nvme_identify(c, NVME_CNS_NS, id);

	if (err == -EIO && ns)
		ns->seen = true; /* one that is not there is in no list */
	if (err)
		return err == -EIO ? 0 : err;
	err = nvme_check_ns((const struct nvme_id_ns *)c->copy, &info);
	if (err && err != -ENOENT)
		log_warn("%s: namespace %u is left out: %s", c->name, id,
			 err == -ENOTSUP ? "its format is not supported" :
					   "what it says of itself cannot be");
	if (err)
		return 0;
	if (!ns) {
		add(c, id, &info);
		return 0;
	}
	ns->seen = !memcmp(&ns->info, &info, sizeof(info));
	if (!ns->seen) /* it comes back as another once this one has gone */
		atomic_store_relaxed(&c->rescan_wanted, 1);
	return 0;
}

/* Up to 1024 numbers, ascending; what does not ascend ends it. */
static int look_at_list(struct nvme *c)
{
	u32 ids[NVME_NS_MAX + 1], n = 0, last = 0;
	int err = nvme_identify(c, NVME_CNS_NS_LIST, 0);

	if (err)
		return err;
	for (u32 i = 0; i < LIST_ENTRIES && n < ARRAY_LEN(ids); i++) {
		u32 id;

		memcpy(&id, c->copy + i * sizeof(id), sizeof(id));
		if (id <= last || id > NVME_NSID_MAX)
			break;
		ids[n++] = last = id;
	}
	for (u32 i = 0; i < n && !err; i++)
		err = look(c, ids[i]);
	return err;
}

static int look_at_all(struct nvme *c)
{
	u32 last = MIN(c->info.namespaces, NVME_NS_MAX);
	int err = 0;

	for (u32 id = 1; id <= last && !err; id++)
		err = look(c, id);
	return err;
}

int nvme_scan(struct nvme *c)
{
	int err;

	for (u32 i = 0; i < NVME_NS_MAX; i++)
		if (c->ns[i])
			c->ns[i]->seen = false;
	err = c->info.version >= VERSION_LIST ? look_at_list(c) : look_at_all(c);
	if (err)
		return err;
	for (u32 i = 0; i < NVME_NS_MAX; i++)
		if (c->ns[i] && !c->ns[i]->seen)
			leave(c->ns[i]);
	nvme_wake_namespaces(c);
	return 0;
}

void nvme_drop_namespaces(struct nvme *c)
{
	for (u32 i = 0; i < NVME_NS_MAX; i++)
		if (c->ns[i])
			leave(c->ns[i]);
	nvme_wake_namespaces(c);
}

/* --- the namespace thread's side ------------------------------------------------------------------------ */

static void add_blkdev(struct nvme_ns *ns)
{
	int err = blkdev_add(&ns->blk);

	if (err) {
		log_error("%s: not added (error %d)", ns->blk.name, -err);
		atomic_store_release(&ns->state, NVME_NS_NONE);
		return;
	}
	log_info("%s: %llu blocks of %u bytes%s", ns->blk.name, (unsigned long long)ns->info.blocks,
		 ns->blk.block_size, ns->blk.volatile_cache ? ", with a volatile cache" : "");
	/* Pairs with leave(). */
	atomic_store_release(&ns->state, NVME_NS_LIVE);
	/* It may have died while this one was NEW, and was passed over. Pairs with nvme_die(). */
	if (atomic_load_acquire(&ns->c->state) == NVME_DEAD)
		leave(ns);
}

bool nvme_serve_namespaces(struct nvme *c)
{
	bool none = true;

	for (u32 i = 0; i < NVME_NS_MAX; i++) {
		struct nvme_ns *ns = c->ns[i];

		if (!ns)
			continue;
		/* Pairs with add() and leave(). */
		switch (atomic_load_acquire(&ns->state)) {
		case NVME_NS_NEW:
			add_blkdev(ns);
			break;
		case NVME_NS_LEAVING:
			blkdev_remove(&ns->blk);
			log_info("%s: gone", ns->blk.name);
			/* Pairs with place(). */
			atomic_store_release(&ns->state, NVME_NS_NONE);
			break;
		default:
			break;
		}
		none &= atomic_load_acquire(&ns->state) == NVME_NS_NONE;
	}
	return none;
}
