/*
 * Each CPU has one request of its own and a word of bits, one for each CPU whose request it has to
 * look at. There is no lock: the requester fills its request, sets its bit at each target, sends the
 * interrupt, and waits until all have taken themselves out of the request's set, with interrupts
 * off and answering what others ask meanwhile.
 */
#include "mm/shootdown.h"

#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/lapic.h"
#include "arch/percpu.h"
#include "lib/atomic.h"
#include "mm/context.h"
#include "mm/kmap.h"

static_assert(MAX_CPUS <= 64, "sets of CPUs are 64 bits");

/* From this many translations on, everything goes. */
#define RANGE_MAX 32

struct request {
	u64 va, len, stride; /* owner writes while waiting is 0 */
	struct aspace *as;   /* NULL: shared mappings */
	u64 waiting;         /* the CPUs that have not yet answered */
};

struct mailbox {
	struct request request;
	u64 from; /* CPUs whose request this one has to serve */
};

static PERCPU struct mailbox mailbox;
static u64 online; /* CPUs that take part */

static void flush_all(void)
{
	u64 cr4 = read_cr4();

	if (cr4 & CR4_PGE) {
		/* Changing PGE drops everything, of all PCIDs and global. */
		write_cr4(cr4 & ~CR4_PGE);
		write_cr4(cr4);
	} else {
		write_cr3(read_cr3());
	}
}

static void serve(const struct request *r)
{
	if (r->as) {
		context_flush(r->as);
		return;
	}
	/* INVLPG drops global translations whatever their PCID; without PGE, others' remain. */
	if (r->len / r->stride > RANGE_MAX || !cpu_has(CPU_PGE)) {
		flush_all();
		return;
	}
	for (u64 off = 0; off < r->len; off += r->stride)
		invlpg(r->va + off);
}

void shootdown_irq(void)
{
	struct mailbox *mine = this_cpu(mailbox);
	u64 me = BIT(cpu_id());
	/* Pairs with the requester's fetch_or: its request is then seen whole. */
	u64 from = atomic_xchg(&mine->from, 0);

	for (; from; from &= from - 1) {
		struct request *r = &other_cpu(mailbox, (u32)__builtin_ctzll(from))->request;

		serve(r);
		/* Pairs with the acquire in shoot(): the flush is done before it is seen to be. */
		atomic_fetch_and(&r->waiting, ~me);
	}
}

static void ask(u64 targets, u64 me)
{
	for (; targets; targets &= targets - 1) {
		u32 cpu = (u32)__builtin_ctzll(targets);

		/* Pairs with the exchange in shootdown_irq(). */
		atomic_fetch_or(&other_cpu(mailbox, cpu)->from, me);
		lapic_ipi(cpu, IRQ_VECTOR_SHOOTDOWN);
	}
}

/* The CPUs that as concerns (NULL: all). */
static u64 concerned(const struct aspace *as)
{
	u64 all = atomic_load_relaxed(&online), set = 0;

	for (u64 left = all; left; left &= left - 1) {
		u32 cpu = (u32)__builtin_ctzll(left);

		if (!as || context_is_in(cpu, as))
			set |= BIT(cpu);
	}
	return set;
}

static void shoot(const struct request *what)
{
	u64 flags = irq_save();
	struct request *r = &this_cpu(mailbox)->request;
	u64 me = BIT(cpu_id());
	u64 targets;

	/*
	 * The changed entries, and the generation, are seen before we look who is concerned. Pairs
	 * with the barriers in context_enter() and shootdown_join().
	 */
	smp_mb();
	targets = concerned(what->as) & ~me;
	*r = *what;
	atomic_store_relaxed(&r->waiting, targets);
	serve(r);
	ask(targets, me);
	/* Pairs with the fetch_and in shootdown_irq(). */
	while (atomic_load_acquire(&r->waiting)) {
		shootdown_irq();
		cpu_relax();
	}
	irq_restore(flags);
}

void shootdown_range(u64 va, u64 len, u64 stride)
{
	struct request r = { .va = va, .len = len, .stride = stride };

	shoot(&r);
}

void shootdown_all(u64 va, u64 len)
{
	u64 start = ALIGN_DOWN(va, PAGE_SIZE);

	shootdown_range(start, ALIGN_UP(va + len, PAGE_SIZE) - start, PAGE_SIZE);
}

void shootdown_aspace(struct aspace *as)
{
	struct request r = { .as = as };

	shoot(&r);
}

void shootdown_join(void)
{
	/* A shoot-down sees us or, pairing with the barrier in shoot(), the flush sees its entries. */
	atomic_fetch_or(&online, BIT(cpu_id()));
	flush_all();
}
