/*
 * core/coresched.h on simulated CPUs (sim_cpus.h) that are threads of cores: who may run beside whom, in turns and by shares.
 *
 * sources: core/balance.c core/coresched.c core/runq.c core/quota.c lib/cpuset.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_percpu.h
 */
#include "tests/host/sim_cpus.h"

/* Cores of two threads. */

static struct thread_group groups[4];

static void setup_cores(u32 count)
{
	setup(count);
	core_size = 2;
	place_threads = true;
	for (u32 i = 0; i < ARRAY_LEN(groups); i++)
		groups[i] = (struct thread_group){ .alone = true };
	for (here = 0; here < count; here++) { /* nothing is left of the test before */
		core_give_up();
		core_switched(&cpus[here].rq);
		cpus[here].asked = false;
	}
}

static struct sim_thread *spawn_of(struct thread_group *group, u32 cpu)
{
	spawn_group = group;
	return spawn(cpu, 1024);
}

static u64 idled(u32 count)
{
	u64 ns = 0;

	for (u32 i = 0; i < count; i++)
		ns += core_idled_ns(i);
	return ns;
}

TEST(who_minds_nobody_shares_cores)
{
	u64 got[THREADS], before;

	setup_cores(4);
	before = idled(4);
	for (u32 i = 0; i < 8; i++)
		spawn_of(NULL, 0);
	run(200 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 8; i++)
		check_share(got[i], LONG / 2, 10);
	CHECK_EQ(idled(4), before);
}

TEST(two_groups_take_turns_on_a_core)
{
	u64 got[THREADS], before;

	setup_cores(2);
	for (u32 i = 0; i < 4; i++)
		spawn_of(&groups[i / 2], i % 2);
	run(200 * MS);
	before = idled(2);
	measure(LONG, got);
	for (u32 i = 0; i < 4; i++)
		check_share(got[i], LONG / 2, 50);
	CHECK(idled(2) - before < LONG / 5); /* both CPUs change over at about the same time */
}

TEST(one_thread_of_each_and_the_other_cpu_is_forced_idle)
{
	u64 got[THREADS], before;

	setup_cores(2);
	spawn_of(&groups[0], 0);
	spawn_of(NULL, 1);
	run(200 * MS);
	before = idled(2);
	measure(LONG, got);
	check_share(got[0], LONG / 2, 30);
	check_share(got[1], LONG / 2, 30);
	check_share(idled(2) - before, LONG, 30);
}

TEST(weights_count_where_cores_are_taken_in_turns)
{
	u64 got[THREADS];

	setup_cores(2);
	spawn_of(&groups[0], 0);
	spawn_of(&groups[1], 1)->t.weight = 2048;
	run(500 * MS);
	measure(LONG, got);
	check_share(got[0], LONG / 3, 50);
	check_share(got[1], LONG * 2 / 3, 50);
}

TEST(groups_find_a_core_each)
{
	u64 got[THREADS], all = 0;

	setup_cores(4);
	for (u32 i = 0; i < 4; i++)
		spawn_of(&groups[i % 2], i);
	run(500 * MS);
	measure(LONG, got);
	for (u32 i = 0; i < 4; i++) {
		CHECK(got[i] > LONG / 3);
		all += got[i];
	}
	CHECK(all <= 4 * LONG);
}

TEST(a_sleeper_gets_the_core_of_a_hog)
{
	struct sim_thread *s;
	u64 got[THREADS];

	setup_cores(2);
	spawn_of(&groups[0], 0)->t.cpus.word[0] = BIT(0);
	s = spawn_of(&groups[1], 1);
	s->t.cpus.word[0] = BIT(1);
	s->work = s->left = 1 * MS;
	s->rest = 9 * MS;
	run(200 * MS);
	measure(LONG, got);
	CHECK(got[1] > LONG / 10 * 8 / 10); /* a tenth, less what it waits */
	CHECK(got[0] > LONG * 8 / 10);
}

TEST(groups_that_come_sleep_and_go)
{
	setup_cores(4);
	for (u32 i = 0; i < 20; i++) {
		struct sim_thread *s = spawn_of(i % 5 ? &groups[i % 4] : NULL, (u32)rand_below(4));

		if (i % 3) {
			s->work = s->left = (1 + rand_below(12)) * MS;
			s->rest = (1 + rand_below(20)) * MS;
		}
		if (i % 7 == 6)
			s->t.cpus.word[0] = BIT(s->t.cpu);
	}
	for (u32 i = 0; i < 100; i++) {
		u32 busy = 0;

		run(50 * MS);
		for (u32 cpu = 0; cpu < 4; cpu++)
			busy += cpus[cpu].rq.current != cpus[cpu].rq.idle;
		CHECK(busy); /* and check_cores() all the while */
	}
	for (u32 i = 0; i < 20; i++)
		CHECK(threads[i].t.runtime_ns > 20 * MS);
}
