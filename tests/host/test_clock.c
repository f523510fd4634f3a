/*
 * core/clock.h: conversions against exact arithmetic, rounding, deadlines that are never early.
 *
 * sources: core/clock.c
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "tests/host/harness.h"

static const u64 khz[] = { 1000, 32768, 999999, 1000000, 1000001, 2400000, 2893437, 5300000 };

/* ticks * 10^6 / khz, rounded down. */
static u64 exact_ns(u64 ticks, u64 f)
{
	return (u64)((unsigned __int128)ticks * 1000000 / f);
}

TEST(before_init_there_is_no_time)
{
	CHECK_EQ(clock_ns(), 0);
}

TEST(ticks_to_ns)
{
	static const u64 ticks[] = { 0,         1, 2, 999, 12345678, 1ULL << 32, 0xfffffffffffULL,
				     1ULL << 55 };

	for (unsigned i = 0; i < ARRAY_LEN(khz); i++) {
		clock_init(khz[i], 0);
		for (unsigned j = 0; j < ARRAY_LEN(ticks); j++) {
			u64 want = exact_ns(ticks[j], khz[i]), got = clock_tsc_to_ns(ticks[j]);

			if ((unsigned __int128)ticks[j] * 1000000 / khz[i] >> 64)
				CHECK_EQ(got, ~0ULL);
			else
				CHECK(got == want || got + 1 == want);
		}
	}
}

TEST(a_second_is_a_second)
{
	for (unsigned i = 0; i < ARRAY_LEN(khz); i++) {
		u64 ns, ticks;

		clock_init(khz[i], 0);
		ns = clock_tsc_to_ns(khz[i] * 1000);
		CHECK(ns == 1000000000 || ns == 999999999);
		ticks = clock_ns_to_tsc(1000000000);
		CHECK(ticks == khz[i] * 1000 || ticks == khz[i] * 1000 - 1);
	}
}

/* 30 years on, the error is still below two ticks' worth. */
TEST(no_drift)
{
	u64 ns = 30ULL * 365 * 86400 * 1000000000;

	for (unsigned i = 0; i < ARRAY_LEN(khz); i++) {
		u64 back;

		clock_init(khz[i], 0);
		back = clock_tsc_to_ns(clock_ns_to_tsc(ns));
		CHECK(back <= ns && ns - back <= 2 + 2 * 1000000 / khz[i]);
	}
}

TEST(deadlines_are_never_early_and_tight)
{
	for (unsigned i = 0; i < ARRAY_LEN(khz); i++) {
		clock_init(khz[i], 0);
		for (u64 ns = 1; ns < 1ULL << 60; ns = ns * 7 + 3) {
			u64 base = clock_deadline_tsc(0);
			u64 ticks = clock_deadline_tsc(ns) - base;

			CHECK(clock_tsc_to_ns(ticks) >= ns);
			CHECK(clock_tsc_to_ns(ticks - 1) < ns);
		}
	}
}

TEST(a_deadline_out_of_reach_saturates)
{
	clock_init(5300000, 0);
	CHECK_EQ(clock_deadline_tsc(~0ULL), ~0ULL);
	CHECK_EQ(clock_ns_to_tsc(~0ULL), ~0ULL);
}

TEST(time_passes)
{
	u64 a, b;

	clock_init(1000000, 86400);
	a = clock_ns();
	b = rdtsc();
	while (rdtsc() - b < 2000000)
		;
	b = clock_ns();
	CHECK(b - a >= 2000000);
	CHECK(b < 1000000000ULL * 3600);
	CHECK(clock_wall_s() >= 86400 && clock_wall_s() < 86400 + 3600);
	CHECK_EQ(clock_tsc_khz(), 1000000);
}

TEST(zero_frequency_panics)
{
	CHECK_PANIC(clock_init(0, 0));
}
