/*
 * Threads' beginning and end: creation, the first code on a new stack, the reaper that frees what
 * dead threads leave (nobody can free the stack it runs on), and joining.
 */
#include "core/thread.h"
#include "arch/cpu.h"
#include "arch/lock.h"
#include "core/panic.h"
#include "core/sched.h"
#include "core/stack.h"
#include "lib/fmt.h"
#include "mm/aspace.h"
#include "mm/heap.h"

static struct spinlock dead_lock = SPINLOCK_INIT(RANK_THREAD, "dead threads");
static struct list dead = LIST_INIT(dead); /* by rq_node; lock: dead_lock */
static struct thread *reaper_thread;       /* const after thread_init() */

static void sleep_over(struct timer *timer)
{
	thread_wake(container_of(timer, struct thread, sleep));
}

static void quota_over(struct timer *timer)
{
	sched_unpark(container_of(timer, struct thread, park));
}

struct thread *thread_create(const struct thread_spec *spec)
{
	struct thread *t = kalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->stack_size = THREAD_STACK_SIZE;
	t->stack = aspace_stack_alloc(spec->aspace, t->stack_size);
	if (!t->stack) {
		kfree(t);
		return NULL;
	}
	snprintf(t->name, sizeof(t->name), "%s", spec->name);
	t->aspace = spec->aspace;
	t->ops = spec->ops;
	t->data = spec->data;
	t->fn = spec->fn;
	t->arg = spec->arg;
	t->group = spec->group;
	t->weight = spec->weight ? spec->weight : THREAD_WEIGHT_DEFAULT;
	t->preemptible = spec->preemptible;
	t->detached = spec->detached;
	t->state = THREAD_NEW;
	list_init(&t->rq_node);
	timer_init(&t->sleep, sleep_over);
	timer_init(&t->park, quota_over);
	if (spec->cpu >= 0)
		cpuset_set(&t->cpus, (u32)spec->cpu);
	else
		cpuset_fill(&t->cpus);
	t->cpu = sched_least_loaded(&t->cpus);
	ASSERT(cpuset_test(&t->cpus, t->cpu) && sched_cpu_online(t->cpu));
	sched_thread_count(t->cpu, 1);
	return t;
}

void thread_entry(void)
{
	struct thread *t = thread_current();

	stack_mark(t);
	sched_switched();
	irq_enable();
	t->fn(t->arg);
	thread_exit();
}

void thread_exit(void)
{
	sched_exit();
}

void thread_dead(struct thread *t)
{
	u64 flags = spin_lock_irq(&dead_lock);

	list_add_tail(&dead, &t->rq_node);
	spin_unlock_irq(&dead_lock, flags);
	thread_wake(reaper_thread);
}

static struct thread *dead_take(void)
{
	struct thread *t = NULL;
	u64 flags = spin_lock_irq(&dead_lock);

	if (!list_empty(&dead)) {
		t = list_entry(dead.next, struct thread, rq_node);
		list_del(&t->rq_node);
	}
	spin_unlock_irq(&dead_lock, flags);
	return t;
}

static void reap(struct thread *t)
{
	struct thread *joiner;
	u64 flags;

	/* It is not armed any more, but the callback may not have come to its end. */
	timer_cancel(&t->park);
	aspace_stack_free(t->aspace, t->stack, t->stack_size);
	if (t->detached) {
		kfree(t);
		return;
	}
	flags = spin_lock_irq(&dead_lock);
	joiner = t->joiner;
	t->reaped = true;
	spin_unlock_irq(&dead_lock, flags);
	/* t may be gone now. The joiner's own struct is not: only this thread lets it go. */
	if (joiner)
		thread_wake(joiner);
}

static void reaper(void *arg)
{
	(void)arg;
	for (;;) {
		struct thread *t = dead_take();

		if (t)
			reap(t);
		else
			thread_block();
	}
}

static bool joined(struct thread *t)
{
	u64 flags = spin_lock_irq(&dead_lock);
	bool reaped = t->reaped;

	t->joiner = thread_current();
	spin_unlock_irq(&dead_lock, flags);
	return reaped;
}

void thread_join(struct thread *t)
{
	ASSERT(!t->detached && t != thread_current());
	if (t->state == THREAD_NEW) {
		aspace_stack_free(t->aspace, t->stack, t->stack_size);
		sched_thread_count(t->cpu, -1);
		t->reaped = true;
	}
	while (!joined(t))
		thread_block();
	kfree(t);
}

void thread_init(void)
{
	static const struct thread_spec spec = {
		.name = "reaper", .fn = reaper, .cpu = -1, .detached = true
	};

	reaper_thread = thread_create(&spec);
	if (!reaper_thread)
		panic("no memory for the reaper thread");
	thread_start(reaper_thread);
}
