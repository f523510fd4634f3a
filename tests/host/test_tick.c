/*
 * vdev/tick.h: what each policy does with ticks that are on time, a little late, late by periods. Worked out by hand
 * from the words of libvirt's "Time keeping" on tickpolicy, for a period of 10.
 *
 * sources: vdev/tick.c vm/state.c
 */
#include "vdev/tick.h"

#include "tests/host/harness.h"
#include "vm/state.h"

#define PERIOD 10

/* Looks at the times at[]; yes has 1 for each that a tick is given at. Behind the last the next is due at next. */
static void check(enum tick_policy policy, const u64 *at, const char *yes, u64 next)
{
	struct tick t = { .policy = policy };

	tick_start(&t);
	for (u32 i = 0; yes[i]; i++)
		CHECK_EQ(tick_take(&t, at[i], PERIOD, 0), yes[i] == '1');
	CHECK_EQ(tick_next(&t, PERIOD), next);
}

TEST(on_time)
{
	static const u64 at[] = { 9, 10, 11, 19, 20, 30, 39 };

	for (u32 p = TICK_DELAY; p <= TICK_DISCARD; p++)
		check((enum tick_policy)p, at, "0100110", 40);
}

/* Later than it was due, but before the next: each is given, and the next comes at its time. */
TEST(a_little_late)
{
	static const u64 at[] = { 10, 29, 30, 39, 40 };

	for (u32 p = TICK_DELAY; p <= TICK_DISCARD; p++)
		check((enum tick_policy)p, at, "11101", 50);
}

/* Nothing between 20 and 57: the third was due at 30, the fourth at 40, the fifth at 50. */
TEST(late_by_periods)
{
	static const u64 at[] = { 10, 20, 57, 57, 57, 57, 60, 66, 67, 70, 77 };

	check(TICK_CATCHUP, at, "11111010010", 80);
	check(TICK_MERGE, at, "11100010010", 80);
	check(TICK_DISCARD, at, "11000010010", 80);
	check(TICK_DELAY, at, "11100000101", 87);
}

/* As late as the next would have been. */
TEST(late_by_one)
{
	static const u64 at[] = { 10, 30, 30, 40 };

	check(TICK_CATCHUP, at, "1111", 50);
	check(TICK_MERGE, at, "1101", 50);
	check(TICK_DISCARD, at, "1001", 50);
	check(TICK_DELAY, at, "1101", 50);
}

/* Periods shorter than the host's timers: what these are late by is not the guest's fault. */
TEST(slack)
{
	struct tick t = { .policy = TICK_DISCARD };

	CHECK(tick_take(&t, 59, PERIOD, 50));
	CHECK_EQ(tick_next(&t, PERIOD), 60);
	CHECK(!tick_take(&t, 110, PERIOD, 50));
	CHECK_EQ(tick_next(&t, PERIOD), 120);
	t = (struct tick){ .policy = TICK_DELAY };
	CHECK(tick_take(&t, 59, PERIOD, 50));
	CHECK_EQ(t.shift, 0);
}

TEST(owed_is_bounded)
{
	struct tick t = { .policy = TICK_CATCHUP };
	u32 given = 0;

	while (tick_take(&t, 1000000, PERIOD, 0))
		given++;
	CHECK_EQ(given, 251); /* the one that came late, and those that it left */
	CHECK_EQ(tick_next(&t, PERIOD), 1000010);
	tick_start(&t);
	CHECK_EQ(tick_owed(&t, 57, PERIOD), 5);
	tick_skip(&t, 57, PERIOD);
	CHECK_EQ(tick_owed(&t, 57, PERIOD), 0);
	CHECK_EQ(tick_next(&t, PERIOD), 60);
}

/* The counts of a hundred years of the fastest clock. */
TEST(large_numbers)
{
	struct tick t = { .policy = TICK_MERGE };
	u64 years = 100ull * 365 * 86400 * 100000000;

	CHECK(tick_take(&t, years, 1, 0));
	CHECK_EQ(tick_next(&t, 1), years + 1);
	CHECK(!tick_take(&t, years, 1, 0));
}

static int round_trip(struct tick *from, struct tick *to, u64 elapsed, u64 elapsed_then)
{
	u8 buf[256];
	struct state s;

	state_init_save(&s, buf, sizeof(buf));
	state_begin(&s, "t", 0, 1);
	tick_state(&s, from, elapsed, PERIOD);
	state_end(&s);
	state_init_load(&s, buf, state_size(&s));
	state_begin(&s, "t", 0, 1);
	tick_state(&s, to, elapsed_then, PERIOD);
	state_end(&s);
	return state_result(&s);
}

TEST(state)
{
	struct tick t = { .policy = TICK_CATCHUP }, u = { .policy = TICK_CATCHUP };

	CHECK(tick_take(&t, 57, PERIOD, 0));
	CHECK_EQ(round_trip(&t, &u, 57, 57), 0);
	CHECK_EQ(u.served, 1);
	/* A timer that is younger than its ticks. */
	CHECK(round_trip(&t, &u, 57, 39));
	t = (struct tick){ .policy = TICK_DELAY };
	u = t;
	CHECK(tick_take(&t, 57, PERIOD, 0));
	CHECK_EQ(round_trip(&t, &u, 58, 58), 0);
	CHECK_EQ(u.shift, 47);
	CHECK_EQ(tick_next(&u, PERIOD), 67);
	CHECK(round_trip(&t, &u, 58, 46));
	u.policy = TICK_MERGE;
	CHECK(round_trip(&t, &u, 58, 58));
}
