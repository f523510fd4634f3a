/*
 * Owners of physical memory. A granule is free for one owner at a time: it is claimed and released
 * under the lock, and filled with zeroes between, when it belongs to nobody else and is mapped
 * nowhere but in the window that zeroes it. The hypervisor takes the lowest free granules and VMs
 * the highest, so that low memory lasts for devices.
 */
#include "mm/granule.h"

#include "arch/lock.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "mm/direct.h"
#include "mm/fault.h"

static struct granule *table; /* lock, but for the aux of the hypervisor's: page.c's lock */
static u64 count;             /* const after granule_init() */
static u64 retired;           /* bytes; lock */
static struct spinlock lock = SPINLOCK_INIT(RANK_PAGE, "granules");

u64 granule_table_size(u64 end)
{
	return ALIGN_UP(end, GRANULE_SIZE) / GRANULE_SIZE * sizeof(*table);
}

void granule_init(struct granule *t, u64 end)
{
	table = t;
	count = ALIGN_UP(end, GRANULE_SIZE) / GRANULE_SIZE;
	for (u64 i = 0; i < count; i++)
		table[i].owner = OWNER_RESERVED;
}

u64 granule_end(void)
{
	return count * GRANULE_SIZE;
}

static struct granule *entry(paddr_t pa)
{
	ASSERT(pa.v / GRANULE_SIZE < count);
	return &table[pa.v / GRANULE_SIZE];
}

void granule_set_owner(paddr_t pa, owner_t owner)
{
	*entry(pa) = (struct granule){
		.owner = owner,
		.aux = owner == OWNER_FREE ? GRANULE_DIRTY : 0,
	};
}

owner_t granule_owner(paddr_t pa)
{
	u64 i = pa.v / GRANULE_SIZE;

	/* A single read: the answer may be old when the caller looks at it, never torn. */
	return i < count ? READ_ONCE(table[i].owner) : OWNER_RESERVED;
}

u16 *granule_aux(paddr_t pa)
{
	struct granule *g = entry(pa);

	ASSERT(g->owner == OWNER_HV);
	return &g->aux;
}

static bool run_free(u64 first, u64 n)
{
	for (u64 i = 0; i < n; i++)
		if (table[first + i].owner != OWNER_FREE)
			return false;
	return true;
}

/* The index of n free granules, or count. lock. */
static u64 find_lowest(u64 n)
{
	for (u64 i = 0; n <= count && i <= count - n; i++)
		if (run_free(i, n))
			return i;
	return count;
}

/* Of granules from first to before last; the same. lock. */
static u64 find_highest(u64 n, u64 align, u64 first, u64 last)
{
	last = MIN(last, count);
	if (last < n)
		return count;
	for (u64 i = ALIGN_DOWN(last - n, align) + align; i >= align && i - align >= first;
	     i -= align)
		if (run_free(i - align, n))
			return i - align;
	return count;
}

static void set_run(u64 first, u64 n, owner_t owner)
{
	for (u64 i = first; i < first + n; i++)
		table[i].owner = owner;
}

/* What was there before Plinth goes. */
static void clean(u64 i)
{
	granule_zero(PADDR(i * GRANULE_SIZE));
	spin_lock(&lock);
	if (table[i].aux == GRANULE_DIRTY)
		table[i].aux = 0;
	spin_unlock(&lock);
}

int granule_alloc(owner_t owner, u64 n, u64 align, paddr_t *out)
{
	return granule_alloc_within(owner, n, align, 0, granule_end(), out);
}

u64 granule_free_within(u64 start, u64 end)
{
	u64 first = start / GRANULE_SIZE + !!(start % GRANULE_SIZE), bytes = 0;

	spin_lock(&lock);
	for (u64 i = first; i < MIN(end / GRANULE_SIZE, count); i++)
		bytes += table[i].owner == OWNER_FREE ? GRANULE_SIZE : 0;
	spin_unlock(&lock);
	return bytes;
}

int granule_alloc_within(owner_t owner, u64 n, u64 align, u64 start, u64 end, paddr_t *out)
{
	u64 from = start / GRANULE_SIZE + !!(start % GRANULE_SIZE);
	u64 first;

	if (owner < OWNER_VM || !n || !align || (align & (align - 1)))
		return -EINVAL;
	if (fault_hits())
		return -ENOMEM;
	spin_lock(&lock);
	first = find_highest(n, align, from, end / GRANULE_SIZE);
	if (first != count)
		set_run(first, n, owner);
	spin_unlock(&lock);
	if (first == count)
		return -ENOMEM;
	for (u64 i = first; i < first + n; i++)
		if (READ_ONCE(table[i].aux) == GRANULE_DIRTY)
			clean(i);
	*out = PADDR(first * GRANULE_SIZE);
	return 0;
}

static void release(u64 i, owner_t owner)
{
	bool vm = owner >= OWNER_VM;

	/* What has failed is not touched any more. */
	if (!vm || READ_ONCE(table[i].aux) != GRANULE_FAILED)
		granule_zero(PADDR(i * GRANULE_SIZE));
	spin_lock(&lock);
	ASSERT(table[i].owner == owner);
	table[i] = (struct granule){
		.owner = vm && table[i].aux == GRANULE_FAILED ? OWNER_RESERVED : OWNER_FREE,
	};
	spin_unlock(&lock);
}

owner_t granule_retire(paddr_t pa)
{
	u64 i = pa.v / GRANULE_SIZE;
	owner_t owner = OWNER_RESERVED;

	if (i >= count)
		return owner;
	spin_lock(&lock);
	owner = table[i].owner;
	if (owner == OWNER_FREE)
		table[i] = (struct granule){ .owner = OWNER_RESERVED };
	else if (owner >= OWNER_VM && table[i].aux != GRANULE_FAILED)
		table[i].aux = GRANULE_FAILED;
	else
		i = count;
	retired += i == count ? 0 : GRANULE_SIZE;
	spin_unlock(&lock);
	return owner;
}

u64 granule_retired(void)
{
	return READ_ONCE(retired);
}

void granule_free(paddr_t pa, u64 n)
{
	owner_t owner = granule_owner(pa);
	u64 first = pa.v / GRANULE_SIZE;

	ASSERT(!(pa.v & (GRANULE_SIZE - 1)) && n && n <= count && first <= count - n);
	for (u64 i = first; i < first + n; i++) {
		ASSERT(owner >= OWNER_VM && table[i].owner == owner);
		release(i, owner);
	}
}

int granule_take(paddr_t *out)
{
	bool dirty = false;
	u64 i;

	spin_lock(&lock);
	i = find_lowest(1);
	if (i != count) {
		dirty = table[i].aux == GRANULE_DIRTY;
		table[i] = (struct granule){ .owner = OWNER_HV };
	}
	spin_unlock(&lock);
	if (i == count)
		return -ENOMEM;
	*out = PADDR(i * GRANULE_SIZE);
	if (dirty)
		granule_zero(*out);
	direct_map(*out);
	return 0;
}

void granule_drop(paddr_t pa)
{
	ASSERT(!(pa.v & (GRANULE_SIZE - 1)) && granule_owner(pa) == OWNER_HV);
	direct_unmap(pa);
	release(pa.v / GRANULE_SIZE, OWNER_HV);
}

void granule_stats(u64 *free, u64 *hv, u64 *vm)
{
	*free = *hv = *vm = 0;
	spin_lock(&lock);
	for (u64 i = 0; i < count; i++) {
		owner_t owner = table[i].owner;

		*free += owner == OWNER_FREE ? GRANULE_SIZE : 0;
		*hv += owner == OWNER_HV ? GRANULE_SIZE : 0;
		*vm += owner >= OWNER_VM ? GRANULE_SIZE : 0;
	}
	spin_unlock(&lock);
}
