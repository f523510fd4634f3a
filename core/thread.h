/*
 * Threads and the scheduler. A thread is on one CPU's run queue at a time, in an address space
 * (NULL: the hypervisor's own, where no guest is mapped). A vCPU is a thread whose body is its
 * run loop. Threads switch where they block or yield; a preemptible thread also on interrupt
 * return while it holds no lock. Only in thread_block(), thread_yield() and thread_start() may a
 * thread come to another CPU: docs/scheduling.md.
 */
#pragma once

#include "core/quota.h"
#include "core/timer.h"
#include "lib/compiler.h"
#include "lib/cpuset.h"
#include "lib/list.h"
#include "lib/types.h"

struct aspace;

#define THREAD_WEIGHT_DEFAULT 1024u
#define THREAD_STACK_SIZE     (16 * KIB)

enum thread_state {
	THREAD_READY,
	THREAD_RUNNING,
	THREAD_BLOCKED,
	THREAD_DEAD,
	THREAD_NEW,
	THREAD_PARKED, /* would be ready, but has used up its quota: the park timer ends that */
	THREAD_MOVING, /* on no queue: the CPU that moves it to that of its cpu field has it */
};

struct thread;

/*
 * Hooks for what must happen around a switch. Called with interrupts off and no lock held;
 * thread_current() is already the next thread in both.
 */
struct thread_ops {
	/* On the CPU that leaves t, in t's address space; next is what runs after. */
	void (*switch_out)(struct thread *t, struct thread *next);
	/* On the CPU that enters t, already in t's address space. */
	void (*switch_in)(struct thread *t);
	/*
	 * For threads that are bound: t is about to leave this CPU, which brings what it still holds of t into
	 * memory and clears bound. In any address space; t does not run any more, or is being left.
	 */
	void (*detach)(struct thread *t);
};

/*
 * Threads that have one share together: each counts as its weight divided by how many of them want a CPU, and
 * one that wakes has had what all of them had.
 */
struct thread_group {
	u32 active;   /* those that run or are ready; atomic */
	u64 vruntime; /* weighted ns of them all; atomic */
	bool alone; /* const while it has threads: nobody else runs on a core while one of them does; core/coresched.h */
};

/* In the hypervisor's heap: reachable from every address space and from interrupt handlers. */
struct thread {
	u64 rsp;                      /* saved stack pointer while not running; 0: has never run */
	struct aspace *aspace;        /* const after creation; NULL: hypervisor space */
	const struct thread_ops *ops; /* const; may be NULL */
	void *data;                   /* const; the owner's */
	char name[32];                /* const */
	u32 cpu;    /* whose run queue it is on or returns to; changes under that queue's lock */
	u32 weight; /* share: 1024 is the default; lock: run queue of cpu */
	struct thread_group *group; /* const; NULL: it is alone */
	struct cpuset cpus;         /* where it may run; lock: run queue */
	struct cpuset soft; /* where it runs rather, if not empty; lock: run queue, hints without */
	bool preemptible;   /* const */
	bool detached;      /* const: nobody joins it */
	bool bound;         /* cpu holds state of it (see detach): it stays there; written by cpu */
	bool preempted; /* it gave way amid anything and stays on its CPU until it runs again; run queue */
	bool on_stack; /* it runs, or the switch away from it is under way; written by its CPU */
	u8 state;      /* enum thread_state; lock: run queue of cpu */
	bool wake_pending; /* a wake came while it ran or was ready; lock: run queue */
	bool need_resched; /* should give way; written under the run queue's lock, read by anyone */
	u64 vruntime;      /* weighted ns; lock: run queue */
	u64 started_ns;    /* when it was last put on the CPU */
	u64 runtime_ns;    /* total up to the last switch or tick; lock: run queue */
	u64 waited_ns; /* total that it was ready or parked, up to when it last came to run; the same */
	u64 waits_since_ns;  /* 0: it does not; the same */
	u64 slept_ns;        /* total that it slept, up to when it last came to run; the same */
	u64 sleeps_since_ns; /* 0: it has run since; the same */
	struct list rq_node; /* lock: run queue; when dead: the reaper's */
	struct timer sleep;  /* thread_block_until() */
	struct quota quota;  /* lock: run queue */
	struct timer park;   /* while parked: the end of the quota's period */
	void *stack;         /* lowest usable address; freed by the reaper */
	size_t stack_size;
	void (*fn)(void *arg);
	void *arg;
	bool reaped;           /* stack is gone; lock: the reaper's */
	struct thread *joiner; /* waits in thread_join(); lock: the reaper's */
};

struct thread_spec {
	const char *name;
	void (*fn)(void *arg);
	void *arg;
	struct aspace *aspace; /* NULL: the hypervisor's */
	const struct thread_ops *ops;
	void *data;
	u32 weight;                 /* 0: default */
	struct thread_group *group; /* whose share it has a part in; longer there than it; or NULL */
	s32 cpu;                    /* the only one it may run on, see thread_set_cpus(); -1: all */
	bool preemptible;
	bool detached; /* nobody joins it: the struct goes as soon as it has ended */
};

/*
 * Makes a thread that does not run yet; its stack has a guard page and, where spec->aspace is
 * given, lies in that address space alone. NULL when memory is short. thread_start() lets it run.
 * A thread that is not detached must be joined, else its struct is never freed. Not from interrupt
 * context.
 */
struct thread *thread_create(const struct thread_spec *spec) __must_check;
void thread_start(struct thread *t);

/* The running thread; the CPU's idle thread in its start-up code; NULL before sched_init_cpu(). */
struct thread *thread_current(void);

/*
 * Gives the CPU to another ready thread, if there is one. Where thread_need_resched() is true the
 * thread that has had the least of its share goes on, which may be the caller again.
 */
void thread_yield(void);

/*
 * Lets t, of the same group, go on at once for what is left of the caller's slice and in its place, if it is ready and waits
 * for a CPU; it comes to this one for that. False, and nothing is done: it is not, or may not come. What both have had together
 * stays the same. No lock is held.
 */
bool thread_yield_to(struct thread *t);

/*
 * Sleeps until thread_wake(). A wake that came since the thread last ran returns at once, so
 * the caller's pattern is: check condition, thread_block(), check again.
 */
void thread_block(void);

/*
 * Polling instead of sleeping, for a short while, by a thread that runs: false: others want the CPU, or wait elsewhere. Then
 * until thread_poll_end() it asks thread_poll_goes_on() all the time and polls no longer when that is false. It does not block or
 * yield in between.
 */
bool thread_poll_begin(void) __must_check;
bool thread_poll_goes_on(void);
void thread_poll_end(void);

/* Sleeps until thread_wake() or until clock_ns() reaches deadline. */
void thread_block_until(u64 deadline_ns);

/*
 * Makes t runnable. Any context, any CPU. If t is in guest mode on another CPU this is also what
 * makes it leave (a reschedule IPI to t's CPU).
 */
void thread_wake(struct thread *t);

/* Sends t's CPU an IPI if t is running there, so that a guest exits; else nothing, and false. Any context. */
bool thread_kick(struct thread *t);

/* Ends the calling thread. The reaper frees its stack, and its struct unless it is to be joined. */
__noreturn void thread_exit(void);

/* True when the running thread should give way; a run loop asks before each VM entry. */
bool thread_need_resched(void);

/* For long work of threads that are not preemptible: others get their turn now, if it is theirs. */
static inline void thread_give_way(void)
{
	if (thread_need_resched())
		thread_yield();
}

/*
 * Waits until t, which is not detached, has ended and its stack is gone; then t is freed, at once if
 * it was never started. One thread may join it, once. Not from interrupt context, not from an idle
 * thread.
 */
void thread_join(struct thread *t);

/*
 * The rest is for any thread, while t exists and may be in whatever state, running elsewhere included.
 */

/* Total time that t has run, in ns, up to now. Any context. */
u64 thread_runtime(struct thread *t);

/*
 * Where t's time went from thread_start() until now, in ns: each moment is in one of them. waited: ready to run, or
 * out of its quota, while others ran.
 */
struct thread_times {
	u64 run, waited, slept;
};
void thread_times(struct thread *t, struct thread_times *out);

/* The thread's share of CPU time against others'; 0: the default, 1024. */
void thread_set_weight(struct thread *t, u32 weight);

/*
 * From now on t runs on these CPUs only; if it runs elsewhere it leaves when it next yields or blocks, which
 * it is told to do at once. -EINVAL: none of them is there. Who sets its own holds no lock, and is on
 * one of them on return.
 */
int thread_set_cpus(struct thread *t, const struct cpuset *cpus) __must_check;
void thread_get_cpus(struct thread *t, struct cpuset *cpus);

/*
 * From now on t runs rather on these CPUs, of those where it may: elsewhere only while they are busy. None, or none of
 * those: everywhere alike.
 */
void thread_set_soft(struct thread *t, const struct cpuset *cpus);

/*
 * t runs at most quota_ns in each period_ns of wall time, from now on; then it waits for the next period. quota_ns 0,
 * or no less than period_ns: no limit. Very short times are raised: core/quota.h.
 */
void thread_set_quota(struct thread *t, u64 quota_ns, u64 period_ns);
