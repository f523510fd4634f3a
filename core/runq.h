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
/* A ready thread is at most this far behind: what a thread can lose by one run without a break. */
#define RUNQ_DEBT_MAX_NS    (100 * RUNQ_SLICE_NS)

struct runq {
	struct spinlock lock; /* everything below but online and count, and its threads' states */
	struct list ready;    /* by vruntime, least first; current is not in it */
	u32 ready_count;
	u32 count;               /* threads that call this CPU home; atomic */
	u64 min_vruntime;        /* rises with the least vruntime of current and ready */
	u64 charged_ns;          /* until when current was charged */
	struct thread *current;  /* written under the lock on the CPU itself */
	struct thread *idle;     /* const */
	struct thread *previous; /* owner CPU: whom the switch under way leaves */
	struct timer slice;      /* the end of current's slice */
	bool online;             /* const once set */
};

void runq_init(struct runq *rq, struct thread *idle, u64 now);

/* Charges current for its time until now. A clock that runs back charges nothing. */
void runq_charge(struct runq *rq, u64 now);

/* Puts t among the ready threads: after those with the same vruntime. */
void runq_add(struct runq *rq, struct thread *t);

/* Takes out the thread with the least vruntime; NULL when none is ready. */
struct thread *runq_take(struct runq *rq);

/* Sets the vruntime of a thread that slept (or is new): neither far ahead of the others nor behind. */
void runq_place(struct runq *rq, struct thread *t, bool fresh);

/* Sets current's vruntime behind the first ready thread's, so that another one comes next. */
void runq_pass(struct runq *rq);

/* Whether t, just placed, should have the CPU instead of current (charged until now). */
bool runq_preempts(const struct runq *rq, const struct thread *t);
