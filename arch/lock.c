/*
 * Ticket locks, and the count of locks that this CPU holds, which is also what keeps the scheduler
 * from preempting. Debug builds keep the locks themselves and check their ranks before waiting, so
 * that a wrong order is reported instead of hanging. A thread stays on its CPU while it holds a
 * lock, and interrupt handlers release what they take, so plain per-CPU accesses do.
 */
#include "arch/lock.h"
#include "arch/cpu.h"
#include "arch/percpu.h"
#include "core/panic.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

#define HELD_MAX 16

struct lock_state {
	u32 depth;
	const struct spinlock *held[HELD_MAX]; /* debug builds; NULL: being entered */
};

static PERCPU struct lock_state lock_state;

#ifdef PLINTH_DEBUG
static void held_check(const struct lock_state *s, const struct spinlock *l)
{
	if (l->rank >= RANK_RUNQ && (read_rflags() & RFLAGS_IF))
		panic("lock %s taken with interrupts on", l->name);
	for (u32 i = 0; i < s->depth; i++)
		if (s->held[i] && s->held[i]->rank >= l->rank)
			panic("lock order: %s (rank %u) taken while holding %s (rank %u)", l->name,
			      l->rank, s->held[i]->name, s->held[i]->rank);
	if (s->depth >= HELD_MAX)
		panic("lock %s: too many locks held", l->name);
}

static void held_push(struct lock_state *s, const struct spinlock *l)
{
	/* An interrupt in between uses the next slot; it finds NULL in ours. */
	s->depth++;
	barrier();
	WRITE_ONCE(s->held[s->depth - 1], l);
}

static void held_pop(struct lock_state *s, const struct spinlock *l)
{
	u32 i = s->depth;

	while (i && s->held[i - 1] != l)
		i--;
	if (!i)
		panic("lock %s released by a CPU that does not hold it", l->name);
	for (; i < s->depth; i++)
		WRITE_ONCE(s->held[i - 1], s->held[i]);
	WRITE_ONCE(s->held[s->depth - 1], NULL);
	barrier();
	s->depth--;
}
#else
static void held_check(const struct lock_state *s, const struct spinlock *l)
{
	(void)s;
	(void)l;
}

static void held_push(struct lock_state *s, const struct spinlock *l)
{
	(void)l;
	WRITE_ONCE(s->depth, s->depth + 1);
}

static void held_pop(struct lock_state *s, const struct spinlock *l)
{
	(void)l;
	WRITE_ONCE(s->depth, s->depth - 1);
}
#endif

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock){ .rank = (u8)rank, .name = name };
}

void spin_lock(struct spinlock *l)
{
	struct lock_state *s = this_cpu(lock_state);
	u32 ticket;

	held_check(s, l);
	held_push(s, l);
	barrier();
	ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
	/* Pairs with the release in spin_unlock(). */
	while (atomic_load_acquire(&l->serving) != ticket)
		cpu_relax();
}

void spin_unlock(struct spinlock *l)
{
	/* Only the holder writes serving; the release pairs with the acquire in spin_lock(). */
	atomic_store_release(&l->serving, atomic_load_relaxed(&l->serving) + 1);
	barrier();
	held_pop(this_cpu(lock_state), l);
}

u64 spin_lock_irq(struct spinlock *l)
{
	u64 flags = irq_save();

	spin_lock(l);
	return flags;
}

void spin_unlock_irq(struct spinlock *l, u64 flags)
{
	spin_unlock(l);
	irq_restore(flags);
}

bool spin_any_held(void)
{
	return READ_ONCE(this_cpu(lock_state)->depth) != 0;
}
