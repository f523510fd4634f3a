/*
 * The run queue's arithmetic: who runs next, by weighted proportional share. Every thread has a
 * vruntime, its run time divided by its weight; the ready thread with the least runs next. Nothing
 * here locks, switches or knows the CPU, so that it is tested on the host; core/sched.c does.
 */
#pragma once

#include "arch/lock.h"
#include "core/timer.h"
#include "lib/list.h"
#include "lib/types.h"

struct thread;

/* How long a thread runs while others are ready, in ns. */
#define RUNQ_SLICE_NS       (5 * 1000000ULL)
/* A waking thread is at most this far ahead of those that run, and gets in after this lead. */
#define RUNQ_WAKE_CREDIT_NS (RUNQ_SLICE_NS / 2)
#define RUNQ_WAKE_LEAD_NS   (RUNQ_SLICE_NS / 5)
/* Whom it takes the CPU from has run so long: wakes without end cost others little. */
#define RUNQ_RUN_MIN_NS     (RUNQ_SLICE_NS / 20)
/* A ready thread is at most this far behind: what a thread can lose by one run without a break. */
#define RUNQ_DEBT_MAX_NS    (100 * RUNQ_SLICE_NS)
/* A queue takes a waiting thread from another when its own have had more than that one by this. */
#define RUNQ_LEAD_NS        (2 * RUNQ_SLICE_NS)
/* No queue, and no thread that comes from another, is behind by more than this: older debts are forgotten. */
#define RUNQ_LAG_MAX_NS     (10 * RUNQ_SLICE_NS)
/* runq_least() where there is no thread. */
#define RUNQ_NONE           (~0ULL)

/* Why a thread comes to a queue. */
enum runq_reason {
	RUNQ_NEW,   /* it has never run */
	RUNQ_WAKE,  /* it slept */
	RUNQ_MOVED, /* it was ready on another queue */
};

struct runq {
	struct spinlock
		lock; /* everything below but count, and the states of threads whose CPU it is */
	struct list ready; /* by vruntime, least first; current is not in it */
	u32 ready_count;
	u32 count;              /* threads whose CPU this is; atomic */
	u64 min_vruntime;       /* rises with the least vruntime of current and ready */
	u64 charged_ns;         /* until when current was charged */
	struct thread *current; /* written under the lock on the CPU itself */
	struct thread *idle;    /* const */
	struct thread *heir;    /* ready here, next with what is left of current's slice; or NULL */
	bool polls;             /* current does, instead of sleeping: core/poll.c; owner CPU */
	struct thread *previous; /* owner CPU: whom the switch under way leaves */
	struct timer slice;      /* the end of current's slice */
};

void runq_init(struct runq *rq, struct thread *idle, u64 now);

/* Charges current for its time until now. A clock that runs back charges nothing. */
void runq_charge(struct runq *rq, u64 now);

/* Puts t among the ready threads: after those with the same vruntime. */
void runq_add(struct runq *rq, struct thread *t);

/* Takes out the heir or, without one, the thread with the least vruntime; NULL when none is ready. */
struct thread *runq_take(struct runq *rq);

/* Takes out t, which is ready there. */
void runq_remove(struct runq *rq, struct thread *t);

/* Sets the vruntime of a thread that comes: neither far ahead of the others here nor behind. */
void runq_place(struct runq *rq, struct thread *t, enum runq_reason why);

/* Sets current's vruntime behind the first ready thread's, so that another one comes next. */
void runq_pass(struct runq *rq);

/*
 * Lets t, ready here and of current's group, stand where current (charged until now) stands in the line, and current where t
 * does if that is behind: the group has neither more nor less by it. Where current's slice is not over, t is its heir.
 */
void runq_hand(struct runq *rq, struct thread *t);

/*
 * How long current (charged until now) goes on, in ns: 0, till it has run a little, a slice, or
 * RUNQ_NONE, as nobody waits.
 */
u64 runq_left(const struct runq *rq);

/*
 * Queues keep pace: vruntime means the same on all of them. front is how far the foremost queue was
 * when last looked at; a queue further behind than RUNQ_LAG_MAX_NS is moved up. The new front.
 */
u64 runq_follow(struct runq *rq, u64 front);

/* The vruntime of whom the queue has let have least, current (charged) included; or RUNQ_NONE. */
u64 runq_least(const struct runq *rq);

/* Whether a ready thread may be taken to another CPU: nothing of it is left in its own. */
bool runq_movable(const struct thread *t);

/*
 * What t counts as when cpu is to take it: its vruntime, and that of one that would rather run elsewhere (struct thread's soft)
 * is RUNQ_LEAD_NS more.
 */
u64 runq_offered(const struct thread *t, u32 cpu);

/* The ready thread with the least runq_offered() that may be moved to cpu; NULL when there is none. */
struct thread *runq_movable_to(const struct runq *rq, u32 cpu);
