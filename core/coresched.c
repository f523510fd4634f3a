/*
 * Who has a core. Its CPUs that run something all run it for the same tag. A CPU whose next thread has another tag leaves a wish,
 * with that thread's vruntime, which means the same on all queues: whoever's threads have had more than that steps aside when its slice ends,
 * and the last one that is gone calls those who wish. So of two that share a core each has its share, but not at once.
 */
#include "core/coresched.h"

#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/lock.h"
#include "core/clock.h"
#include "core/irq.h"
#include "core/place.h"
#include "core/runq.h"
#include "core/sched_impl.h"
#include "core/thread.h"
#include "lib/atomic.h"

struct core {
	struct spinlock lock;
	const struct thread_group *tag; /* a group that is alone; NULL: all who mind nobody */
	u64 users;                      /* CPUs that run such a thread, or still leave it */
	u64 settling; /* of those the one that comes from another tag's thread, until that is left */
	u64 waiting;  /* CPUs that wish for it for another tag; also read without the lock */
};

/* By its first CPU, which is the one that was started first. */
static struct core cores[MAX_CPUS] = {
	[0 ... MAX_CPUS - 1] = { .lock = SPINLOCK_INIT(RANK_CORE, "core") },
};

/* By CPU; lock: its core's. */
static struct wish {
	const struct thread_group *tag;
	u64 vruntime;
} wishes[MAX_CPUS];

static struct forced {
	u64 since_ns; /* 0: it is not; the CPU's own */
	u64 total_ns; /* written by the CPU; atomic */
} forced[MAX_CPUS];

/* NULL: this CPU has its core for itself. */
static struct core *core_of(u32 cpu)
{
	u64 set = place_core(cpu);

	return set & ~BIT(cpu) ? &cores[__builtin_ctzll(set)] : NULL;
}

static const struct thread_group *tag_of(const struct thread *t)
{
	return t->group && t->group->alone ? t->group : NULL;
}

static void call(u64 cpus)
{
	for (; cpus; cpus &= cpus - 1)
		lapic_ipi((u32)__builtin_ctzll(cpus), IRQ_VECTOR_RESCHED);
}

/* Of those that wait, but for this CPU, those that may find the core theirs now. lock. */
static u64 called(const struct core *c, u32 cpu)
{
	u64 out = 0;

	for (u64 set = c->waiting & ~BIT(cpu); set; set &= set - 1) {
		u32 other = (u32)__builtin_ctzll(set);

		if (!(c->users & ~BIT(other)) || wishes[other].tag == c->tag)
			out |= BIT(other);
	}
	return out;
}

/* Whether another CPU of the core wishes for somebody else who has had less. lock. */
static bool outdone(const struct core *c, u32 cpu, const struct thread_group *tag, u64 vruntime)
{
	for (u64 set = c->waiting & ~BIT(cpu); set; set &= set - 1) {
		const struct wish *w = &wishes[__builtin_ctzll(set)];

		if (w->tag != tag && w->vruntime + RUNQ_WAKE_LEAD_NS < vruntime)
			return true;
	}
	return false;
}

static bool may_have(const struct core *c, u32 cpu, const struct thread *t)
{
	u64 others = c->users & ~BIT(cpu);

	return !(others && c->tag != tag_of(t)) && !(c->settling & ~BIT(cpu)) &&
	       !outdone(c, cpu, tag_of(t), t->vruntime);
}

static void take(struct core *c, u32 cpu, const struct thread *t)
{
	if (c->tag != tag_of(t))
		c->settling = BIT(cpu);
	c->tag = tag_of(t);
	c->users |= BIT(cpu);
}

/* The first that may run here, of those whom the core's others mind nothing of. lock. */
static struct thread *find(const struct core *c, u32 cpu, struct runq *rq)
{
	if (!(c->users & ~BIT(cpu)))
		return NULL;
	list_for_each(node, &rq->ready) {
		struct thread *t = list_entry(node, struct thread, rq_node);

		if (tag_of(t) == c->tag && cpuset_test(&t->cpus, cpu) && may_have(c, cpu, t))
			return t;
	}
	return NULL;
}

static void force(u32 cpu, bool on)
{
	struct forced *f = &forced[cpu];
	u64 now;

	if (on == (f->since_ns != 0))
		return;
	now = clock_ns();
	if (!on)
		atomic_store_relaxed(&f->total_ns, f->total_ns + now - f->since_ns);
	f->since_ns = on ? now : 0;
}

struct thread *core_admit(struct runq *rq, struct thread *t)
{
	u32 cpu = cpu_id();
	struct core *c = core_of(cpu);
	struct thread *next = t;
	u64 others = 0;

	if (!c)
		return t;
	spin_lock(&c->lock);
	if (may_have(c, cpu, t)) {
		atomic_store_relaxed(&c->waiting, c->waiting & ~BIT(cpu));
	} else {
		wishes[cpu] = (struct wish){ tag_of(t), t->vruntime };
		atomic_store_relaxed(&c->waiting, c->waiting | BIT(cpu));
		runq_add(rq, t);
		next = find(c, cpu, rq);
		if (next)
			runq_remove(rq, next);
		others = ((c->users | c->waiting) & ~BIT(cpu)) | balance_taker(t);
	}
	if (next)
		take(c, cpu, next);
	force(cpu, !next);
	spin_unlock(&c->lock);
	call(others);
	return next;
}

void core_give_up(void)
{
	u32 cpu = cpu_id();
	struct core *c = core_of(cpu);
	u64 others = 0;

	if (!c)
		return;
	spin_lock(&c->lock);
	/* Somebody may have stepped aside for it. */
	if (c->waiting & BIT(cpu))
		others = called(c, cpu);
	atomic_store_relaxed(&c->waiting, c->waiting & ~BIT(cpu));
	force(cpu, false);
	spin_unlock(&c->lock);
	call(others);
}

void core_switched(const struct runq *rq)
{
	u32 cpu = cpu_id();
	struct core *c = core_of(cpu);
	u64 others = 0;

	if (!c)
		return;
	spin_lock(&c->lock);
	if (rq->current == rq->idle)
		c->users &= ~BIT(cpu);
	if (rq->current == rq->idle || c->settling & BIT(cpu))
		others = called(c, cpu);
	c->settling &= ~BIT(cpu);
	spin_unlock(&c->lock);
	call(others);
}

bool core_contended(void)
{
	u32 cpu = cpu_id();
	const struct core *c = core_of(cpu);

	return c && atomic_load_relaxed(&c->waiting) & ~BIT(cpu);
}

bool core_defers(void)
{
	u32 cpu = cpu_id();
	const struct core *c = core_of(cpu);

	return c && atomic_load_relaxed(&c->waiting) & BIT(cpu);
}

bool core_turns(const struct runq *rq)
{
	u32 cpu = cpu_id();
	struct core *c = core_of(cpu);
	bool turns;

	if (!c || !atomic_load_relaxed(&c->waiting))
		return false;
	spin_lock(&c->lock);
	turns = (c->waiting & BIT(cpu) && !(c->users & ~BIT(cpu))) ||
		outdone(c, cpu, tag_of(rq->current), rq->current->vruntime);
	spin_unlock(&c->lock);
	return turns;
}

u64 core_open(const struct thread *t, u64 cpus)
{
	u64 open = 0;

	for (u64 set = cpus; set; set &= set - 1) {
		u32 cpu = (u32)__builtin_ctzll(set);
		const struct core *c = core_of(cpu);

		/* Both may change at once: who comes to a core that is not to be had waits there, or goes on. */
		if (!c || !(atomic_load_relaxed(&c->users) & ~BIT(cpu)) ||
		    atomic_load_relaxed(&c->tag) == tag_of(t))
			open |= BIT(cpu);
	}
	return open;
}

u64 core_idled_ns(u32 cpu)
{
	return atomic_load_relaxed(&forced[cpu].total_ns);
}
