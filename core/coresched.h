/*
 * Core scheduling: threads of a group that is `alone` never run at the same time as anybody else's on the threads of one
 * core. All CPUs of a core run threads of the same kind at a time: of one such group, or of all who mind nobody; a CPU that has none of
 * these to run idles, although it has others: it is forced to.
 *
 * But for core_idled_ns() all is called with interrupts off, on the CPU that it is about. What the scheduler calls
 * at each switch it calls where place_threads says that it matters.
 */
#pragma once

#include "core/place.h"
#include "lib/compiler.h"
#include "lib/types.h"

struct runq;
struct thread;

/*
 * t, just taken off this CPU's queue, is to run next: returns it; or, where its core is not to be had for it now, puts it back and
 * returns the first of the queue that may run meanwhile; or NULL, and this CPU idles till it is called. The queue is locked.
 */
struct thread *core_admit(struct runq *rq, struct thread *t) __must_check;

/* There is nothing to run here at all: this CPU waits for its core no longer. The queue is locked. */
void core_give_up(void);

/* The switch to t is over, and nothing of the one before is left: others may have the core, if t idles. No lock is held. */
void core_switched(const struct runq *rq);

/* Somebody on another thread of this CPU's core waits for what runs here to end. No lock is needed. */
bool core_contended(void);

/* This CPU's own turn has come, or that of another of its core, rather than that of who runs here. The queue is locked. */
bool core_turns(const struct runq *rq);

/* What runs here does so since the first of the queue may not: it is not to be disturbed for that one. No lock is needed. */
bool core_defers(void);

/* Of these CPUs those whose core t could have at once, as it seems. Any CPU, no lock is needed. */
u64 core_open(const struct thread *t, u64 cpus);

/* How long a CPU has idled with threads to run, in ns, up to when it last did not. Any CPU. */
u64 core_idled_ns(u32 cpu);
