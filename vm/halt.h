/*
 * A vCPU in HLT polls for a while before its thread sleeps, where that has been worth it: a wake-up that comes meanwhile takes no
 * switch of threads and no interrupt. How long is learnt for each vCPU. docs/scheduling.md, "Polling in HLT".
 */
#pragma once

#include "lib/compiler.h"
#include "lib/types.h"

struct vcpu;

/* A vCPU's part, in its port: written by its thread, read by anyone. */
struct halt_poll {
	u32 window;            /* ticks of the TSC for which it polls from HLT on; 0: not */
	u64 hits, misses;      /* polls that a request ended, and others */
	u64 hit_tsc, miss_tsc; /* how long they took, in ticks of the TSC */
};

/* Reads haltpoll=. Once, when the clock runs, before there are vCPUs. */
void halt_init(void);

/* The longest window, in us; 0: nobody polls. */
u32 halt_poll_max_us(void);

/*
 * v, in HLT, waits as long as it should without giving its CPU away. True: there is a request; false: it is to sleep, unless there is
 * one by then. On its thread, interrupts on; posters make requests already (apicv_ops.sleep).
 */
bool halt_poll(struct vcpu *v) __must_check;

/* v's HLT has ended: learns from how long it took. On its thread. */
void halt_ended(struct vcpu *v);
