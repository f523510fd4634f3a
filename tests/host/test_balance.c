/*
 * core/balance.h and core/runq.h together: simulated CPUs with real run queues (sim_cpus.h), stepped through time. Shares
 * over all CPUs, pins, threads that must not be moved, idle CPUs.
 *
 * sources: core/balance.c core/coresched.c core/runq.c core/quota.c lib/cpuset.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_percpu.h
 */
#include "tests/host/sim_cpus.h"

/* n equal threads on count CPUs: each has its share within a hundredth. */
static void equal(u32 n, u32 count)
{
	u64 got[THREADS];

	setup(count);
	for (u32 i = 0; i < n; i++)
		spawn(0, 1024);
	run(200 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < n; i++)
		check_share(got[i], LONG * MIN(count, n) / n, 10);
}

TEST(three_on_two)
{
	equal(3, 2);
}

TEST(eight_on_two)
{
	equal(8, 2);
}

TEST(other_numbers)
{
	static const u32 counts[][2] = { { 1, 1 }, { 5, 1 },  { 2, 2 }, { 5, 2 }, { 7, 2 },
					 { 4, 3 }, { 5, 3 },  { 5, 4 }, { 6, 4 }, { 7, 4 },
					 { 9, 4 }, { 17, 4 }, { 2, 4 }, { 4, 4 } };

	for (u32 i = 0; i < ARRAY_LEN(counts); i++)
		equal(counts[i][0], counts[i][1]);
}

/* Weights where nobody's share is more than a CPU. */
TEST(weights)
{
	static const u32 weights[] = { 512, 1024, 2048, 1024, 512 };
	u64 got[THREADS];

	setup(2);
	for (u32 i = 0; i < ARRAY_LEN(weights); i++)
		spawn(i % 2, weights[i]);
	run(200 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < ARRAY_LEN(weights); i++)
		check_share(got[i], 2 * LONG * weights[i] / 5120, 20);
}

/* More than a CPU is nobody's: what it cannot use goes to the others by their weights. */
TEST(more_than_a_cpu)
{
	u64 got[THREADS];

	setup(2);
	spawn(0, 1024);
	spawn(0, 2048);
	spawn(0, 4096);
	run(200 * MS);
	measure(LONG, got);
	check_share(got[0], LONG / 3, 50);
	check_share(got[1], LONG * 2 / 3, 50);
	check_share(got[2], LONG, 30);
}

/* The least and the greatest weight that libvirt knows, beside the usual one. */
TEST(extreme_weights)
{
	u64 got[THREADS];

	setup(2);
	spawn(0, 2);
	spawn(0, 1024);
	spawn(0, 1024);
	run(5000 * MS);
	measure(LONG, got);
	CHECK(got[0] <= LONG / 50);
	check_share(got[1], LONG, 20);
	check_share(got[2], LONG, 20);
	setup(2);
	spawn(0, 262144);
	spawn(0, 1024);
	spawn(0, 1024);
	run(1000 * MS);
	measure(LONG, got);
	check_share(got[0], LONG, 20);
	check_share(got[1], LONG / 2, 30);
	check_share(got[2], LONG / 2, 30);
}

/* Nothing moves where everyone has its share without. */
TEST(balanced_is_left_alone)
{
	u64 got[THREADS];
	u32 moves = 0;

	setup(2);
	for (u32 i = 0; i < 8; i++)
		spawn(0, 1024);
	run(500 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 8; i++)
		moves += threads[i].moves;
	CHECK(moves <= 20);
}

/* Three on two take turns, but not more often than that takes. */
TEST(moves_are_few)
{
	u64 got[THREADS];
	u32 moves = 0;

	setup(2);
	for (u32 i = 0; i < 3; i++)
		spawn(0, 1024);
	run(500 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 3; i++)
		moves += threads[i].moves;
	CHECK(moves >= 100 && moves <= 1000);
}

static void pin(struct sim_thread *s, u64 set)
{
	struct cpuset cpus_set = { { set } };

	here = 0;
	CHECK_EQ(thread_set_cpus(&s->t, &cpus_set), 0);
}

TEST(pins_are_kept)
{
	u64 got[THREADS];

	setup(2);
	for (u32 i = 0; i < 4; i++)
		spawn(0, 1024);
	for (u32 i = 0; i < 3; i++)
		pin(&threads[i], 1);
	run(100 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 3; i++) {
		check_share(got[i], LONG / 3, 10);
		CHECK_EQ(threads[i].t.cpu, 0);
		CHECK_EQ(threads[i].moves, 0);
	}
	check_share(got[3], LONG, 10);
	/* All over to the other side, running, ready and alone. */
	for (u32 i = 0; i < 4; i++)
		pin(&threads[i], 2);
	run(100 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 4; i++) {
		check_share(got[i], LONG / 4, 10);
		CHECK_EQ(threads[i].t.cpu, 1);
	}
	CHECK(cpus[0].rq.current == &cpus[0].idle);
	/* And free: what was before is soon forgotten. */
	for (u32 i = 0; i < 4; i++)
		pin(&threads[i], 3);
	run(500 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 4; i++)
		check_share(got[i], LONG / 2, 10);
}

TEST(pins_that_cannot_be)
{
	struct cpuset set = { { BIT(CPUS) } }, was;

	setup(2);
	spawn(0, 1024);
	CHECK_EQ(thread_set_cpus(&threads[0].t, &set), -EINVAL);
	cpuset_zero(&set);
	CHECK_EQ(thread_set_cpus(&threads[0].t, &set), -EINVAL);
	thread_get_cpus(&threads[0].t, &was);
	CHECK_EQ(was.word[0], 3);
}

/* Threads that cannot be moved stay; the others even out around them. */
TEST(what_cannot_be_moved_stays)
{
	u64 got[THREADS];

	setup(2);
	for (u32 i = 0; i < 4; i++) {
		pin(spawn(0, 1024), 1);
		if (i < 2)
			threads[i].t.preempted = true;
		else
			threads[i].t.bound = i == 2;
	}
	for (u32 i = 0; i < 4; i++)
		threads[i].t.cpus.word[0] = 3;
	run(100 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 3; i++) {
		check_share(got[i], LONG / 3, 10);
		CHECK_EQ(threads[i].t.cpu, 0);
	}
	check_share(got[3], LONG, 10);
}

/* After an hour of inequality by pins, those that had more do not wait an hour. */
TEST(old_debts_are_forgotten)
{
	u64 got[THREADS];

	setup(2);
	for (u32 i = 0; i < 3; i++)
		pin(spawn(0, 1024), i ? 1 : 2);
	now += 3600 * 1000 * MS;
	run(100 * MS);
	threads[0].t.vruntime += 3600 * 1000 * MS;
	run(100 * MS);
	for (u32 i = 0; i < 3; i++)
		pin(&threads[i], 3);
	run(500 * MS);
	measure(1000 * MS, got);
	for (u32 i = 0; i < 3; i++)
		check_share(got[i], 1000 * MS * 2 / 3, 50);
}

/* A CPU with nothing to do sleeps undisturbed, whatever others do that cannot come to it. */
TEST(idle_cpus_are_left_alone)
{
	u64 got[THREADS];

	setup(3);
	for (u32 i = 0; i < 4; i++)
		pin(spawn(i % 2, 1024), BIT(i % 2));
	run(100 * MS);
	cpus[2].interrupts = 0;
	measure(LONG, got);
	CHECK_EQ(cpus[2].interrupts, 0);
	CHECK(cpus[2].rq.current == &cpus[2].idle);
}

/* A lone thread is not disturbed while nobody waits anywhere. */
TEST(alone_means_no_tick)
{
	setup(2);
	spawn(0, 1024);
	spawn(1, 1024);
	run(100 * MS);
	CHECK(!cpus[0].rq.slice.armed && !cpus[1].rq.slice.armed);
	CHECK(cpus[0].rq.current != &cpus[0].idle && cpus[1].rq.current != &cpus[1].idle);
}

/* Who wakes on a busy CPU while another one is idle goes there at once. */
TEST(wakes_go_to_idle_cpus)
{
	struct sim_thread *s;

	setup(2);
	spawn(0, 1024);
	run(10 * MS);
	s = spawn(0, 1024);
	run(STEP);
	CHECK_EQ(s->t.cpu, 1);
	CHECK(s->t.state == THREAD_RUNNING);
}

static void sleeper(u32 cpu, u64 work, u64 rest)
{
	struct sim_thread *s = spawn(cpu, 1024);

	s->work = s->left = work;
	s->rest = rest;
}

/* Sleepers want less than their share and get it; the rest is shared by those who want all. */
TEST(sleepers)
{
	u64 got[THREADS];

	setup(2);
	sleeper(0, 1 * MS, 9 * MS);
	sleeper(1, 2 * MS, 18 * MS);
	for (u32 i = 0; i < 3; i++)
		spawn(0, 1024);
	run(200 * MS);
	measure(LONG, got);
	CHECK(got[0] >= LONG * 85 / 1000 && got[0] <= LONG * 101 / 1000);
	CHECK(got[1] >= LONG * 85 / 1000 && got[1] <= LONG * 101 / 1000);
	for (u32 i = 2; i < 5; i++)
		check_share(got[i], (2 * LONG - got[0] - got[1]) / 3, 20);
}

/* No CPU is idle while a thread waits that could run there, whatever goes on. */
TEST(nobody_waits_for_nothing)
{
	u64 idle_waits = 0, steps = 0;

	setup(4);
	for (u32 i = 0; i < 10; i++)
		sleeper(i % 4, (1 + rand_below(12)) * MS, (1 + rand_below(20)) * MS);
	for (; steps < 20000; steps++) {
		u32 idle = 0, waiting = 0;

		run(STEP);
		for (u32 cpu = 0; cpu < 4; cpu++) {
			idle += cpus[cpu].rq.current == &cpus[cpu].idle;
			waiting += cpus[cpu].rq.ready_count;
		}
		idle_waits += idle && waiting;
		if (!rand_below(50))
			pin(&threads[rand_below(10)], 15);
	}
	/* For the time that an interrupt takes: a step. */
	CHECK(idle_waits <= steps / 50);
}

/* Pins, weights and sleep at random: every check in run() holds, and nobody is lost. */
TEST(random_life)
{
	u64 got[THREADS];

	setup(4);
	for (u32 i = 0; i < 12; i++) {
		if (i % 2)
			sleeper(i % 4, (1 + rand_below(12)) * MS, (1 + rand_below(20)) * MS);
		else
			spawn(i % 4, 64u << rand_below(8));
	}
	for (u32 i = 0; i < 3000; i++) {
		run((1 + rand_below(10)) * STEP);
		pin(&threads[rand_below(12)], 1 + rand_below(15));
	}
	for (u32 i = 0; i < 12; i++) {
		pin(&threads[i], 15);
		threads[i].t.weight = 1024;
	}
	run(3000 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 12; i++)
		CHECK(got[i] >= LONG / 50);
	for (u32 i = 2; i < 12; i += 2)
		check_share(got[i], got[0], 30);
}

/* By topology. */

static void busy(u32 cpu)
{
	spawn(cpu, 1024)->t.cpus.word[0] = BIT(cpu);
}

/* Where a thread that was on CPU cpu comes to that wakes while these others run. */
static u32 wakes_on(u32 cpu, u64 others)
{
	for (u32 i = 0; i < CPUS; i++)
		if (others & BIT(i))
			busy(i);
	run(STEP);
	return spawn(cpu, 1024)->t.cpu;
}

static void setup_as(u32 core, u32 llc, u32 node)
{
	setup(CPUS);
	core_size = core;
	llc_size = llc;
	node_size = node;
	place_threads = core > 1;
	for (here = 0; here < CPUS; here++)
		core_switched(&cpus[here].rq);
}

TEST(an_idle_core_before_a_thread_of_a_busy_one)
{
	setup_as(2, 4, 4);
	CHECK_EQ(wakes_on(1, BIT(0)), 2);
	setup_as(2, 4, 4);
	CHECK_EQ(wakes_on(0, BIT(0) | BIT(2)), 1); /* none is: the nearest */
	setup_as(2, 2, 4);
	CHECK_EQ(wakes_on(2, BIT(0) | BIT(2)), 3);
	setup_as(1, 4, 4);
	CHECK_EQ(wakes_on(1, BIT(0)), 1); /* they are all cores */
}

TEST(the_same_node_before_another)
{
	setup_as(1, 2, 2);
	CHECK_EQ(wakes_on(2, BIT(2)), 3);
	setup_as(1, 2, 2);
	CHECK_EQ(wakes_on(2, BIT(2) | BIT(3)), 0);
	setup_as(2, 2, 2);
	CHECK_EQ(wakes_on(3, BIT(2)), 3); /* the other core is idle, but far */
}

TEST(the_same_cache_before_another)
{
	setup_as(1, 2, 4);
	CHECK_EQ(wakes_on(2, BIT(2)), 3);
	setup_as(1, 2, 4);
	CHECK_EQ(wakes_on(2, BIT(2) | BIT(3)), 0);
}

TEST(who_has_nothing_to_do_looks_near_first)
{
	struct sim_thread *near, *far;

	setup_as(1, 2, 2);
	for (u32 i = 0; i < CPUS; i++)
		busy(i);
	run(20 * MS);
	far = spawn(0, 1024);
	near = spawn(3, 1024);
	CHECK(far->t.cpu == 0 && near->t.cpu == 3);
	far->t.vruntime -= MS; /* it has had less */
	threads[2].t.state = THREAD_BLOCKED;
	here = 2;
	reschedule(2);
	CHECK_EQ(near->t.cpu, 2);
	CHECK_EQ(far->t.cpu, 0);
}

/* Soft affinity. */

static void soften(struct sim_thread *s, u64 set)
{
	struct cpuset soft = { { set } };

	here = 0;
	thread_set_soft(&s->t, &soft);
}

TEST(wakes_where_it_would_rather_be)
{
	struct sim_thread *s;

	setup(4);
	s = spawn(0, 1024);
	run(STEP);
	soften(s, BIT(2) | BIT(3));
	run(2 * STEP);
	CHECK(s->t.cpu == 2 || s->t.cpu == 3); /* running, it is sent */
	s->work = s->left = MS;
	s->rest = 9 * MS;
	run(100 * MS);
	s->moves = 0;
	run(500 * MS);
	CHECK(s->t.cpu == 2 || s->t.cpu == 3);
	CHECK_EQ(s->moves, 0);
	pin(spawn(2, 1024), BIT(2));
	pin(spawn(3, 1024), BIT(3));
	run(100 * MS);
	CHECK(s->t.cpu == 0 || s->t.cpu == 1); /* these are busy, and it does not wait for them */
}

TEST(who_runs_elsewhere_is_called_back)
{
	struct sim_thread *s;
	u64 got[THREADS];

	setup(2);
	busy(1);
	s = spawn(0, 1024);
	soften(s, BIT(1));
	measure(LONG, got);
	check_share(got[0], LONG, 10);
	check_share(got[1], LONG, 10);
	CHECK_EQ(s->t.cpu, 0);
	threads[0].t.state = THREAD_BLOCKED;
	here = 1;
	reschedule(1);
	run(2 * STEP);
	CHECK_EQ(s->t.cpu, 1);
}

TEST(wishes_change_no_shares)
{
	u64 got[THREADS];

	setup(2);
	for (u32 i = 0; i < 5; i++)
		soften(spawn(0, 1024), i < 3 ? 1 : 0);
	run(200 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 5; i++)
		check_share(got[i], LONG * 2 / 5, 20);
}

TEST(pins_go_before_wishes)
{
	struct sim_thread *s;

	setup(4);
	s = spawn(0, 1024);
	run(STEP);
	pin(s, BIT(0) | BIT(1));
	soften(s, BIT(1) | BIT(2));
	run(2 * STEP);
	CHECK_EQ(s->t.cpu, 1);
	soften(s, BIT(3)); /* none that it may run on: no wish at all */
	pin(s, BIT(0) | BIT(1));
	run(100 * MS);
	CHECK(s->t.cpu < 2);
	CHECK(s->t.state == THREAD_RUNNING);
}

/* Where all would rather be on one CPU, those that must go elsewhere are not moved more than others are. */
TEST(wishes_move_nobody_for_nothing)
{
	u64 got[THREADS];
	u32 moves = 0;

	setup(2);
	for (u32 i = 0; i < 8; i++)
		soften(spawn(0, 1024), 1);
	run(500 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 8; i++)
		moves += threads[i].moves;
	CHECK(moves <= 40);
}
