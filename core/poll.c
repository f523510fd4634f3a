/*
 * Polling before sleep: the rules are the scheduler's, the polling its caller's. A CPU that polls counts as idle, so that threads
 * which wake elsewhere come to it; the first that does ends it.
 */
#include "arch/cpu.h"
#include "core/coresched.h"
#include "core/sched_impl.h"
#include "core/thread.h"

/* Whether someone waits for this CPU, or its core, or for the thread that has it. */
static bool wanted(const struct runq *rq)
{
	return READ_ONCE(rq->ready_count) || READ_ONCE(rq->current->need_resched) ||
	       (place_threads && core_contended());
}

bool thread_poll_begin(void)
{
	struct runq *rq = this_cpu(sched_runq);

	if (wanted(rq))
		return false;
	rq->polls = true;
	/* Full order, as when it goes idle: before it is looked whether anybody waits elsewhere. */
	balance_set_idle(cpu_id(), true);
	if (!balance_waits_elsewhere())
		return true;
	thread_poll_end();
	return false;
}

bool thread_poll_goes_on(void)
{
	return !wanted(this_cpu(sched_runq));
}

void thread_poll_end(void)
{
	struct runq *rq = this_cpu(sched_runq);

	balance_set_idle(cpu_id(), false);
	rq->polls = false;
}
