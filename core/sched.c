/*
 * The scheduler: per-CPU run queues (arithmetic in core/runq.c), switching, waking, preemption and quotas.
 * core/balance.c moves threads between CPUs. A queue's lock is not held across the switch: until
 * that is over the thread is marked as on its stack, and nobody moves it.
 */
#include "core/sched.h"
#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/lock.h"
#include "arch/percpu.h"
#include "arch/switch.h"
#include "core/clock.h"
#include "core/coresched.h"
#include "core/idle.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/runq.h"
#include "core/sched_impl.h"
#include "core/stack.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "mm/aspace.h"

/* How soon preemption is tried again when the thread held a lock. */
#define PREEMPT_RETRY_NS 50000
/* Ready threads of one CPU that a dump names. */
#define DUMP_MAX         16

PERCPU struct runq sched_runq;
static PERCPU struct thread idle_thread;

struct thread *thread_current(void)
{
	return READ_ONCE(this_cpu(sched_runq)->current);
}

bool thread_need_resched(void)
{
	return READ_ONCE(thread_current()->need_resched);
}

struct runq *sched_lock(const struct thread *t)
{
	for (;;) {
		u32 cpu = atomic_load_relaxed(&t->cpu);
		struct runq *rq = other_cpu(sched_runq, cpu);

		spin_lock(&rq->lock);
		/* It changes under that lock only. Pairs with balance_depart(). */
		if (atomic_load_acquire(&t->cpu) == cpu)
			return rq;
		spin_unlock(&rq->lock);
	}
}

static void slice_end(struct timer *timer)
{
	struct runq *rq = container_of(timer, struct runq, slice);
	u64 flags = spin_lock_irq(&rq->lock);

	runq_charge(rq, clock_ns());
	balance_follow(rq);
	if (rq->ready_count || quota_exhausted(&rq->current->quota) ||
	    (place_threads && core_contended()))
		WRITE_ONCE(rq->current->need_resched, true);
	else
		sched_slice_update(rq);
	spin_unlock(&rq->lock);
	balance_tick(rq);
	irq_restore(flags);
}

void sched_slice_update(struct runq *rq)
{
	u64 left;

	if (rq->current == rq->idle) {
		if (timer_armed(&rq->slice))
			timer_cancel(&rq->slice);
		return;
	}
	left = MIN(quota_left(&rq->current->quota), runq_left(rq));
	if (place_threads && (core_contended() || core_defers()))
		left = MIN(quota_left(&rq->current->quota), RUNQ_SLICE_NS);
	if (left != RUNQ_NONE)
		timer_arm(&rq->slice, clock_ns() + MIN(left, RUNQ_SLICE_NS));
	/* Else it may still be armed: then this CPU once looks whether others have too much to do. */
}

void sched_switched(void)
{
	struct runq *rq = this_cpu(sched_runq);
	struct thread *t = rq->current;

	/* Pairs with thread_kick(): either it sees t running here, or t sees why it was kicked. */
	smp_mb();
	balance_settle(rq, rq->previous);
	if (place_threads)
		core_switched(rq);
	if (t->ops && t->ops->switch_in)
		t->ops->switch_in(t);
}

/* Whether t, which is left, could go on on another CPU. This CPU's queue is locked. */
static bool may_leave(const struct thread *t)
{
	if (t->state == THREAD_READY)
		return t->cpus.word[0] & balance_online() & ~BIT(t->cpu);
	return t->state == THREAD_MOVING;
}

static void switch_to(struct runq *rq, struct thread *prev, struct thread *next, bool detach)
{
	u64 cr3 = 0;

	rq->previous = prev;
	if (prev->ops && prev->ops->switch_out)
		prev->ops->switch_out(prev, next);
	if (detach)
		prev->ops->detach(prev);
	stack_check(prev);
	if (prev->aspace != next->aspace)
		cr3 = aspace_enter_cr3(next->aspace);
	if (next->rsp)
		switch_stack(&prev->rsp, next->rsp, cr3);
	else
		switch_first(&prev->rsp, (u64)next->stack + next->stack_size, cr3, thread_entry);
	sched_switched();
}

/* Of those that have a share together, one more or less wants a CPU. */
static void group_count(const struct thread *t, u32 change)
{
	if (t->group)
		atomic_fetch_add(&t->group->active, change);
}

/* It has used up its quota. Its queue is locked. */
static void park(struct thread *t)
{
	t->state = THREAD_PARKED;
	timer_arm(&t->park, quota_end(&t->quota));
}

static u64 wait_of(const struct thread *t, u64 now)
{
	return t->waits_since_ns && now > t->waits_since_ns ? now - t->waits_since_ns : 0;
}

/* How long the sleep is or was that t is in, or has been woken from without having run since. */
static u64 sleep_of(const struct thread *t, u64 now)
{
	u64 end = t->waits_since_ns ? t->waits_since_ns : now;

	return t->sleeps_since_ns && end > t->sleeps_since_ns ? end - t->sleeps_since_ns : 0;
}

static void wait_ends(struct thread *t, u64 now)
{
	t->slept_ns += sleep_of(t, now);
	t->sleeps_since_ns = 0;
	t->waited_ns += wait_of(t, now);
	t->waits_since_ns = 0;
}

/* prev could go on. It does so here when its turn comes, or elsewhere, or later. */
static void put_back(struct runq *rq, struct thread *prev)
{
	prev->waits_since_ns = rq->charged_ns;
	if (quota_exhausted(&prev->quota)) {
		group_count(prev, -1u);
		park(prev);
	} else if ((!prev->preempted && !cpuset_test(&prev->cpus, prev->cpu)) ||
		   balance_strays(prev)) {
		/* When it is off its stack: balance_settle(). */
		prev->state = THREAD_MOVING;
	} else {
		prev->state = THREAD_READY;
		runq_add(rq, prev);
	}
}

/* t, just taken off this CPU's queue, may not run here. The lock is given up for a while. */
static void send_away(struct runq *rq, struct thread *t)
{
	t->state = THREAD_MOVING;
	spin_unlock(&rq->lock);
	if (t->bound)
		t->ops->detach(t);
	balance_arrive(t, RUNQ_MOVED);
	spin_lock(&rq->lock);
}

/* Whether t, ready here, runs here: one that was left amid something does even where it should not. */
static bool runs_here(const struct thread *t)
{
	return t->preempted || t->on_stack ||
	       (cpuset_test(&t->cpus, cpu_id()) && !balance_strays(t));
}

/* Who has this CPU next. The lock may be given up for a while. */
static struct thread *take_next(struct runq *rq)
{
	bool more = true;
	struct thread *t;

	for (;;) {
		t = runq_take(rq);
		if (t && runs_here(t)) {
			balance_set_idle(cpu_id(), false);
			if (place_threads)
				t = core_admit(rq, t);
			return t ? t : rq->idle;
		}
		if (t) {
			send_away(rq, t);
			continue;
		}
		if (!more) {
			if (place_threads)
				core_give_up();
			return rq->idle;
		}
		balance_set_idle(cpu_id(), true);
		spin_unlock(&rq->lock);
		more = balance_pull_any();
		spin_lock(&rq->lock);
	}
}

/* The heir of a slice goes on till its end, or that of its quota, and so do who may follow it. */
static void inherit(struct runq *rq)
{
	u64 left = quota_left(&rq->current->quota);

	if (!timer_armed(&rq->slice))
		sched_slice_update(rq);
	else if (left < RUNQ_SLICE_NS)
		timer_arm(&rq->slice, MIN(rq->slice.deadline_ns, clock_ns() + left));
}

/* Goes on with whom the queue says. Interrupts off, the lock held: it is released. */
static void reschedule(struct runq *rq)
{
	struct thread *prev = rq->current, *next, *heir = rq->heir;
	bool detach;

	runq_charge(rq, clock_ns());
	balance_follow(rq);
	if (prev->state != THREAD_RUNNING) {
		prev->sleeps_since_ns = rq->charged_ns;
		group_count(prev, -1u);
	} else if (prev != rq->idle) {
		put_back(rq, prev);
	}
	next = take_next(rq);
	if (prev != rq->idle)
		WRITE_ONCE(prev->need_resched,
			   next == prev && !cpuset_test(&next->cpus, next->cpu));
	next->state = THREAD_RUNNING;
	next->on_stack = true;
	if (next != prev)
		next->started_ns = rq->charged_ns;
	wait_ends(next, rq->charged_ns);
	atomic_store_relaxed(&rq->current, next);
	if (next == heir)
		inherit(rq);
	else
		sched_slice_update(rq);
	detach = prev->bound && may_leave(prev);
	spin_unlock(&rq->lock);
	if (next != prev)
		switch_to(rq, prev, next, detach);
}

/* This CPU's queue, locked, on the way to a switch: no other lock may be held then. */
static struct runq *switch_lock(u64 *flags)
{
	struct runq *rq = this_cpu(sched_runq);

	ASSERT(!spin_any_held());
	*flags = spin_lock_irq(&rq->lock);
	return rq;
}

void thread_yield(void)
{
	u64 flags;
	struct runq *rq = switch_lock(&flags);

	if (!rq->current->need_resched && !rq->heir) {
		runq_charge(rq, clock_ns());
		runq_pass(rq);
	}
	reschedule(rq);
	irq_restore(flags);
}

void thread_block(void)
{
	u64 flags;
	struct runq *rq = switch_lock(&flags);
	struct thread *t = rq->current;

	ASSERT(t != rq->idle);
	if (t->wake_pending) {
		t->wake_pending = false;
		spin_unlock(&rq->lock);
	} else {
		t->state = THREAD_BLOCKED;
		reschedule(rq);
	}
	irq_restore(flags);
}

void thread_block_until(u64 deadline_ns)
{
	struct thread *t = thread_current();

	timer_arm(&t->sleep, deadline_ns);
	thread_block();
	timer_cancel(&t->sleep);
}

void sched_exit(void)
{
	u64 flags;
	struct runq *rq = switch_lock(&flags);

	rq->current->state = THREAD_DEAD;
	sched_thread_count(cpu_id(), -1);
	reschedule(rq);
	panic("a dead thread runs");
}

bool sched_make_ready(struct runq *rq, struct thread *t, enum runq_reason why)
{
	u64 left;

	runq_charge(rq, clock_ns());
	balance_follow(rq);
	runq_place(rq, t, why);
	if (!t->waits_since_ns)
		t->waits_since_ns = rq->charged_ns;
	t->state = THREAD_READY;
	runq_add(rq, t);
	if (rq->current == rq->idle)
		balance_set_idle(t->cpu, false);
	left = runq_left(rq);
	if (!left) {
		WRITE_ONCE(rq->current->need_resched, true);
		return true;
	}
	/* Its time is limited now, or more than it was. */
	return left < RUNQ_SLICE_NS || !timer_armed(&rq->slice);
}

/*
 * A CPU that waits for its idle thread's need_resched is woken by that. Whoever is seen here was current when the
 * caller, with that queue locked, changed it: if it was the idle thread, what the CPU does next is to look there.
 */
static bool poke_by_store(u32 cpu)
{
	struct runq *rq = other_cpu(sched_runq, cpu);

	if (!idle_watches() || cpu == cpu_id() || atomic_load_relaxed(&rq->current) != rq->idle)
		return false;
	WRITE_ONCE(rq->idle->need_resched, true);
	return true;
}

void sched_poke(u32 cpu)
{
	const struct thread *t = thread_current();

	/* On this CPU the end of the interrupt, or the thread itself, sees need_resched. */
	if (cpu == cpu_id() && (irq_active() || !t->preemptible || !t->need_resched))
		return;
	if (!poke_by_store(cpu))
		lapic_ipi(cpu, IRQ_VECTOR_RESCHED);
}

/* t is not ready and shall be. Its queue is locked; the lock is released. Interrupts off. */
static void make_ready(struct runq *rq, struct thread *t, enum runq_reason why)
{
	u32 cpu = t->cpu, target = runq_movable(t) ? balance_choose(t) : cpu;

	if (quota_limited(&t->quota)) {
		quota_charge(&t->quota, 0, clock_ns());
		if (quota_exhausted(&t->quota)) {
			if (!t->waits_since_ns)
				t->waits_since_ns = clock_ns();
			park(t);
			spin_unlock(&rq->lock);
			return;
		}
	}
	group_count(t, 1);
	if (target != cpu) {
		balance_depart(t, target);
		spin_unlock(&rq->lock);
		balance_arrive(t, why);
		return;
	}
	balance_admit(rq, t, why);
}

static void wake(struct thread *t, bool start)
{
	u64 flags = irq_save();
	struct runq *rq = sched_lock(t);
	u32 cpu = t->cpu;
	bool look = false;

	if (start ? t->state == THREAD_NEW : t->state == THREAD_BLOCKED) {
		make_ready(rq, t, start ? RUNQ_NEW : RUNQ_WAKE);
	} else {
		if (!start && t->state != THREAD_DEAD) {
			t->wake_pending = true;
			look = t->state == THREAD_RUNNING && cpu != cpu_id();
		}
		spin_unlock(&rq->lock);
	}
	if (look)
		sched_poke(cpu);
	irq_restore(flags);
}

void sched_unpark(struct thread *t)
{
	u64 flags = irq_save();
	struct runq *rq = sched_lock(t);

	if (t->state == THREAD_PARKED)
		make_ready(rq, t, RUNQ_WAKE);
	else
		spin_unlock(&rq->lock);
	irq_restore(flags);
}

void thread_wake(struct thread *t)
{
	wake(t, false);
}

void thread_start(struct thread *t)
{
	wake(t, true);
}

bool thread_kick(struct thread *t)
{
	u64 flags = irq_save();
	bool there;
	u32 cpu;

	/*
	 * Pairs with sched_switched(): if t looked at what it was kicked for before the caller's store, it had been
	 * moved to its CPU, and made current there, before that.
	 */
	smp_mb();
	cpu = atomic_load_relaxed(&t->cpu);
	there = cpu != cpu_id() && atomic_load_relaxed(&other_cpu(sched_runq, cpu)->current) == t;
	if (there)
		lapic_ipi(cpu, IRQ_VECTOR_RESCHED);
	irq_restore(flags);
	return there;
}

u64 thread_runtime(struct thread *t)
{
	u64 flags = irq_save(), ns;
	struct runq *rq = sched_lock(t);

	runq_charge(rq, clock_ns());
	ns = t->runtime_ns;
	spin_unlock_irq(&rq->lock, flags);
	return ns;
}

void thread_times(struct thread *t, struct thread_times *out)
{
	u64 flags = irq_save(), now;
	struct runq *rq = sched_lock(t);

	now = clock_ns();
	runq_charge(rq, now);
	*out = (struct thread_times){
		.run = t->runtime_ns,
		.waited = t->waited_ns + wait_of(t, now),
		.slept = t->slept_ns + sleep_of(t, now),
	};
	spin_unlock_irq(&rq->lock, flags);
}

void thread_set_weight(struct thread *t, u32 weight)
{
	u64 flags = irq_save();
	struct runq *rq = sched_lock(t);

	/* What it ran so far, it ran with the old one. */
	runq_charge(rq, clock_ns());
	t->weight = weight ? weight : THREAD_WEIGHT_DEFAULT;
	spin_unlock_irq(&rq->lock, flags);
}

void thread_set_quota(struct thread *t, u64 quota_ns, u64 period_ns)
{
	u64 flags = irq_save();
	struct runq *rq = sched_lock(t);
	u32 cpu = t->cpu;
	u8 state = t->state;

	runq_charge(rq, clock_ns());
	quota_set(&t->quota, quota_ns, period_ns, clock_ns());
	/* Where it runs, its slice is to end in time. */
	if (state == THREAD_RUNNING)
		WRITE_ONCE(t->need_resched, true);
	spin_unlock(&rq->lock);
	if (state == THREAD_RUNNING)
		sched_poke(cpu);
	else if (state == THREAD_PARKED)
		sched_unpark(t);
	irq_restore(flags);
}

/* Asked to look: at a thread that came, or at those that wait on the CPU that asks. */
static void resched_interrupt(void)
{
	struct runq *rq = this_cpu(sched_runq);
	u64 flags = spin_lock_irq(&rq->lock);

	if (rq->current == rq->idle || rq->polls) {
		WRITE_ONCE(rq->current->need_resched, true);
	} else if (!rq->current->need_resched) {
		if (!timer_armed(&rq->slice))
			timer_arm(&rq->slice, clock_ns() + RUNQ_SLICE_NS);
		if (place_threads)
			runq_charge(rq, clock_ns());
		if (place_threads && core_turns(rq))
			WRITE_ONCE(rq->current->need_resched, true);
		else if (runq_left(rq) < RUNQ_SLICE_NS)
			sched_slice_update(rq);
	}
	spin_unlock_irq(&rq->lock, flags);
}

void sched_irq_return(void)
{
	struct runq *rq = this_cpu(sched_runq);
	struct thread *t = rq->current;

	if (!t || !t->preemptible || !t->need_resched)
		return;
	if (spin_any_held()) {
		timer_arm(&rq->slice, clock_ns() + PREEMPT_RETRY_NS);
		return;
	}
	/* It may be anywhere, with this CPU's number or data in its hands: it goes on here. */
	spin_lock(&rq->lock);
	t->preempted = true;
	reschedule(rq);
	t->preempted = false;
}

void sched_init_cpu(void)
{
	struct runq *rq = this_cpu(sched_runq);
	struct thread *idle = this_cpu(idle_thread);

	idle->cpu = cpu_id();
	idle->weight = THREAD_WEIGHT_DEFAULT;
	idle->state = THREAD_RUNNING;
	cpuset_set(&idle->cpus, idle->cpu);
	snprintf(idle->name, sizeof(idle->name), "idle/%u", idle->cpu);
	runq_init(rq, idle, clock_ns());
	timer_init(&rq->slice, slice_end);
	if (!idle->cpu)
		irq_set_fixed(IRQ_VECTOR_RESCHED, resched_interrupt);
	balance_join(idle->cpu);
}

void sched_idle(void)
{
	struct runq *rq = this_cpu(sched_runq);

	WRITE_ONCE(rq->idle->need_resched, true);
	for (;;) {
		irq_disable();
		if (READ_ONCE(rq->idle->need_resched)) {
			spin_lock(&rq->lock);
			/* Before it is looked for something to do: a poke from here on is another one. */
			WRITE_ONCE(rq->idle->need_resched, false);
			reschedule(rq);
		} else {
			idle_wait(&rq->idle->need_resched);
		}
	}
}

static void dump_thread(const struct thread *t, const char *what, u64 now)
{
	log_info("  %s %s: weight %u vruntime %llu ran %llu us, on CPU since %llu us, may be on %llx%s%s%s%s",
		 what, t->name, t->weight, (unsigned long long)t->vruntime,
		 (unsigned long long)t->runtime_ns / 1000,
		 (unsigned long long)(now - t->started_ns) / 1000,
		 (unsigned long long)t->cpus.word[0], t->need_resched ? " need_resched" : "",
		 t->wake_pending ? " wake_pending" : "", t->bound ? " bound" : "",
		 t->preempted ? " preempted" : "");
}

void sched_dump(void)
{
	u64 now = clock_ns();

	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		const struct runq *rq = other_cpu(sched_runq, cpu);
		const struct list *node = rq->ready.next;

		if (!sched_cpu_online(cpu))
			continue;
		log_info("cpu %u: %u threads, %u ready", cpu, rq->count, rq->ready_count);
		dump_thread(rq->current, "runs", now);
		for (u32 i = 0; i < DUMP_MAX && node != &rq->ready; i++, node = node->next)
			dump_thread(list_entry(node, struct thread, rq_node), "ready", now);
	}
}
