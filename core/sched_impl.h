/*
 * Between core/sched.c, which switches, wakes and parks threads, and core/balance.c, which says on which
 * CPU. Everything here runs with interrupts off; docs/scheduling.md has the rules.
 */
#pragma once

#include "arch/percpu.h"
#include "core/runq.h"
#include "core/thread.h"
#include "lib/compiler.h"
#include "lib/types.h"

extern PERCPU struct runq sched_runq;

/* sched.c */

/* Locks the queue of t's CPU, wherever that is. */
struct runq *sched_lock(const struct thread *t);

/* Makes cpu look at its queue. No run queue's lock is held. */
void sched_poke(u32 cpu);

/* Limits the time of who runs here, if anyone waits for it to end. This CPU's queue, locked. */
void sched_slice_update(struct runq *rq);

/* Puts t, which is on no queue, on this one, that of its CPU, locked. True: poke that CPU. */
bool sched_make_ready(struct runq *rq, struct thread *t, enum runq_reason why) __must_check;

/* balance.c */

/* CPUs that schedule; those among them that have nothing to run and were given nothing. */
u64 balance_online(void);
void balance_join(u32 cpu);
void balance_set_idle(u32 cpu, bool idle);

/* Whether a thread is ready on another CPU: a hint, without locks. */
bool balance_waits_elsewhere(void);

/* Keeps this queue's pace: runq_follow(). It is locked. */
void balance_follow(struct runq *rq);

/* The CPU for t, which is about to become ready and is movable; its queue is locked. */
u32 balance_choose(const struct thread *t);

/* The rest of balance_strays(), for a thread with soft affinity. */
bool balance_strays_soft(const struct thread *t);

/* Whether t runs, or was about to, where it would rather not, and is movable while a CPU is idle where it would. */
static inline bool balance_strays(const struct thread *t)
{
	return unlikely(t->soft.word[0]) && balance_strays_soft(t);
}

/* An idle CPU that could take t, which is ready and has been refused its own, as a set; or 0. */
u64 balance_taker(const struct thread *t);

/* Takes t, on no queue any more, away from its CPU, whose queue is locked; balance_arrive() ends that. */
void balance_depart(struct thread *t, u32 cpu);

/* Puts t on its CPU's queue, which is locked: the lock is released, and that CPU looks where it must. */
void balance_admit(struct runq *rq, struct thread *t, enum runq_reason why);

/* Makes t ready, which this CPU is moving, where its cpu field says or else where it may be. No lock is held. */
void balance_arrive(struct thread *t, enum runq_reason why);

/* A switch has left prev for good. */
void balance_settle(struct runq *rq, struct thread *prev);

/* Takes a ready thread from another CPU for this one, which has none. True: there was one. */
bool balance_pull_any(void);

/* The end of a slice: evens out with other CPUs. This CPU's queue; no lock is held. */
void balance_tick(struct runq *rq);
