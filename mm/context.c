/*
 * Each CPU's address space, and its PCIDs: PCID 0 is the hypervisor's own space, whose translations
 * are all global, and a few more go to the spaces that ran here last. A CPU remembers the generation
 * of a space at its last flush; when the space has moved on since, it flushes on entry. So a
 * shoot-down need not disturb CPUs that are elsewhere.
 */
#include "mm/context.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/paging.h"
#include "arch/percpu.h"
#include "lib/atomic.h"
#include "mm/aspace_impl.h"
#include "mm/kspace.h"

#define PCID_SLOTS 8

struct pcid_slot {
	u64 id;         /* of the space; 0: none */
	u64 generation; /* of the space when this PCID was last flushed */
};

struct context {
	struct aspace *current; /* owner CPU writes, shoot-downs read */
	u32 victim;
	struct pcid_slot slots[PCID_SLOTS]; /* PCID minus 1 */
};

static PERCPU struct context context;

static bool pcid_used; /* const after context_init() */

void context_init(void)
{
	/* INVLPG reaches other PCIDs only by global translations. */
	pcid_used = cpu_has(CPU_PCID) && cpu_has(CPU_PGE);
}

static u64 pcid_bits(struct context *c, const struct aspace *as)
{
	/* After the barrier in aspace_enter_cr3(); pairs with the raise in aspace_flush(). */
	u64 generation = atomic_load_acquire(&as->generation);
	struct pcid_slot *s;

	for (s = c->slots; s < c->slots + PCID_SLOTS; s++) {
		if (s->id == as->id) {
			u64 keep = s->generation == generation ? CR3_NOFLUSH : 0;

			s->generation = generation;
			return keep | (u64)(s - c->slots + 1);
		}
	}
	s = &c->slots[c->victim++ % PCID_SLOTS];
	*s = (struct pcid_slot){ .id = as->id, .generation = generation };
	return (u64)(s - c->slots + 1);
}

u64 aspace_enter_cr3(struct aspace *as)
{
	struct context *c = this_cpu(context);

	atomic_store_relaxed(&c->current, as);
	/* Pairs with the barrier in shoot(): it sees us here, or we see the raised generation. */
	smp_mb();
	if (!as)
		return kspace_root().v | (pcid_used ? CR3_NOFLUSH : 0);
	return as->root.v | (pcid_used ? pcid_bits(c, as) : 0);
}

void aspace_switch(struct aspace *as)
{
	write_cr3(aspace_enter_cr3(as));
}

struct aspace *aspace_current(void)
{
	return atomic_load_relaxed(&this_cpu(context)->current);
}

void context_flush(struct aspace *as)
{
	struct context *c = this_cpu(context);
	u64 cr3 = read_cr3(), pcid = cr3 & CR3_PCID;
	u64 generation = atomic_load_acquire(&as->generation); /* pairs as in pcid_bits() */

	if (c->current != as)
		return;
	write_cr3(cr3); /* without CR3_NOFLUSH: drops this PCID's translations */
	if (pcid_used)
		c->slots[pcid - 1].generation = generation;
}

bool context_is_in(u32 cpu, const struct aspace *as)
{
	/* After the caller's barrier; pairs with the store in aspace_enter_cr3(). */
	return atomic_load_relaxed(&other_cpu(context, cpu)->current) == as;
}
