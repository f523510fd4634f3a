/*
 * core/quota.h: never more than the limit in a period, and never less for who wants it.
 *
 * sources: core/quota.c
 */
#include "core/quota.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

#define MS 1000000ULL

static struct quota q;
static u64 now;

static void setup(u64 limit, u64 period)
{
	now = 12345 * MS;
	quota_set(&q, limit, period, now);
}

static void run(u64 ns)
{
	now += ns;
	quota_charge(&q, ns, now);
}

static void rest(u64 ns)
{
	now += ns;
	quota_charge(&q, 0, now);
}

TEST(no_limit)
{
	struct quota zero = { 0 };

	quota_charge(&zero, 5 * MS, 7 * MS);
	CHECK(!quota_exhausted(&zero));
	CHECK_EQ(quota_left(&zero), ~0ULL);
	setup(0, 100 * MS);
	run(1000 * MS);
	CHECK(!quota_exhausted(&q));
	setup(100 * MS, 100 * MS);
	run(1000 * MS);
	CHECK(!quota_exhausted(&q));
	CHECK_EQ(quota_left(&q), ~0ULL);
}

TEST(the_limit_is_the_limit)
{
	setup(25 * MS, 100 * MS);
	CHECK_EQ(quota_left(&q), 25 * MS);
	run(25 * MS - 1);
	CHECK(!quota_exhausted(&q));
	CHECK_EQ(quota_left(&q), 1);
	run(1);
	CHECK(quota_exhausted(&q));
	CHECK_EQ(quota_left(&q), 0);
	CHECK_EQ(quota_end(&q), 12345 * MS + 100 * MS);
	rest(75 * MS - 1);
	CHECK(quota_exhausted(&q));
	rest(1);
	CHECK(!quota_exhausted(&q));
	CHECK_EQ(quota_left(&q), 25 * MS);
	CHECK_EQ(quota_end(&q), 12345 * MS + 200 * MS);
}

TEST(what_was_too_much_is_taken_off)
{
	setup(25 * MS, 100 * MS);
	run(30 * MS);
	CHECK(quota_exhausted(&q));
	rest(70 * MS);
	CHECK_EQ(quota_left(&q), 20 * MS);
	/* A stop of the machine is not held against it for long. */
	run(3600 * 1000 * MS);
	CHECK(quota_exhausted(&q));
	rest(200 * MS);
	CHECK_EQ(quota_left(&q), 25 * MS);
}

TEST(what_was_too_little_is_gone)
{
	setup(25 * MS, 100 * MS);
	run(5 * MS);
	rest(95 * MS);
	CHECK_EQ(quota_left(&q), 25 * MS);
	rest(1000 * MS);
	CHECK_EQ(quota_left(&q), 25 * MS);
	CHECK_EQ(quota_end(&q), 12345 * MS + 1200 * MS);
}

TEST(across_the_border)
{
	setup(25 * MS, 100 * MS);
	rest(90 * MS);
	run(15 * MS); /* 10 before, 5 after */
	CHECK_EQ(quota_left(&q), 20 * MS);
	rest(175 * MS);
	run(30 * MS); /* 20 before, 10 after */
	CHECK_EQ(quota_left(&q), 15 * MS);
}

TEST(tiny_times_are_raised)
{
	setup(1, 1);
	CHECK_EQ(q.limit_ns, 0); /* all of the period: no limit */
	setup(1, 2);
	CHECK_EQ(q.period_ns, QUOTA_PERIOD_MIN_NS);
	CHECK_EQ(q.limit_ns, QUOTA_LIMIT_MIN_NS);
	setup(1, 0);
	CHECK_EQ(q.limit_ns, 0);
}

TEST(huge_times_do_not_overflow)
{
	setup(~0ULL / 8, ~0ULL / 4);
	run(~0ULL / 16);
	CHECK(!quota_exhausted(&q));
	run(~0ULL / 16 + 2);
	CHECK(quota_exhausted(&q));
}

/* Whoever runs whenever it may, now and then a little too long, has its share in the long run. */
TEST(share)
{
	for (unsigned round = 0; round < 50; round++) {
		u64 period = (1 + rand_below(200)) * MS, limit = period / (2 + rand_below(9));
		u64 ran = 0, begin;

		setup(limit, period);
		begin = now;
		while (now - begin < 300 * period) {
			u64 ns = 1 + rand_below(period);

			ns = MIN(ns, quota_left(&q));
			if (quota_exhausted(&q)) {
				rest(quota_end(&q) - now);
				continue;
			}
			if (!rand_below(8))
				ns += rand_below(q.limit_ns / 10);
			run(ns);
			ran += ns;
		}
		CHECK(ran >= q.limit_ns * 299 && ran <= q.limit_ns * 302);
	}
}
