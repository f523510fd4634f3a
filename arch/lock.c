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

#ifdef PLINTH_DEBUG
/* The locks themselves; NULL: being entered. */
static PERCPU const struct spinlock *lock_held[HELD_MAX];

static void held_check(const struct spinlock *l)
{
	const struct spinlock **held = *this_cpu(lock_held);

	if (l->rank >= RANK_SLEEPERS && (read_rflags() & RFLAGS_IF))
		panic("lock %s taken with interrupts on", l->name);
	for (u32 i = 0; i < percpu_locks(); i++)
		if (held[i] && held[i]->rank >= l->rank)
			panic("lock order: %s (rank %u) taken while holding %s (rank %u)", l->name,
			      l->rank, held[i]->name, held[i]->rank);
	if (percpu_locks() >= HELD_MAX)
		panic("lock %s: too many locks held", l->name);
}

static void held_push(const struct spinlock *l)
{
	/* An interrupt in between uses the next slot; it finds NULL in ours. */
	percpu_locks_add(1);
	WRITE_ONCE((*this_cpu(lock_held))[percpu_locks() - 1], l);
}

static void held_pop(const struct spinlock *l)
{
	const struct spinlock **held = *this_cpu(lock_held);
	u32 n = percpu_locks(), i = n;

	while (i && held[i - 1] != l)
		i--;
	if (!i)
		panic("lock %s released by a CPU that does not hold it", l->name);
	for (; i < n; i++)
		WRITE_ONCE(held[i - 1], held[i]);
	WRITE_ONCE(held[n - 1], NULL);
	percpu_locks_add(-1);
}
#else
static void held_check(const struct spinlock *l)
{
	(void)l;
}

static void held_push(const struct spinlock *l)
{
	(void)l;
	percpu_locks_add(1);
}

static void held_pop(const struct spinlock *l)
{
	(void)l;
	percpu_locks_add(-1);
}
#endif

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name)
{
	*l = (struct spinlock){ .rank = (u8)rank, .name = name };
}

void spin_lock(struct spinlock *l)
{
	u32 ticket;

	held_check(l);
	held_push(l);
	ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
	/* Pairs with the release in spin_unlock(). */
	while (atomic_load_acquire(&l->serving) != ticket)
		cpu_relax();
}

void spin_unlock(struct spinlock *l)
{
	/* Only the holder writes serving; the release pairs with the acquire in spin_lock(). */
	atomic_store_release(&l->serving, atomic_load_relaxed(&l->serving) + 1);
	held_pop(l);
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
	return percpu_locks() != 0;
}
