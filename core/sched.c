/*
 * The scheduler: per-CPU run queues (arithmetic in core/runq.c), switching, waking and preemption.
 * A thread runs on its home CPU only, and only that CPU switches to it, so the queue's lock need not
 * be held across the switch; threads that migrate would need a mark for "still on its old stack".
 */
#include "core/sched.h"
#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/lock.h"
#include "arch/percpu.h"
#include "arch/switch.h"
#include "core/clock.h"
#include "core/irq.h"
#include "core/log.h"
#include "core/panic.h"
#include "core/runq.h"
#include "core/stack.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "mm/aspace.h"

/* How soon preemption is tried again when the thread held a lock. */
#define PREEMPT_RETRY_NS 50000
/* Ready threads of one CPU that a dump names. */
#define DUMP_MAX         16

static PERCPU struct runq runq;
static PERCPU struct thread idle_thread;

struct thread *thread_current(void)
{
	return READ_ONCE(this_cpu(runq)->current);
}

bool thread_need_resched(void)
{
	return READ_ONCE(thread_current()->need_resched);
}

static void slice_end(struct timer *timer)
{
	struct runq *rq = container_of(timer, struct runq, slice);
	u64 flags = spin_lock_irq(&rq->lock);

	runq_charge(rq, clock_ns());
	if (rq->ready_count)
		WRITE_ONCE(rq->current->need_resched, true);
	spin_unlock_irq(&rq->lock, flags);
}

/* This CPU's queue, its lock held. */
static void slice_update(struct runq *rq)
{
	if (rq->ready_count && rq->current != rq->idle)
		timer_arm(&rq->slice, clock_ns() + RUNQ_SLICE_NS);
	else if (timer_armed(&rq->slice))
		timer_cancel(&rq->slice);
}

void sched_switched(void)
{
	struct runq *rq = this_cpu(runq);
	struct thread *t = rq->current;

	/* Pairs with thread_kick(): either it sees t running here, or t sees why it was kicked. */
	smp_mb();
	if (t->ops && t->ops->switch_in)
		t->ops->switch_in(t);
	if (rq->previous->state == THREAD_DEAD)
		thread_dead(rq->previous);
}

static void switch_to(struct runq *rq, struct thread *prev, struct thread *next)
{
	u64 cr3 = 0;

	rq->previous = prev;
	if (prev->ops && prev->ops->switch_out)
		prev->ops->switch_out(prev, next);
	stack_check(prev);
	if (prev->aspace != next->aspace)
		cr3 = aspace_enter_cr3(next->aspace);
	if (next->rsp)
		switch_stack(&prev->rsp, next->rsp, cr3);
	else
		switch_first(&prev->rsp, (u64)next->stack + next->stack_size, cr3, thread_entry);
	sched_switched();
}

/* Goes on with whom the queue says. Interrupts off, the lock held: it is released. */
static void reschedule(struct runq *rq)
{
	struct thread *prev = rq->current, *next;

	runq_charge(rq, clock_ns());
	WRITE_ONCE(prev->need_resched, false);
	if (prev != rq->idle && prev->state == THREAD_RUNNING) {
		prev->state = THREAD_READY;
		runq_add(rq, prev);
	}
	next = runq_take(rq);
	if (!next)
		next = rq->idle;
	next->state = THREAD_RUNNING;
	if (next != prev)
		next->started_ns = rq->charged_ns;
	atomic_store_relaxed(&rq->current, next);
	slice_update(rq);
	spin_unlock(&rq->lock);
	if (next != prev)
		switch_to(rq, prev, next);
}

/* This CPU's queue, locked, on the way to a switch: no other lock may be held then. */
static struct runq *switch_lock(u64 *flags)
{
	struct runq *rq = this_cpu(runq);

	ASSERT(!spin_any_held());
	*flags = spin_lock_irq(&rq->lock);
	return rq;
}

void thread_yield(void)
{
	u64 flags;
	struct runq *rq = switch_lock(&flags);

	if (!rq->current->need_resched) {
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

/* Puts t on the queue, whose lock is held. True when the queue's CPU has to look at it now. */
static bool make_ready(struct runq *rq, struct thread *t, bool fresh)
{
	runq_charge(rq, clock_ns());
	runq_place(rq, t, fresh);
	t->state = THREAD_READY;
	runq_add(rq, t);
	if (runq_preempts(rq, t)) {
		WRITE_ONCE(rq->current->need_resched, true);
		return true;
	}
	/* It ran alone so far: now its time is limited. */
	return !timer_armed(&rq->slice);
}

/* Makes cpu look at its queue. Interrupts off. */
static void poke(u32 cpu)
{
	const struct thread *t = thread_current();

	/* On this CPU the end of the interrupt, or the thread itself, sees need_resched. */
	if (cpu == cpu_id() && (irq_active() || !t->preemptible || !t->need_resched))
		return;
	lapic_ipi(cpu, IRQ_VECTOR_RESCHED);
}

static void wake(struct thread *t, bool start)
{
	struct runq *rq = other_cpu(runq, t->cpu);
	u64 flags = spin_lock_irq(&rq->lock);
	bool look = false;

	if (start ? t->state == THREAD_NEW : t->state == THREAD_BLOCKED) {
		look = make_ready(rq, t, start);
		if (look && t->cpu == cpu_id() && !rq->current->need_resched)
			slice_update(rq);
	} else if (!start && t->state != THREAD_DEAD) {
		t->wake_pending = true;
		look = t->state == THREAD_RUNNING && t->cpu != cpu_id();
	}
	spin_unlock(&rq->lock);
	if (look)
		poke(t->cpu);
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

void thread_kick(struct thread *t)
{
	u64 flags = irq_save();

	/* Pairs with sched_switched(). */
	smp_mb();
	if (t->cpu != cpu_id() && atomic_load_relaxed(&other_cpu(runq, t->cpu)->current) == t)
		lapic_ipi(t->cpu, IRQ_VECTOR_RESCHED);
	irq_restore(flags);
}

u64 thread_runtime(struct thread *t)
{
	struct runq *rq = other_cpu(runq, t->cpu);
	u64 flags = spin_lock_irq(&rq->lock), ns;

	runq_charge(rq, clock_ns());
	ns = t->runtime_ns;
	spin_unlock_irq(&rq->lock, flags);
	return ns;
}

static void resched_interrupt(void)
{
	struct runq *rq = this_cpu(runq);
	u64 flags = spin_lock_irq(&rq->lock);

	if (!rq->current->need_resched && !timer_armed(&rq->slice))
		slice_update(rq);
	spin_unlock_irq(&rq->lock, flags);
}

void sched_irq_return(void)
{
	struct runq *rq = this_cpu(runq);
	const struct thread *t = rq->current;

	if (!t || !t->preemptible || !t->need_resched)
		return;
	if (spin_any_held()) {
		timer_arm(&rq->slice, clock_ns() + PREEMPT_RETRY_NS);
		return;
	}
	spin_lock(&rq->lock);
	reschedule(rq);
}

void sched_init_cpu(void)
{
	struct runq *rq = this_cpu(runq);
	struct thread *idle = this_cpu(idle_thread);

	idle->cpu = cpu_id();
	idle->weight = THREAD_WEIGHT_DEFAULT;
	idle->state = THREAD_RUNNING;
	idle->pinned = true;
	snprintf(idle->name, sizeof(idle->name), "idle/%u", idle->cpu);
	runq_init(rq, idle, clock_ns());
	timer_init(&rq->slice, slice_end);
	if (!idle->cpu)
		irq_set_fixed(IRQ_VECTOR_RESCHED, resched_interrupt);
	/* Pairs with sched_cpu_online(): who sees it online sees the queue. */
	atomic_store_release(&rq->online, true);
}

void sched_idle(void)
{
	struct runq *rq = this_cpu(runq);

	for (;;) {
		irq_disable();
		if (READ_ONCE(rq->idle->need_resched)) {
			spin_lock(&rq->lock);
			reschedule(rq);
		} else {
			/* An interrupt cannot come between the two, so no wake is slept over. */
			__asm__ volatile("sti; hlt" ::: "memory");
		}
	}
}

bool sched_cpu_online(u32 cpu)
{
	/* Pairs with sched_init_cpu(). */
	return cpu < cpu_count() && atomic_load_acquire(&other_cpu(runq, cpu)->online);
}

void sched_thread_count(u32 cpu, s32 change)
{
	__atomic_fetch_add(&other_cpu(runq, cpu)->count, (u32)change, __ATOMIC_RELAXED);
}

u32 sched_least_loaded(void)
{
	u32 best = cpu_id(), least = ~0U;

	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		u32 count = atomic_load_relaxed(&other_cpu(runq, cpu)->count);

		if (sched_cpu_online(cpu) && count < least) {
			best = cpu;
			least = count;
		}
	}
	return best;
}

static void dump_thread(const struct thread *t, const char *what, u64 now)
{
	log_info("  %s %s: weight %u vruntime %llu ran %llu us, on CPU since %llu us%s%s", what,
		 t->name, t->weight, (unsigned long long)t->vruntime,
		 (unsigned long long)t->runtime_ns / 1000,
		 (unsigned long long)(now - t->started_ns) / 1000,
		 t->need_resched ? " need_resched" : "", t->wake_pending ? " wake_pending" : "");
}

void sched_dump(void)
{
	u64 now = clock_ns();

	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		const struct runq *rq = other_cpu(runq, cpu);
		const struct list *node = rq->ready.next;

		if (!sched_cpu_online(cpu))
			continue;
		log_info("cpu %u: %u threads, %u ready", cpu, rq->count, rq->ready_count);
		dump_thread(rq->current, "runs", now);
		for (u32 i = 0; i < DUMP_MAX && node != &rq->ready; i++, node = node->next)
			dump_thread(list_entry(node, struct thread, rq_node), "ready", now);
	}
}
