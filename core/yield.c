/*
 * Directed yields: a thread gives its place to another of its group that is ready and waits. Two vruntimes change
 * hands and none becomes less than it was together, so that no yields, however many, give a group more than its share.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/sched_impl.h"
#include "core/thread.h"

/* Whether self may give t its place: both count alike. Its queue is locked. */
static bool may_follow(const struct thread *self, const struct thread *t)
{
	return t != self && t->state == THREAD_READY && t->group && t->group == self->group &&
	       t->weight == self->weight;
}

/* Takes t, which waits on another CPU's queue rq, here; no lock is held then. False: it stays. */
static bool fetch(struct runq *rq, struct thread *t)
{
	u32 here = cpu_id();

	if (rq->current == rq->idle || !runq_movable(t) || !cpuset_test(&t->cpus, here)) {
		spin_unlock(&rq->lock);
		return false;
	}
	runq_remove(rq, t);
	balance_depart(t, here);
	spin_unlock(&rq->lock);
	balance_arrive(t, RUNQ_MOVED);
	return true;
}

/* What it had elsewhere counts here, too, all of it. Its queue is locked, and it is ready there. */
static void keep_vruntime(struct runq *rq, struct thread *t, u64 had)
{
	if (t->vruntime >= had)
		return;
	runq_remove(rq, t);
	t->vruntime = had;
	runq_add(rq, t);
}

bool thread_yield_to(struct thread *t)
{
	const struct thread *self = thread_current();
	struct runq *rq;
	u64 flags, had;
	bool there;

	/* A hint, before a queue is locked: most are not ready. */
	if (READ_ONCE(t->state) != THREAD_READY)
		return false;
	flags = irq_save();
	rq = sched_lock(t);
	there = may_follow(self, t);
	had = t->vruntime;
	if (there && t->cpu != cpu_id()) {
		there = fetch(rq, t);
		rq = there ? sched_lock(t) : NULL;
		there = there && may_follow(self, t);
		if (there)
			keep_vruntime(rq, t, had);
	}
	if (there && t->cpu == cpu_id()) {
		runq_charge(rq, clock_ns());
		runq_hand(rq, t);
	}
	if (rq)
		spin_unlock(&rq->lock);
	irq_restore(flags);
	if (there)
		thread_yield();
	return there;
}
