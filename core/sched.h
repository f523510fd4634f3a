/*
 * The scheduler's side towards start-up, interrupts and debugging; threads use core/thread.h. Each
 * CPU has a run queue (core/runq.h) and one idle thread, which is the context it was started in.
 *
 * Start-up order: irq_init(), clock_init(), then on each CPU timer_init_cpu() and sched_init_cpu();
 * once, when there is a heap, thread_init(); at the end of each CPU's start-up code sched_idle().
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct cpuset;
struct thread;

/* Makes the running context this CPU's idle thread: it must not block. On the boot CPU also takes
 * the reschedule vector. After this threads may be made for this CPU. */
void sched_init_cpu(void);

/* Starts the reaper. Boot CPU, once, after sched_init_cpu() and the heap. */
void thread_init(void);

/* The idle loop: runs what is ready, else halts. Called at the end of the CPU's start-up code. */
__noreturn void sched_idle(void);

/* Trap hook: on return from an interrupt, interrupts off, gives way if a preemptible thread should. */
void sched_irq_return(void);

/* Logs each CPU's current thread and what is ready there. Takes no lock: also from NMI and panic. */
void sched_dump(void);

/* The rest is between core/sched.c, core/balance.c and core/thread.c. */

/* The CPU among these with the fewest threads; whether a CPU schedules. */
u32 sched_least_loaded(const struct cpuset *cpus);
bool sched_cpu_online(u32 cpu);

/* Takes note that cpu has a thread more or less. */
void sched_thread_count(u32 cpu, s32 change);

/* A thread's first steps, on its own stack, interrupts off: what follows every switch. */
void sched_switched(void);

/* The end of a quota's period: t goes on, if it is parked. */
void sched_unpark(struct thread *t);

/* Leaves the CPU for good; the next thread's sched_switched() then calls thread_dead(). */
__noreturn void sched_exit(void);

/* The first code of a new thread, and the end of a dead one: nothing uses its stack any more. */
void thread_entry(void);
void thread_dead(struct thread *t);
