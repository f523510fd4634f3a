/*
 * A few CPUs, of which the test says which one runs: their per-CPU variable, timers, handlers and clock. With
 * `flags: -include tests/host/fake_percpu.h`, and `sources: tests/host/fake_cpus.c`.
 */
#pragma once

#include "lib/types.h"

#define FAKE_CPUS      4
#define FAKE_CPU_BYTES 8192

struct timer;

extern __thread u32 this; /* each of the test's own threads may be another */
extern u32 cpus;
extern u64 now;                         /* ns */
extern struct timer *timers[FAKE_CPUS]; /* armed last on each */
extern void (*handlers[256])(void);     /* of interrupts */

/* As before any CPU was started: per-CPU variables, timers. */
void fake_cpus_clear(void);
