/*
 * The run queue's arithmetic; see core/runq.h.
 */
#include "core/runq.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

/* Where min_vruntime starts, so that taking a credit from it never goes below 0. */
#define VRUNTIME_START RUNQ_DEBT_MAX_NS
/* More than this counts as this much, so that weighting it cannot overflow. */
#define CHARGE_MAX_NS  (1ULL << 40)

static u64 weighted(u64 ns, const struct thread *t)
{
	return ns * THREAD_WEIGHT_DEFAULT / t->weight;
}

/* It ran so long, and with it the group in which it is one of those that want a CPU. */
static void charge(struct thread *t, u64 ns)
{
	u64 own = weighted(ns, t), active = 1;

	if (t->group) {
		atomic_fetch_add(&t->group->vruntime, own);
		active = atomic_load_relaxed(&t->group->active);
	}
	t->vruntime += own * MAX(active, 1);
}

/*
 * A thread that comes has had what its group had, else those that sleep in turn would have more together than
 * one has. The group is not further ahead than such a thread may be: least.
 */
static u64 with_group(struct thread_group *group, u64 least)
{
	u64 had;

	if (!group)
		return least;
	had = atomic_load_relaxed(&group->vruntime);
	while (had < least && !atomic_cas(&group->vruntime, &had, least))
		;
	return MAX(had, least);
}

static struct thread *first(const struct runq *rq)
{
	if (list_empty(&rq->ready))
		return NULL;
	return list_entry(rq->ready.next, struct thread, rq_node);
}

u64 runq_least(const struct runq *rq)
{
	const struct thread *t = first(rq), *cur = rq->current;
	u64 least = t ? t->vruntime : RUNQ_NONE;

	if (cur && cur != rq->idle && cur->state == THREAD_RUNNING)
		least = MIN(least, cur->vruntime);
	return least;
}

static void advance_min(struct runq *rq)
{
	u64 least = runq_least(rq);

	if (least != RUNQ_NONE)
		rq->min_vruntime = MAX(rq->min_vruntime, least);
}

void runq_init(struct runq *rq, struct thread *idle, u64 now)
{
	spin_init(&rq->lock, RANK_RUNQ, "runq");
	list_init(&rq->ready);
	rq->ready_count = 0;
	rq->min_vruntime = VRUNTIME_START;
	rq->charged_ns = now;
	rq->current = idle;
	rq->idle = idle;
	rq->previous = NULL;
	rq->heir = NULL;
}

void runq_charge(struct runq *rq, u64 now)
{
	struct thread *t = rq->current;
	u64 ns = now > rq->charged_ns ? now - rq->charged_ns : 0;

	rq->charged_ns += ns;
	t->runtime_ns += ns;
	if (t != rq->idle) {
		quota_charge(&t->quota, ns, now);
		charge(t, MIN(ns, CHARGE_MAX_NS));
	} else if (!rq->ready_count) {
		return;
	}
	/* Of an idle CPU, too: it may have to idle while threads wait (core/coresched.h). */
	advance_min(rq);
}

void runq_add(struct runq *rq, struct thread *t)
{
	struct list *pos = rq->ready.prev;

	t->vruntime = MIN(t->vruntime, rq->min_vruntime + weighted(RUNQ_DEBT_MAX_NS, t));
	while (pos != &rq->ready && list_entry(pos, struct thread, rq_node)->vruntime > t->vruntime)
		pos = pos->prev;
	list_add(pos, &t->rq_node);
	rq->ready_count++;
}

void runq_remove(struct runq *rq, struct thread *t)
{
	list_del(&t->rq_node);
	rq->ready_count--;
	if (rq->heir == t)
		rq->heir = NULL;
}

struct thread *runq_take(struct runq *rq)
{
	struct thread *t = rq->heir ? rq->heir : first(rq);

	if (t)
		runq_remove(rq, t);
	return t;
}

void runq_place(struct runq *rq, struct thread *t, enum runq_reason why)
{
	u64 least, most;

	advance_min(rq);
	switch (why) {
	case RUNQ_NEW:
		t->vruntime = with_group(t->group, rq->min_vruntime);
		break;
	case RUNQ_WAKE:
		/* Who is behind, having come from another queue, does not keep it waiting either. */
		least = MIN(runq_least(rq), rq->min_vruntime);
		least = with_group(t->group, least - RUNQ_WAKE_CREDIT_NS);
		t->vruntime = MAX(t->vruntime, least);
		break;
	case RUNQ_MOVED:
		most = rq->min_vruntime + weighted(RUNQ_LAG_MAX_NS, t);
		t->vruntime = MAX(t->vruntime, rq->min_vruntime - RUNQ_LAG_MAX_NS);
		t->vruntime = MIN(t->vruntime, most);
		break;
	}
}

void runq_pass(struct runq *rq)
{
	const struct thread *t = first(rq);

	if (t && rq->current != rq->idle)
		rq->current->vruntime = MAX(rq->current->vruntime, t->vruntime);
}

void runq_hand(struct runq *rq, struct thread *t)
{
	struct thread *cur = rq->current;
	u64 own = cur->vruntime;

	runq_remove(rq, t);
	cur->vruntime = MAX(own, t->vruntime);
	t->vruntime = MIN(own, t->vruntime);
	runq_add(rq, t);
	if (!cur->need_resched)
		rq->heir = t;
}

u64 runq_left(const struct runq *rq)
{
	const struct thread *t = first(rq), *cur = rq->current;
	u64 ran = rq->charged_ns - cur->started_ns;

	if (!t)
		return RUNQ_NONE;
	if (cur == rq->idle)
		return 0;
	if (cur->vruntime <= t->vruntime + RUNQ_WAKE_LEAD_NS)
		return RUNQ_SLICE_NS;
	return ran < RUNQ_RUN_MIN_NS ? RUNQ_RUN_MIN_NS - ran : 0;
}

u64 runq_follow(struct runq *rq, u64 front)
{
	u64 ns;

	if (rq->min_vruntime + RUNQ_LAG_MAX_NS >= front)
		return MAX(rq->min_vruntime, front);
	ns = front - RUNQ_LAG_MAX_NS - rq->min_vruntime;
	rq->min_vruntime += ns;
	if (rq->current != rq->idle)
		rq->current->vruntime += ns;
	list_for_each(node, &rq->ready)
		list_entry(node, struct thread, rq_node)->vruntime += ns;
	return front;
}

bool runq_movable(const struct thread *t)
{
	/* Both acquires pair with the releases of the CPU that has let go of it: what it saved is seen. */
	return !t->preempted && !atomic_load_acquire(&t->on_stack) &&
	       !atomic_load_acquire(&t->bound);
}

u64 runq_offered(const struct thread *t, u32 cpu)
{
	bool rather = t->soft.word[0] & t->cpus.word[0] && !cpuset_test(&t->soft, cpu);

	return t->vruntime + (rather ? RUNQ_LEAD_NS : 0);
}

struct thread *runq_movable_to(const struct runq *rq, u32 cpu)
{
	struct thread *best = NULL;
	u64 least = RUNQ_NONE;

	list_for_each(node, &rq->ready) {
		struct thread *t = list_entry(node, struct thread, rq_node);

		if (t->vruntime >= least)
			break;
		if (cpuset_test(&t->cpus, cpu) && runq_offered(t, cpu) < least && runq_movable(t)) {
			best = t;
			least = runq_offered(t, cpu);
		}
	}
	return best;
}
