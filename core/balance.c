/*
 * Which CPU a thread is on. A waking thread goes to an idle CPU if its own has other work, to one near if there is one; a CPU with nothing
 * to do takes who waits elsewhere; and at the end of each slice a CPU whose threads have had more
 * than one that waits elsewhere takes that one. So all get their share of all CPUs, not just of one.
 * Nobody holds two queues' locks: on its way a thread is THREAD_MOVING, and its mover's.
 */
#include "arch/cpu.h"
#include "arch/lapic.h"
#include "core/clock.h"
#include "core/coresched.h"
#include "core/irq.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/sched_impl.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/errno.h"

static_assert(MAX_CPUS <= 64 && CPUSET_MAX == 64, "sets of CPUs are one word");

static u64 online;    /* CPUs that schedule */
static u64 idle_cpus; /* CPUs that halt and were given nothing since */
static u64 front;     /* min_vruntime of the foremost queue, about */
static bool any_soft; /* some thread has had CPUs where it runs rather; never false again */

static struct runq *queue_of(u32 cpu)
{
	return other_cpu(sched_runq, cpu);
}

/* The CPUs where t may run. */
static u64 cpus_of(const struct thread *t)
{
	return t->cpus.word[0] & balance_online();
}

/* Of those CPUs where t may run these it would rather run on; 0: it has no such wish. */
static u64 soft_of(const struct thread *t)
{
	return t->soft.word[0] ? cpus_of(t) & t->soft.word[0] : 0;
}

/* Of these CPUs the ones where t would rather run, or all if there are none. */
static u64 rather(const struct thread *t, u64 cpus)
{
	u64 soft = cpus & soft_of(t);

	return soft ? soft : cpus;
}

u64 balance_online(void)
{
	/* Pairs with balance_join(): who sees it online sees its queue. */
	return atomic_load_acquire(&online);
}

void balance_join(u32 cpu)
{
	atomic_fetch_or(&online, BIT(cpu));
}

void balance_set_idle(u32 cpu, bool idle)
{
	/*
	 * Full order: a CPU says that it is idle, then looks for threads that wait; who lets one wait
	 * looks for idle CPUs after that. What both miss is found at the end of the slice.
	 */
	if (idle)
		atomic_fetch_or(&idle_cpus, BIT(cpu));
	else if (atomic_load_relaxed(&idle_cpus) & BIT(cpu))
		atomic_fetch_and(&idle_cpus, ~BIT(cpu));
}

void balance_follow(struct runq *rq)
{
	/* A race loses a little of the front's way, which the next look makes up for. */
	u64 old = atomic_load_relaxed(&front), new = runq_follow(rq, old);

	if (new > old + RUNQ_SLICE_NS)
		atomic_store_relaxed(&front, new);
}

void sched_thread_count(u32 cpu, s32 change)
{
	__atomic_fetch_add(&queue_of(cpu)->count, (u32)change, __ATOMIC_RELAXED);
}

bool sched_cpu_online(u32 cpu)
{
	return cpu < MAX_CPUS && balance_online() & BIT(cpu);
}

u32 sched_least_loaded(const struct cpuset *cpus)
{
	u32 best = cpu_id(), least = ~0U;

	for (u64 set = cpus->word[0] & balance_online(); set; set &= set - 1) {
		u32 cpu = (u32)__builtin_ctzll(set);
		u32 count = atomic_load_relaxed(&queue_of(cpu)->count);

		if (count < least) {
			best = cpu;
			least = count;
		}
	}
	return best;
}

/* Of these CPUs, which are idle, those of which all of the core is. */
static u64 whole_cores(u64 idle)
{
	u64 all = atomic_load_relaxed(&idle_cpus), whole = 0;

	if (!place_threads)
		return idle;
	for (u64 set = idle; set; set &= set - 1) {
		u64 cpu = set & -set;

		if (!(place_core((u32)__builtin_ctzll(set)) & ~all))
			whole |= cpu;
	}
	return whole;
}

/*
 * The best for t among these CPUs, some, which are idle. First it is asked where it would rather be. Its memory is near its
 * node, and what it left in a cache near that: so first its node, then a core that is idle before a thread of one that is not,
 * then its last-level cache, then its own CPU.
 */
static u32 best_idle(const struct thread *t, u64 idle)
{
	u64 whole, node, llc;

	idle = rather(t, idle);
	node = idle & place_node(t->cpu);
	idle = node ? node : idle;
	whole = whole_cores(idle);
	idle = whole ? whole : idle;
	if (idle & BIT(t->cpu))
		return t->cpu;
	llc = idle & place_llc(t->cpu);
	return (u32)__builtin_ctzll(llc ? llc : idle);
}

/* Of these CPUs those where t could start to run at once. */
static u64 idle_of(const struct thread *t, u64 cpus)
{
	u64 idle = cpus & atomic_load_relaxed(&idle_cpus);

	return place_threads ? core_open(t, idle) : idle;
}

/* Where t waits if it must: on its own CPU if it may, and does not wish for others. */
static u32 busy_choice(const struct thread *t)
{
	struct cpuset best = { { rather(t, cpus_of(t)) } };

	return cpuset_test(&best, t->cpu) ? t->cpu : sched_least_loaded(&best);
}

u32 balance_choose(const struct thread *t)
{
	u64 idle = idle_of(t, cpus_of(t));

	return idle ? best_idle(t, idle) : busy_choice(t);
}

bool balance_strays_soft(const struct thread *t)
{
	u64 soft = soft_of(t);

	return soft && !(soft & BIT(t->cpu)) && !t->preempted && idle_of(t, soft);
}

/* Where t, on its way to its CPU's queue, is to go after all: it may have been told to be elsewhere meanwhile. */
static u32 arrival(const struct thread *t)
{
	if (!cpuset_test(&t->cpus, t->cpu) || balance_strays(t))
		return balance_choose(t);
	return t->cpu;
}

u64 balance_taker(const struct thread *t)
{
	u64 idle = core_open(t, cpus_of(t) & atomic_load_relaxed(&idle_cpus));

	return idle && runq_movable(t) ? BIT(best_idle(t, idle)) : 0;
}

void balance_depart(struct thread *t, u32 cpu)
{
	sched_thread_count(t->cpu, -1);
	sched_thread_count(cpu, 1);
	t->state = THREAD_MOVING;
	/* Last: who waits for the old queue's lock now finds it gone. Pairs with sched_lock(). */
	atomic_store_release(&t->cpu, cpu);
}

void balance_admit(struct runq *rq, struct thread *t, enum runq_reason why)
{
	u32 cpu = t->cpu;
	bool look = sched_make_ready(rq, t, why);

	if (look && cpu == cpu_id() && !rq->current->need_resched)
		sched_slice_update(rq);
	spin_unlock(&rq->lock);
	if (look)
		sched_poke(cpu);
}

void balance_arrive(struct thread *t, enum runq_reason why)
{
	struct runq *rq = sched_lock(t);

	for (u32 to = arrival(t); to != t->cpu; to = arrival(t)) {
		balance_depart(t, to);
		spin_unlock(&rq->lock);
		rq = sched_lock(t);
	}
	balance_admit(rq, t, why);
}

void balance_settle(struct runq *rq, struct thread *prev)
{
	u8 state = prev->state;
	/* A hint only: it is ready, as far as this CPU knows. */
	u64 takers = state == THREAD_READY ? cpus_of(prev) & atomic_load_relaxed(&idle_cpus) : 0;

	if (prev == rq->idle)
		return;
	/* Pairs with runq_movable(). From here on it may run elsewhere, and end. */
	atomic_store_release(&prev->on_stack, false);
	if (state == THREAD_DEAD)
		thread_dead(prev);
	else if (state == THREAD_MOVING)
		balance_arrive(prev, RUNQ_MOVED);
	else if (takers)
		sched_poke(best_idle(prev, takers));
}

bool balance_waits_elsewhere(void)
{
	for (u64 set = balance_online() & ~BIT(cpu_id()); set; set &= set - 1) {
		if (READ_ONCE(queue_of((u32)__builtin_ctzll(set))->ready_count))
			return true;
	}
	return false;
}

/* What there is to take from other CPUs. */
struct offer {
	u32 cpu;      /* from where */
	u64 vruntime; /* runq_offered(); RUNQ_NONE: nothing */
};

static struct offer best_offer(u32 here, u64 cpus)
{
	struct offer best = { 0, RUNQ_NONE };

	for (u64 set = balance_online() & cpus & ~BIT(here); set; set &= set - 1) {
		u32 cpu = (u32)__builtin_ctzll(set);
		struct runq *rq = queue_of(cpu);
		const struct thread *t;

		if (!READ_ONCE(rq->ready_count))
			continue;
		spin_lock(&rq->lock);
		t = runq_movable_to(rq, here);
		if (t && runq_offered(t, here) < best.vruntime)
			best = (struct offer){ cpu, runq_offered(t, here) };
		spin_unlock(&rq->lock);
	}
	return best;
}

/* Takes it, if it is still there: from is best_offer()'s. */
static bool take(struct offer from, u32 here)
{
	struct runq *rq = queue_of(from.cpu);
	struct thread *t;

	spin_lock(&rq->lock);
	t = runq_movable_to(rq, here);
	if (t && runq_offered(t, here) > from.vruntime)
		t = NULL;
	if (t) {
		runq_remove(rq, t);
		balance_depart(t, here);
	}
	spin_unlock(&rq->lock);
	if (t)
		balance_arrive(t, RUNQ_MOVED);
	return t;
}

/* Calls one thread that runs elsewhere and would rather be here: its CPU sends it. */
static void call_stray(u32 here)
{
	bool found = false;

	for (u64 set = balance_online() & ~BIT(here); set && !found; set &= set - 1) {
		u32 cpu = (u32)__builtin_ctzll(set);
		struct runq *rq = queue_of(cpu);
		struct thread *t;

		spin_lock(&rq->lock);
		t = rq->current;
		found = t != rq->idle && soft_of(t) & BIT(here) && balance_strays(t);
		if (found)
			WRITE_ONCE(t->need_resched, true);
		spin_unlock(&rq->lock);
		if (found)
			sched_poke(cpu);
	}
}

bool balance_pull_any(void)
{
	u32 here = cpu_id();
	u64 near = place_node(here), far = balance_online() & ~near;
	struct offer offer = best_offer(here, near);

	/* What has been waiting far away is better here than nowhere. */
	if (far && offer.vruntime == RUNQ_NONE)
		offer = best_offer(here, far);
	if (offer.vruntime != RUNQ_NONE)
		return take(offer, here);
	if (atomic_load_relaxed(&any_soft))
		call_stray(here);
	return false;
}

/* The CPUs to which threads that wait here could go. */
static u64 wanted_cpus(struct runq *rq)
{
	u64 set = 0;

	spin_lock(&rq->lock);
	list_for_each(node, &rq->ready) {
		const struct thread *t = list_entry(node, struct thread, rq_node);

		if (runq_movable(t))
			set |= cpus_of(t);
	}
	spin_unlock(&rq->lock);
	return set;
}

/* CPUs that are idle, or run a thread alone and so look at nothing, shall see what waits here. */
static void call_others(struct runq *rq, u32 here)
{
	for (u64 set = wanted_cpus(rq) & ~BIT(here); set; set &= set - 1) {
		u32 cpu = (u32)__builtin_ctzll(set);

		if (!timer_armed(&queue_of(cpu)->slice))
			lapic_ipi(cpu, IRQ_VECTOR_RESCHED);
	}
}

void balance_tick(struct runq *rq)
{
	u32 here = cpu_id();
	struct offer offer;
	u64 least;

	if (rq->current == rq->idle)
		return;
	if (rq->ready_count)
		call_others(rq, here);
	offer = best_offer(here, ~0ULL);
	if (offer.vruntime == RUNQ_NONE)
		return;
	spin_lock(&rq->lock);
	least = runq_least(rq);
	if (!timer_armed(&rq->slice) && !rq->current->need_resched)
		timer_arm(&rq->slice, clock_ns() + RUNQ_SLICE_NS);
	spin_unlock(&rq->lock);
	if (offer.vruntime + RUNQ_LEAD_NS < least)
		take(offer, here);
}

int thread_set_cpus(struct thread *t, const struct cpuset *cpus)
{
	bool move = false, look = false;
	struct runq *rq;
	u64 flags;
	u32 cpu;

	if (!(cpus->word[0] & balance_online()))
		return -EINVAL;
	flags = irq_save();
	rq = sched_lock(t);
	cpu = t->cpu;
	t->cpus = *cpus;
	if (cpuset_test(cpus, cpu)) {
		/* It stays where it is. */
	} else if (t->state == THREAD_READY && runq_movable(t)) {
		runq_remove(rq, t);
		balance_depart(t, balance_choose(t));
		move = true;
	} else if (t->state == THREAD_READY || t->state == THREAD_RUNNING) {
		/* That CPU sends it away itself: core/sched.c. */
		WRITE_ONCE(rq->current->need_resched, true);
		look = true;
	}
	spin_unlock(&rq->lock);
	if (move)
		balance_arrive(t, RUNQ_MOVED);
	if (look && t != thread_current())
		sched_poke(cpu);
	irq_restore(flags);
	if (look && t == thread_current())
		thread_yield();
	return 0;
}

void thread_set_soft(struct thread *t, const struct cpuset *cpus)
{
	u64 flags = irq_save();
	struct runq *rq = sched_lock(t);
	u32 cpu = t->cpu;
	bool look;

	t->soft = *cpus;
	if (soft_of(t))
		atomic_store_relaxed(&any_soft, true);
	look = t->state == THREAD_RUNNING && balance_strays(t);
	if (look)
		WRITE_ONCE(t->need_resched, true);
	spin_unlock(&rq->lock);
	if (look && t != thread_current())
		sched_poke(cpu);
	irq_restore(flags);
}

void thread_get_cpus(struct thread *t, struct cpuset *cpus)
{
	u64 flags = irq_save();
	struct runq *rq = sched_lock(t);

	*cpus = t->cpus;
	spin_unlock(&rq->lock);
	irq_restore(flags);
}
