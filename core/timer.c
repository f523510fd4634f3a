/*
 * One-shot timers: a sorted list per CPU, whose first entry the local APIC's timer is armed for. A
 * timer is guarded by the lock of the queue that its cpu field names, and that field changes under
 * that lock only; so whoever wants to touch a timer locks the queue and looks whether it is still
 * the right one.
 */
#include "core/timer.h"
#include "arch/cpu.h"
#include "arch/lapic.h"
#include "arch/lock.h"
#include "arch/percpu.h"
#include "core/clock.h"
#include "core/irq.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

#define NEVER    (~0ULL)
/* Callbacks in one interrupt: one that arms itself in the past each time cannot keep the CPU in it. */
#define FIRE_MAX 32

struct timer_queue {
	struct spinlock lock;  /* everything here, and the timers that name this CPU */
	struct list timers;    /* by deadline; those of one deadline in the order they were armed */
	u64 programmed_ns;     /* what the local APIC's timer is armed for; NEVER: nothing */
	struct timer *running; /* its callback is under way here; written by this CPU */
};

static PERCPU struct timer_queue timer_queue;

static struct timer_queue *queue_of(u32 cpu)
{
	return other_cpu(timer_queue, cpu);
}

static struct timer *first(const struct timer_queue *q)
{
	if (list_empty(&q->timers))
		return NULL;
	return list_entry(q->timers.next, struct timer, node);
}

/* Locks the queue that guards t; interrupts are off. */
static struct timer_queue *timer_lock(const struct timer *t)
{
	for (;;) {
		u32 cpu = atomic_load_relaxed(&t->cpu);
		struct timer_queue *q = queue_of(cpu);

		spin_lock(&q->lock);
		if (atomic_load_relaxed(&t->cpu) == cpu)
			return q;
		spin_unlock(&q->lock);
	}
}

static void remove(struct timer *t)
{
	if (t->armed)
		list_del(&t->node);
	t->armed = false;
}

static void insert(struct timer_queue *q, struct timer *t)
{
	struct list *pos = q->timers.prev;

	while (pos != &q->timers &&
	       list_entry(pos, struct timer, node)->deadline_ns > t->deadline_ns)
		pos = pos->prev;
	list_add(pos, &t->node);
	t->armed = true;
}

/* This CPU's queue, locked. An interrupt that turns out to be early does no harm. */
static void program(struct timer_queue *q)
{
	const struct timer *t = first(q);

	if (!t || t->deadline_ns >= q->programmed_ns)
		return;
	q->programmed_ns = t->deadline_ns;
	lapic_timer_arm(clock_deadline_tsc(t->deadline_ns));
}

/* Waits while t's callback runs on another CPU. On this one it is our caller, if it runs. */
static void wait_callback(const struct timer *t, u32 cpu)
{
	/* Pairs with the release in fire(): what the callback did is seen. */
	while (cpu != cpu_id() && atomic_load_acquire(&queue_of(cpu)->running) == t)
		cpu_relax();
}

/* Runs the first timer if it is due; the lock is held, but not around the callback. */
static bool fire(struct timer_queue *q)
{
	struct timer *t = first(q);
	u32 ran_on;

	if (!t || t->deadline_ns > clock_ns())
		return false;
	remove(t);
	ran_on = t->ran_on;
	t->ran_on = cpu_id();
	atomic_store_relaxed(&q->running, t);
	spin_unlock(&q->lock);
	/* It may have been armed here while an earlier round was still under way elsewhere. */
	wait_callback(t, ran_on);
	t->fn(t);
	/* Pairs with the acquire in wait_callback(). */
	atomic_store_release(&q->running, NULL);
	spin_lock(&q->lock);
	return true;
}

static void timer_interrupt(void)
{
	struct timer_queue *q = this_cpu(timer_queue);

	spin_lock(&q->lock);
	q->programmed_ns = NEVER;
	for (u32 n = 0; n < FIRE_MAX && fire(q); n++)
		;
	program(q);
	spin_unlock(&q->lock);
}

void timer_init_cpu(void)
{
	struct timer_queue *q = this_cpu(timer_queue);

	spin_init(&q->lock, RANK_TIMER, "timers");
	list_init(&q->timers);
	q->programmed_ns = NEVER;
	if (!cpu_id())
		irq_set_fixed(IRQ_VECTOR_TIMER, timer_interrupt);
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	*t = (struct timer){ .fn = fn, .cpu = cpu_id(), .ran_on = cpu_id() };
	list_init(&t->node);
}

void timer_arm(struct timer *t, u64 deadline_ns)
{
	u64 flags = irq_save();
	u32 here = cpu_id();
	struct timer_queue *q = timer_lock(t);

	/* Others may move it as well between the two locks; the last one has it. */
	while (t->cpu != here) {
		remove(t);
		atomic_store_relaxed(&t->cpu, here);
		spin_unlock(&q->lock);
		q = timer_lock(t);
	}
	remove(t);
	t->deadline_ns = deadline_ns;
	insert(q, t);
	program(q);
	spin_unlock_irq(&q->lock, flags);
}

void timer_cancel(struct timer *t)
{
	bool again;

	do {
		u64 flags = irq_save();
		struct timer_queue *q = timer_lock(t);
		u32 ran_on = t->ran_on;

		remove(t);
		again = ran_on != cpu_id() && atomic_load_relaxed(&queue_of(ran_on)->running) == t;
		spin_unlock_irq(&q->lock, flags);
		wait_callback(t, ran_on);
		/* A callback that was under way may have armed it again. */
	} while (again);
}

bool timer_armed(const struct timer *t)
{
	return READ_ONCE(t->armed);
}
