/*
 * core/runq.h: order, shares over simulated time, sleepers, preemption.
 *
 * sources: core/runq.c core/quota.c lib/cpuset.c lib/fmt.c lib/string.c arch/lock.c
 */
#include "core/runq.h"
#include "core/thread.h"
#include "tests/host/harness.h"

static struct thread idle, t[4];
static struct runq rq;
static u64 now;

static void setup(void)
{
	now = 1000;
	idle = (struct thread){ .weight = 1024, .state = THREAD_RUNNING };
	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		t[i] = (struct thread){ .weight = 1024, .state = THREAD_NEW };
	runq_init(&rq, &idle, now);
}

static void wake(struct thread *w, bool fresh)
{
	runq_charge(&rq, now);
	runq_place(&rq, w, fresh ? RUNQ_NEW : RUNQ_WAKE);
	w->state = THREAD_READY;
	runq_add(&rq, w);
}

/* What core/sched.c does at the end of a slice. */
static struct thread *next(void)
{
	struct thread *n;

	runq_charge(&rq, now);
	if (rq.current != &idle && rq.current->state == THREAD_RUNNING) {
		rq.current->state = THREAD_READY;
		runq_add(&rq, rq.current);
	}
	n = runq_take(&rq);
	if (!n)
		n = &idle;
	n->state = THREAD_RUNNING;
	if (n != rq.current)
		n->started_ns = rq.charged_ns;
	rq.current = n;
	return n;
}

static void run(u64 ns)
{
	while (ns) {
		u64 step = MIN(ns, RUNQ_SLICE_NS);

		now += step;
		ns -= step;
		next();
	}
}

static void sleep_current(void)
{
	rq.current->state = THREAD_BLOCKED;
	next();
}

/* Whether it has run so many slices, give or take two. */
static bool ran(const struct thread *r, u64 slices)
{
	return r->runtime_ns >= (slices - 2) * RUNQ_SLICE_NS &&
	       r->runtime_ns <= (slices + 2) * RUNQ_SLICE_NS;
}

TEST(empty_takes_nothing)
{
	setup();
	CHECK(!runq_take(&rq));
	CHECK_EQ(rq.ready_count, 0);
	now += 12345;
	runq_charge(&rq, now);
	CHECK_EQ(idle.runtime_ns, 12345);
}

TEST(least_vruntime_first_then_in_order)
{
	setup();
	for (unsigned i = 0; i < 4; i++) {
		t[i].vruntime = rq.min_vruntime + (u64[]){ 30, 10, 20, 10 }[i];
		t[i].state = THREAD_READY;
		runq_add(&rq, &t[i]);
	}
	CHECK_EQ(rq.ready_count, 4);
	CHECK(runq_take(&rq) == &t[1]);
	CHECK(runq_take(&rq) == &t[3]);
	CHECK(runq_take(&rq) == &t[2]);
	CHECK(runq_take(&rq) == &t[0]);
	CHECK(!runq_take(&rq));
	CHECK_EQ(rq.ready_count, 0);
}

TEST(shares_follow_weights)
{
	setup();
	t[0].weight = 512;
	t[1].weight = 1024;
	t[2].weight = 2048;
	for (unsigned i = 0; i < 3; i++)
		wake(&t[i], true);
	next();
	run(700 * RUNQ_SLICE_NS);
	CHECK(ran(&t[0], 100));
	CHECK(ran(&t[1], 200));
	CHECK(ran(&t[2], 400));
	CHECK_EQ(t[0].runtime_ns + t[1].runtime_ns + t[2].runtime_ns, 700 * RUNQ_SLICE_NS);
}

/* Two that have a share together have half of what one has that is alone; one of them alone has all of it. */
TEST(a_group_has_one_share)
{
	struct thread_group group = { .active = 2 };

	setup();
	t[0].group = t[1].group = &group;
	for (unsigned i = 0; i < 3; i++)
		wake(&t[i], true);
	next();
	run(400 * RUNQ_SLICE_NS);
	CHECK(ran(&t[0], 100));
	CHECK(ran(&t[1], 100));
	CHECK_EQ(t[0].runtime_ns + t[1].runtime_ns + t[2].runtime_ns, 400 * RUNQ_SLICE_NS);
	while (rq.current != &t[0])
		run(RUNQ_SLICE_NS);
	group.active = 1;
	sleep_current();
	now += RUNQ_SLICE_NS;
	next();
	t[1].runtime_ns = t[2].runtime_ns = 0;
	run(400 * RUNQ_SLICE_NS);
	CHECK(ran(&t[1], 200));
}

/* Members that take turns to sleep, each for as long as another one runs, have no more than one share either. */
TEST(a_group_gains_nothing_by_taking_turns)
{
	struct thread_group group = { .active = 1 };
	unsigned turn = 0;

	setup();
	for (unsigned i = 0; i < 3; i++)
		t[i].group = &group;
	wake(&t[3], true);
	wake(&t[0], true);
	next();
	for (unsigned i = 0; i < 400; i++) {
		now += RUNQ_SLICE_NS;
		if (rq.current == &t[turn]) {
			sleep_current();
			turn = (turn + 1) % 3;
			wake(&t[turn], t[turn].state == THREAD_NEW);
		}
		next();
	}
	CHECK(t[3].runtime_ns >= 195 * RUNQ_SLICE_NS);
	CHECK(t[3].runtime_ns <= 205 * RUNQ_SLICE_NS);
}

/* A second of sleep is not a second of credit: the others get their turn again soon. */
TEST(a_sleeper_does_not_starve_others)
{
	u64 before;

	setup();
	wake(&t[0], true);
	wake(&t[1], true);
	next();
	sleep_current();
	run(200 * RUNQ_SLICE_NS);
	before = t[1].runtime_ns;
	CHECK(before >= 199 * RUNQ_SLICE_NS);
	wake(&t[0], false);
	CHECK_EQ(runq_left(&rq), 0);
	run(20 * RUNQ_SLICE_NS);
	CHECK(t[1].runtime_ns - before >= 9 * RUNQ_SLICE_NS);
	CHECK(t[1].runtime_ns - before <= 11 * RUNQ_SLICE_NS);
}

TEST(a_new_thread_has_no_credit_and_no_debt)
{
	setup();
	wake(&t[0], true);
	next();
	run(1000 * RUNQ_SLICE_NS);
	wake(&t[1], true);
	CHECK_EQ(t[1].vruntime, t[0].vruntime);
	CHECK_EQ(runq_left(&rq), RUNQ_SLICE_NS);
	run(10 * RUNQ_SLICE_NS);
	CHECK(t[1].runtime_ns >= 4 * RUNQ_SLICE_NS && t[1].runtime_ns <= 6 * RUNQ_SLICE_NS);
}

/* A short nap does not earn the right to go before those who waited. */
TEST(a_nap_keeps_its_place)
{
	u64 was;

	setup();
	wake(&t[0], true);
	wake(&t[1], true);
	CHECK(next() == &t[0]);
	now += RUNQ_SLICE_NS;
	sleep_current();
	was = t[0].vruntime;
	wake(&t[0], false);
	CHECK_EQ(t[0].vruntime, was);
	CHECK_EQ(runq_left(&rq), RUNQ_SLICE_NS);
}

TEST(idle_gives_way_to_anyone)
{
	setup();
	CHECK_EQ(runq_left(&rq), RUNQ_NONE);
	wake(&t[0], true);
	CHECK_EQ(runq_left(&rq), 0);
}

/* Whoever is to give way to one that wakes has run a little before: else switches would be most of what it has. */
TEST(nobody_is_stopped_at_once)
{
	setup();
	wake(&t[0], true);
	wake(&t[1], true);
	CHECK(next() == &t[0]);
	sleep_current();
	CHECK(rq.current == &t[1]);
	t[1].vruntime += 10 * RUNQ_SLICE_NS;
	now += 1000;
	wake(&t[0], false);
	CHECK_EQ(runq_left(&rq), RUNQ_RUN_MIN_NS - 1000);
	now += RUNQ_RUN_MIN_NS - 1001;
	runq_charge(&rq, now);
	CHECK_EQ(runq_left(&rq), 1);
	now++;
	runq_charge(&rq, now);
	CHECK_EQ(runq_left(&rq), 0);
}

/* One endless run (a machine that stood still) costs a bounded time. */
TEST(debt_is_bounded)
{
	u64 start;

	setup();
	wake(&t[0], true);
	wake(&t[1], true);
	CHECK(next() == &t[0]);
	now += 3600ULL * 1000000000;
	CHECK(next() == &t[1]);
	start = now;
	while (rq.current != &t[0] && now - start < 10000 * RUNQ_SLICE_NS)
		run(RUNQ_SLICE_NS);
	CHECK(now - start <= RUNQ_DEBT_MAX_NS + 2 * RUNQ_SLICE_NS);
}

TEST(a_clock_that_runs_back_charges_nothing)
{
	u64 v;

	setup();
	wake(&t[0], true);
	next();
	now += 1000;
	runq_charge(&rq, now);
	v = t[0].vruntime;
	runq_charge(&rq, now - 500);
	CHECK_EQ(t[0].vruntime, v);
	CHECK_EQ(t[0].runtime_ns, 1000);
	runq_charge(&rq, now);
	CHECK_EQ(t[0].runtime_ns, 1000);
}

TEST(years_in_one_run_do_not_overflow)
{
	setup();
	t[0].weight = 1;
	wake(&t[0], true);
	next();
	now += 1ULL << 62;
	runq_charge(&rq, now);
	CHECK_EQ(t[0].runtime_ns, 1ULL << 62);
	CHECK(t[0].vruntime < 1ULL << 62);
}

TEST(pass_lets_another_one_run)
{
	setup();
	wake(&t[0], true);
	wake(&t[1], true);
	CHECK(next() == &t[0]);
	t[1].vruntime += 1000;
	runq_pass(&rq);
	CHECK(next() == &t[1]);
	/* Nobody else there: no harm. */
	setup();
	wake(&t[0], true);
	CHECK(next() == &t[0]);
	runq_pass(&rq);
	CHECK(next() == &t[0]);
	setup();
	runq_pass(&rq);
	CHECK(next() == &idle);
}

/* current's place in the line and what is left of its slice are the heir's, whoever else waits. */
TEST(an_heir_takes_the_place)
{
	setup();
	for (unsigned i = 0; i < 3; i++)
		wake(&t[i], true);
	CHECK(next() == &t[0]);
	now += RUNQ_SLICE_NS / 5;
	t[2].vruntime += RUNQ_SLICE_NS;
	runq_charge(&rq, now);

	u64 own = t[0].vruntime, its = t[2].vruntime;

	CHECK(t[1].vruntime < own);
	runq_hand(&rq, &t[2]);
	CHECK_EQ(rq.ready_count, 2);
	CHECK_EQ(t[2].vruntime, own);
	CHECK_EQ(t[0].vruntime, its);
	CHECK(next() == &t[2]);
	CHECK(!rq.heir);
	/* Then it goes on as ever. */
	CHECK(next() == &t[1]);
}

/* Who is behind already stays so; a slice that is over is not handed on, and who leaves is no heir any more. */
TEST(who_is_no_heir)
{
	setup();
	for (unsigned i = 0; i < 3; i++)
		wake(&t[i], true);
	CHECK(next() == &t[0]);
	now += RUNQ_SLICE_NS / 2;
	runq_charge(&rq, now);

	u64 own = t[0].vruntime, its = t[2].vruntime;

	runq_hand(&rq, &t[2]);
	CHECK_EQ(t[2].vruntime, its);
	CHECK_EQ(t[0].vruntime, own);
	CHECK(rq.heir == &t[2]);
	runq_remove(&rq, &t[2]);
	CHECK(!rq.heir);
	runq_add(&rq, &t[2]);
	t[0].need_resched = true;
	t[2].vruntime = own + 1;
	runq_hand(&rq, &t[2]);
	CHECK(!rq.heir);
	CHECK_EQ(t[2].vruntime, own);
	CHECK(next() == &t[1]);
}

/* Two of a group that hand the CPU to and fro without end have what one would have beside a neighbour. */
TEST(handing_on_gains_nothing)
{
	struct thread_group group = { 0 };
	u64 ran;

	setup();
	t[0].group = t[1].group = &group;
	group.active = 2;
	for (unsigned i = 0; i < 3; i++)
		wake(&t[i], true);
	for (u32 i = 0; i < 40000; i++) {
		struct thread *cur = rq.current;

		now += RUNQ_SLICE_NS / 10;
		if (i % 10 == 0 || cur == &t[2] || cur == &idle) {
			if (i % 10 == 0)
				next();
			else
				runq_charge(&rq, now);
			continue;
		}
		runq_charge(&rq, now);
		runq_hand(&rq, cur == &t[0] ? &t[1] : &t[0]);
		CHECK(next() != &t[2]);
	}
	ran = t[0].runtime_ns + t[1].runtime_ns;
	CHECK(ran * 50 > t[2].runtime_ns * 49 && ran * 50 < t[2].runtime_ns * 51);
}

TEST(min_vruntime_never_falls)
{
	u64 last;

	setup();
	last = rq.min_vruntime;
	for (unsigned i = 0; i < 400; i++) {
		struct thread *w = &t[i * 7 % 4];

		if (w->state == THREAD_NEW || w->state == THREAD_BLOCKED)
			wake(w, w->state == THREAD_NEW);
		run(RUNQ_SLICE_NS / 3);
		if (i % 3 == 0 && rq.current != &idle)
			sleep_current();
		CHECK(rq.min_vruntime >= last);
		last = rq.min_vruntime;
	}
}

/* Only what has nothing left in its CPU goes, and only where it may. */
TEST(what_may_be_moved)
{
	setup();
	for (unsigned i = 0; i < 4; i++) {
		t[i].cpus.word[0] = 2;
		wake(&t[i], true);
	}
	CHECK(!runq_movable_to(&rq, 0));
	CHECK(runq_movable_to(&rq, 1) == &t[0]);
	t[0].on_stack = true;
	CHECK(!runq_movable(&t[0]));
	CHECK(runq_movable_to(&rq, 1) == &t[1]);
	t[1].bound = true;
	CHECK(!runq_movable(&t[1]));
	CHECK(runq_movable_to(&rq, 1) == &t[2]);
	t[2].preempted = true;
	CHECK(!runq_movable(&t[2]));
	CHECK(runq_movable_to(&rq, 1) == &t[3]);
	runq_remove(&rq, &t[3]);
	CHECK_EQ(rq.ready_count, 3);
	CHECK(!runq_movable_to(&rq, 1));
}

/* One that comes from another queue brings what it lacks or has too much, up to a limit. */
TEST(a_moved_thread_keeps_its_place)
{
	u64 min;

	setup();
	wake(&t[0], true);
	next();
	min = rq.min_vruntime;
	t[1].vruntime = min - RUNQ_LEAD_NS;
	runq_place(&rq, &t[1], RUNQ_MOVED);
	CHECK_EQ(t[1].vruntime, min - RUNQ_LEAD_NS);
	t[1].vruntime = 0;
	runq_place(&rq, &t[1], RUNQ_MOVED);
	CHECK_EQ(t[1].vruntime, min - RUNQ_LAG_MAX_NS);
	t[1].vruntime = ~0ULL;
	runq_place(&rq, &t[1], RUNQ_MOVED);
	CHECK_EQ(t[1].vruntime, min + RUNQ_LAG_MAX_NS);
}

TEST(queues_keep_pace)
{
	u64 min, lag;

	setup();
	wake(&t[0], true);
	wake(&t[1], true);
	next();
	run(RUNQ_SLICE_NS);
	min = rq.min_vruntime;
	lag = t[0].vruntime - t[1].vruntime;
	CHECK_EQ(runq_follow(&rq, min + RUNQ_LAG_MAX_NS), min + RUNQ_LAG_MAX_NS);
	CHECK_EQ(rq.min_vruntime, min);
	CHECK_EQ(runq_follow(&rq, min - 1), min);
	CHECK_EQ(runq_follow(&rq, min + 5 * RUNQ_LAG_MAX_NS), min + 5 * RUNQ_LAG_MAX_NS);
	CHECK_EQ(rq.min_vruntime, min + 4 * RUNQ_LAG_MAX_NS);
	CHECK_EQ(t[0].vruntime - t[1].vruntime, lag);
	CHECK_EQ(runq_least(&rq), rq.min_vruntime);
}

TEST(the_least_of_none)
{
	setup();
	CHECK_EQ(runq_least(&rq), RUNQ_NONE);
	wake(&t[0], true);
	CHECK_EQ(runq_least(&rq), t[0].vruntime);
	next();
	CHECK_EQ(runq_least(&rq), t[0].vruntime);
	sleep_current();
	CHECK_EQ(runq_least(&rq), RUNQ_NONE);
}

TEST(running_uses_up_the_quota)
{
	setup();
	quota_set(&t[0].quota, 10, 1000000000, now);
	t[0].quota.limit_ns = RUNQ_SLICE_NS;
	wake(&t[0], true);
	next();
	now += RUNQ_SLICE_NS - 1;
	runq_charge(&rq, now);
	CHECK(!quota_exhausted(&t[0].quota));
	runq_charge(&rq, ++now);
	CHECK(quota_exhausted(&t[0].quota));
}
