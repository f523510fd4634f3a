/*
 * Polling in HLT; see vm/halt.h. What a vCPU waits for comes as a request in its port, so that this word and the scheduler's wish for
 * the CPU are all that is looked at. Nobody sends an interrupt meanwhile: the thread is outside of guest mode and awake.
 */
#include "vm/halt.h"

#include "arch/cpu.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "vm/pv_abi.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#define MAX_US    200   /* without haltpoll= */
#define LIMIT_US  10000 /* that haltpoll= may ask for */
#define START_US  10    /* the first window of one that did not poll */
#define NS_PER_US 1000u

/* In ticks of the TSC; const after halt_init(), 0 before. */
static u32 max_window, start_window;

void halt_init(void)
{
	u64 us = cmdline_number("haltpoll", "us", 1, LIMIT_US, MAX_US);

	max_window = (u32)clock_ns_to_tsc(us * NS_PER_US);
	start_window = (u32)clock_ns_to_tsc(MIN(us, START_US) * NS_PER_US);
}

u32 halt_poll_max_us(void)
{
	return (u32)((clock_tsc_to_ns(max_window) + NS_PER_US / 2) / NS_PER_US);
}

/* The window after a HLT of so many ticks: longer where it ended soon after the window did, shorter where it did much later. */
static u32 next_window(u32 window, u64 took)
{
	if (took <= window)
		return window;
	if (took <= max_window)
		return MIN(MAX(2 * window, start_window), max_window);
	return window / 2 < start_window ? 0 : window / 2;
}

void halt_ended(struct vcpu *v)
{
	struct halt_poll *p = &v->port->poll;

	p->window = next_window(p->window, rdtsc() - v->halt_tsc);
}

bool halt_poll(struct vcpu *v)
{
	struct halt_poll *p = &v->port->poll;
	u64 began = rdtsc(), now = began;
	bool hit;

	/* A HLT has one window, however often it is woken for nothing. */
	if (began - v->halt_tsc >= p->window || !(v->pv.poll & KVM_POLL_BY_HOST) ||
	    !thread_poll_begin())
		return false;
	/* Relaxed: who takes the request has acquire. */
	while (!(hit = atomic_load_relaxed(&v->port->requests)) && now - v->halt_tsc < p->window &&
	       thread_poll_goes_on()) {
		cpu_relax();
		now = rdtsc();
	}
	thread_poll_end();
	*(hit ? &p->hits : &p->misses) += 1;
	*(hit ? &p->hit_tsc : &p->miss_tsc) += now - began;
	return hit;
}
