/*
 * Self-tests of the TSCs' comparison: two CPUs' are the same, and one that is set apart is noticed and set back.
 */
#include "arch/cpu.h"
#include "arch/feature.h"
#include "arch/msr.h"
#include "arch/tsc.h"
#include "arch/tscsync.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"

#define APART_MS 50

static struct tsc_pair pair;
static u64 apart; /* ticks that the other CPU is set ahead by meanwhile */
static enum tsc_adjust found;
static bool ran;
static u32 there; /* atomic */

/* Until both are there: a comparison keeps its CPU from starting anything. */
static void wait_both(void)
{
	atomic_fetch_add(&there, 1);
	while (atomic_load_relaxed(&there) < 2)
		thread_yield();
}

/* Its CPU's clock is wrong in between, so that nothing else shall look at it. */
static void other_side(void *arg)
{
	u64 flags, was;

	(void)arg;
	wait_both();
	flags = irq_save();
	if (apart) {
		(void)rdmsr_safe(MSR_TSC_ADJUST, &was);
		(void)wrmsr_safe(MSR_TSC_ADJUST, was + apart);
	}
	(void)tsc_pair_run(&pair, 1);
	if (apart)
		found = tsc_adjust_follow(&was);
	irq_restore(flags);
}

static void one_side(void *arg)
{
	(void)arg;
	wait_both();
	ran = tsc_pair_run(&pair, 0);
}

/* The largest step back, in ticks, between CPUs 0 and 1; ~0: the comparison did not come about. */
static u64 compare(void)
{
	const struct thread_spec specs[2] = {
		{ .name = "selftest/tsc0", .fn = one_side, .cpu = 0 },
		{ .name = "selftest/tsc1", .fn = other_side, .cpu = 1 },
	};
	struct thread *t[2];

	pair = (struct tsc_pair){ 0 };
	there = 0;
	for (u32 i = 0; i < 2; i++) {
		t[i] = thread_create(&specs[i]);
		if (!t[i])
			return ~0ull;
	}
	thread_start(t[0]);
	thread_start(t[1]);
	thread_join(t[0]);
	thread_join(t[1]);
	if (!ran || !(pair.side[0].met + pair.side[1].met))
		return ~0ull;
	return MAX(pair.side[0].back, pair.side[1].back);
}

static int test_same(void)
{
	u64 back, end = clock_ns() + SELFTEST_PATIENCE_NS;

	if (cpu_count() < 2)
		return 0;
	apart = 0;
	/* On an emulator one CPU may stand still while the other compares. */
	do {
		back = compare();
	} while (back == ~0ull && clock_ns() < end);
	if (back > tsc_khz() / 1000)
		return selftest_fail("back by %llu ticks", (unsigned long long)back);
	return 0;
}
SELFTEST(tsc_same, "tsc-same", test_same);

static int test_apart(void)
{
	u64 back, end = clock_ns() + SELFTEST_PATIENCE_NS;

	if (cpu_count() < 2 || !cpu_has(CPU_TSC_ADJUST)) {
		log_info("selftest: no second CPU or no TSC_ADJUST to set apart");
		return 0;
	}
	apart = tsc_khz() * APART_MS;
	/* Nor is a step seen where the one ahead had read all before the other one did. */
	do {
		back = compare();
	} while ((back == ~0ull || !back) && clock_ns() < end);
	if (back == ~0ull || back < apart / 2 || back > apart + apart / 2)
		return selftest_fail("back by %llu ticks instead of %llu", (unsigned long long)back,
				     (unsigned long long)apart);
	SELFTEST_CHECK(found == TSC_ADJUST_SET);
	return test_same();
}
SELFTEST(tsc_apart, "tsc-apart", test_apart);
