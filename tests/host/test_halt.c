/*
 * vm/halt.h: how long a vCPU in HLT polls, what ends that, how the window grows and shrinks, and what is counted.
 *
 * sources: vm/halt.c
 * flags: -include tests/host/fake_cpu.h
 */
#include "vm/halt.h"
#include "core/clock.h"
#include "core/cmdline.h"
#include "core/thread.h"
#include "tests/host/harness.h"
#include "vm/vcpu.h"
#include "vm/vm.h"

#include <stdlib.h>
#include <string.h>

/* A TSC of 2 GHz, and a step of time for each look at it. */
#define TICKS_PER_US 2
#define STEP         10

static struct vm vm;
static struct vcpu v;
static u64 now;
static u64 configured;          /* haltpoll= */
static bool busy;               /* others want the CPU at once */
static u64 busy_at, request_at; /* the TSC when they do, and when a request comes */
static u32 begins, ends, looks;

u64 fake_rdtsc(void)
{
	now += STEP;
	if (now >= request_at)
		vm.ports[0].requests |= REQ_EVENT;
	return now;
}

u64 cmdline_number(const char *key, const char *unit, u64 min, u64 max, u64 standard)
{
	CHECK_STR(key, "haltpoll");
	CHECK_STR(unit, "us");
	CHECK(min <= standard && standard <= max);
	return configured == ~0ULL ? standard : configured;
}

u64 clock_ns_to_tsc(u64 ns)
{
	return ns * TICKS_PER_US / 1000;
}

u64 clock_tsc_to_ns(u64 ticks)
{
	return ticks * 1000 / TICKS_PER_US;
}

bool thread_poll_begin(void)
{
	CHECK_EQ(begins, ends);
	if (busy)
		return false;
	begins++;
	return true;
}

bool thread_poll_goes_on(void)
{
	CHECK_EQ(begins, ends + 1);
	if (++looks > 100000)
		abort(); /* it does not end */
	return now < busy_at;
}

void thread_poll_end(void)
{
	CHECK_EQ(begins, ++ends);
}

static struct halt_poll *setup(u64 us, u32 window)
{
	configured = us;
	halt_init();
	memset(&vm.ports[0], 0, sizeof(vm.ports[0]));
	v = (struct vcpu){ .vm = &vm, .port = &vm.ports[0], .activity = ACTIVITY_HALTED };
	v.pv.poll = 1;
	vm.ports[0].poll.window = window;
	now = v.halt_tsc = 1000000;
	busy = false;
	busy_at = request_at = ~0ULL;
	begins = ends = looks = 0;
	return &vm.ports[0].poll;
}

TEST(configured)
{
	setup(~0ULL, 0);
	CHECK_EQ(halt_poll_max_us(), 200);
	setup(0, 0);
	CHECK_EQ(halt_poll_max_us(), 0);
	setup(50, 0);
	CHECK_EQ(halt_poll_max_us(), 50);
}

/* A HLT of so many ticks; the window behind it. */
static u32 halts(struct halt_poll *p, u64 ticks)
{
	v.halt_tsc = now;
	now += ticks - STEP;
	halt_ended(&v);
	return p->window;
}

TEST(learns)
{
	const u32 us = TICKS_PER_US;
	struct halt_poll *p = setup(200, 0);

	/* Soon: it begins, then doubles, up to the most. */
	CHECK_EQ(halts(p, 5 * us), 10 * us);
	CHECK_EQ(halts(p, 5 * us), 10 * us);
	CHECK_EQ(halts(p, 10 * us), 10 * us);
	CHECK_EQ(halts(p, 11 * us), 20 * us);
	CHECK_EQ(halts(p, 200 * us), 40 * us);
	CHECK_EQ(halts(p, 200 * us), 80 * us);
	CHECK_EQ(halts(p, 200 * us), 160 * us);
	CHECK_EQ(halts(p, 200 * us), 200 * us);
	CHECK_EQ(halts(p, 200 * us), 200 * us);
	/* Late: it halves, and ends. */
	CHECK_EQ(halts(p, 201 * us), 100 * us);
	CHECK_EQ(halts(p, 100 * us), 100 * us);
	CHECK_EQ(halts(p, 1ULL << 40), 50 * us);
	CHECK_EQ(halts(p, 1ULL << 40), 25 * us);
	CHECK_EQ(halts(p, 1ULL << 40), 12 * us + us / 2);
	CHECK_EQ(halts(p, 1ULL << 40), 0);
	CHECK_EQ(halts(p, 1ULL << 40), 0);
	/* A small maximum is where it begins, too. */
	p = setup(4, 0);
	CHECK_EQ(halts(p, 3 * us), 4 * us);
	CHECK_EQ(halts(p, 5 * us), 0);
	p = setup(0, 0);
	CHECK_EQ(halts(p, STEP), 0);
}

TEST(hit)
{
	struct halt_poll *p = setup(200, 400);

	request_at = now + 200;
	CHECK(halt_poll(&v));
	CHECK(now >= request_at && now < request_at + 2 * STEP);
	CHECK_EQ(begins, 1);
	CHECK_EQ(ends, 1);
	CHECK_EQ(p->hits, 1);
	CHECK_EQ(p->misses, 0);
	CHECK_EQ(p->hit_tsc, now - v.halt_tsc - STEP);
	CHECK_EQ(p->miss_tsc, 0);
	CHECK_EQ(vm.ports[0].requests, REQ_EVENT); /* left to who serves them */
}

TEST(miss)
{
	struct halt_poll *p = setup(200, 400);

	CHECK(!halt_poll(&v));
	CHECK(now - v.halt_tsc >= 400 && now - v.halt_tsc < 400 + 2 * STEP);
	CHECK_EQ(ends, 1);
	CHECK_EQ(p->hits, 0);
	CHECK_EQ(p->misses, 1);
	CHECK_EQ(p->miss_tsc, now - v.halt_tsc - STEP);
	/* Woken for nothing it does not begin anew. */
	CHECK(!halt_poll(&v));
	CHECK_EQ(begins, 1);
	CHECK_EQ(p->misses, 1);
}

TEST(rest_of_the_window)
{
	setup(200, 400);
	request_at = now + 100;
	CHECK(halt_poll(&v));
	vm.ports[0].requests = 0;
	request_at = ~0ULL;
	CHECK(!halt_poll(&v));
	CHECK(now - v.halt_tsc >= 400 && now - v.halt_tsc < 400 + 2 * STEP);
}

TEST(others_want_the_cpu)
{
	struct halt_poll *p = setup(200, 400);

	busy = true;
	CHECK(!halt_poll(&v));
	CHECK_EQ(p->hits + p->misses, 0);
	setup(200, 400);
	busy_at = now + 100;
	CHECK(!halt_poll(&v));
	CHECK(now < busy_at + 2 * STEP);
	CHECK_EQ(p->misses, 1);
	CHECK_EQ(ends, 1);
}

TEST(the_guest_polls_itself)
{
	struct halt_poll *p = setup(200, 400);

	v.pv.poll = 0;
	CHECK(!halt_poll(&v));
	CHECK_EQ(begins, 0);
	CHECK_EQ(p->misses, 0);
}

TEST(no_window)
{
	setup(200, 0);
	CHECK(!halt_poll(&v));
	CHECK_EQ(begins, 0);
}
