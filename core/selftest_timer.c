/*
 * Self-tests of clock and timers: order, never early, cancelled means silent, across CPUs too.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "core/timer.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

#define US                1000ULL
#define MS                (1000 * US)
#define TIMERS            16
#define LATE_MAX          (2000 * MS) /* an emulator on a busy machine stops now and then */
#define CROSS_ROUNDS      300
#define CROSS_CALLBACK_NS (200 * US)

struct probe {
	struct timer timer;
	u64 fired_ns; /* 0: not yet */
	u32 order;
	u32 count;
};

static struct probe probes[TIMERS];
static u32 fired; /* how many have */

static void probe_fire(struct timer *timer)
{
	struct probe *p = container_of(timer, struct probe, timer);

	WRITE_ONCE(p->fired_ns, clock_ns());
	p->order = fired;
	p->count++;
	/* Pairs with wait_fired(). */
	atomic_store_release(&fired, fired + 1);
}

static void probes_reset(void)
{
	for (u32 i = 0; i < TIMERS; i++) {
		probes[i] = (struct probe){ .count = 0 };
		timer_init(&probes[i].timer, probe_fire);
	}
	fired = 0;
}

static bool wait_fired(u32 n, u64 until)
{
	/* Pairs with probe_fire(). */
	while (atomic_load_acquire(&fired) < n && clock_ns() < until)
		thread_block_until(clock_ns() + MS);
	return atomic_load_acquire(&fired) >= n;
}

static int test_clock(void)
{
	u64 last = clock_ns(), tsc = rdtsc();

	SELFTEST_CHECK(clock_tsc_khz());
	for (u32 i = 0; i < 10000; i++) {
		u64 now = clock_ns();

		SELFTEST_CHECK(now >= last);
		last = now;
	}
	SELFTEST_CHECK(clock_tsc_to_ns(rdtsc() - tsc) > 0);
	tsc = clock_deadline_tsc(last + 5 * MS);
	while (rdtsc() < tsc)
		cpu_relax();
	SELFTEST_CHECK(clock_ns() >= last + 5 * MS);
	return 0;
}
SELFTEST(timer_clock, "timer-clock", test_clock);

/* Armed in a shuffled order, they come in the order of their deadlines and never early. */
static int test_order(void)
{
	u64 base = clock_ns() + 20 * MS;

	probes_reset();
	for (u32 i = 0; i < TIMERS; i++) {
		u32 n = i * 7 % TIMERS;

		timer_arm(&probes[n].timer, base + n * MS);
	}
	SELFTEST_CHECK(wait_fired(TIMERS, base + LATE_MAX));
	for (u32 i = 0; i < TIMERS; i++) {
		const struct probe *p = &probes[i];

		if (p->order != i)
			return selftest_fail("timer %u came as number %u", i, p->order);
		if (p->fired_ns < base + i * MS)
			return selftest_fail("timer %u came %llu ns early", i,
					     (unsigned long long)(base + i * MS - p->fired_ns));
		SELFTEST_CHECK(p->count == 1);
	}
	return 0;
}
SELFTEST(timer_order, "timer-order", test_order);

static int test_cancel(void)
{
	u64 now = clock_ns();

	probes_reset();
	for (u32 i = 0; i < TIMERS; i++)
		timer_arm(&probes[i].timer, now + 30 * MS + i);
	for (u32 i = 0; i < TIMERS; i += 2)
		timer_cancel(&probes[i].timer);
	/* Moved: the old deadline must not fire it. */
	timer_arm(&probes[1].timer, now + 3600 * 1000 * MS);
	SELFTEST_CHECK(wait_fired(TIMERS / 2 - 1, now + LATE_MAX));
	thread_block_until(clock_ns() + 10 * MS);
	for (u32 i = 0; i < TIMERS; i++)
		SELFTEST_CHECK(probes[i].count == (i % 2 && i != 1));
	timer_cancel(&probes[1].timer);
	SELFTEST_CHECK(!timer_armed(&probes[1].timer));
	return 0;
}
SELFTEST(timer_cancel, "timer-cancel", test_cancel);

/* A deadline in the past fires at once, and not from within timer_arm(). */
static int test_past(void)
{
	u64 flags;

	probes_reset();
	flags = irq_save();
	timer_arm(&probes[0].timer, 1);
	SELFTEST_CHECK(!probes[0].count);
	irq_restore(flags);
	SELFTEST_CHECK(wait_fired(1, clock_ns() + LATE_MAX));
	return 0;
}
SELFTEST(timer_past, "timer-past", test_past);

/* Armed by a thread on another CPU, cancelled from this one at all stages of the callback. */
static struct {
	struct timer timer;
	struct thread *armer, *canceller;
	u32 round;  /* raised by the canceller: arm */
	u32 armed;  /* the round that was armed last */
	u32 inside; /* the callback is under way */
	u32 calls;
} cross;

static void cross_fire(struct timer *timer)
{
	u64 until = clock_ns() + CROSS_CALLBACK_NS;

	atomic_store_relaxed(&cross.inside, 1);
	atomic_fetch_add(&cross.calls, 1);
	while (clock_ns() < until)
		cpu_relax();
	/* In every second round it goes on by itself until it is cancelled. */
	if (atomic_load_relaxed(&cross.round) % 2)
		timer_arm(timer, clock_ns() + CROSS_CALLBACK_NS);
	atomic_store_release(&cross.inside, 0);
}

static void cross_arm(void *arg)
{
	(void)arg;
	while (atomic_load_relaxed(&cross.armed) < CROSS_ROUNDS) {
		u32 round;

		/* Pairs with the release in test_cross(). */
		while ((round = atomic_load_acquire(&cross.round)) == cross.armed)
			thread_block();
		timer_arm(&cross.timer, clock_ns() + CROSS_CALLBACK_NS);
		/* Pairs with the acquire in test_cross(). */
		atomic_store_release(&cross.armed, round);
		thread_wake(cross.canceller);
	}
}

static int cross_round(u32 round)
{
	u64 until;
	u32 calls;

	atomic_store_release(&cross.round, round);
	thread_wake(cross.armer);
	while (atomic_load_acquire(&cross.armed) != round)
		thread_block();
	/* Before, in and after the first call. */
	until = clock_ns() + round % 30 * (CROSS_CALLBACK_NS / 10);
	while (clock_ns() < until)
		cpu_relax();
	timer_cancel(&cross.timer);
	SELFTEST_CHECK(!atomic_load_acquire(&cross.inside));
	SELFTEST_CHECK(!timer_armed(&cross.timer));
	calls = atomic_load_relaxed(&cross.calls);
	thread_block_until(clock_ns() + 3 * CROSS_CALLBACK_NS);
	SELFTEST_CHECK(atomic_load_relaxed(&cross.calls) == calls);
	return 0;
}

static int test_cross(void)
{
	struct thread_spec spec = { .name = "selftest/timer", .fn = cross_arm };
	int failed = 0;

	spec.cpu = (s32)((thread_current()->cpu + 1) % cpu_count());
	timer_init(&cross.timer, cross_fire);
	cross.round = cross.armed = cross.calls = 0;
	cross.canceller = thread_current();
	cross.armer = thread_create(&spec);
	SELFTEST_CHECK(cross.armer);
	thread_start(cross.armer);
	for (u32 round = 1; round <= CROSS_ROUNDS; round++)
		failed |= cross_round(round);
	thread_join(cross.armer);
	SELFTEST_CHECK(cross.calls);
	return failed;
}
SELFTEST(timer_cross, "timer-cross", test_cross);
