/*
 * Directed yields: a thread of the same group gets the caller's place, here or from another CPU; what the two have
 * had together never becomes less, whatever is tried.
 *
 * sources: core/yield.c core/runq.c core/quota.c lib/cpuset.c lib/fmt.c lib/string.c
 * flags: -include tests/host/fake_percpu.h
 */
#include "core/clock.h"
#include "core/sched.h"
#include "core/sched_impl.h"
#include "core/thread.h"
#include "tests/host/harness.h"
#include "tests/host/rand.h"

#define MS   1000000ULL
#define CPUS 2

static struct runq queues[CPUS];
static struct thread idle[CPUS], threads[6];
static struct thread_group group, other_group;
static u64 now;
static u32 yields, locks_held;

PERCPU struct runq sched_runq;

u32 cpu_id(void)
{
	return 0;
}

u32 fake_cpu_id(void)
{
	return 0;
}

void *fake_percpu(u32 cpu)
{
	return &queues[cpu];
}

u64 clock_ns(void)
{
	return now;
}

struct thread *thread_current(void)
{
	return queues[0].current;
}

void thread_yield(void)
{
	CHECK_EQ(locks_held, 0);
	yields++;
}

void spin_init(struct spinlock *l, enum lock_rank rank, const char *name) {}

void spin_unlock(struct spinlock *l)
{
	CHECK_EQ(locks_held--, 1);
}

struct runq *sched_lock(const struct thread *t)
{
	CHECK_EQ(locks_held++, 0);
	return &queues[t->cpu];
}

void balance_depart(struct thread *t, u32 cpu)
{
	t->state = THREAD_MOVING;
	t->cpu = cpu;
}

static bool diverted; /* on its way it is sent elsewhere */

void balance_arrive(struct thread *t, enum runq_reason why)
{
	CHECK_EQ(locks_held, 0);
	CHECK_EQ(t->state, THREAD_MOVING);
	if (diverted)
		t->cpu = 1;
	runq_place(&queues[t->cpu], t, why);
	t->state = THREAD_READY;
	runq_add(&queues[t->cpu], t);
}

static void add(u32 i, u32 cpu, u64 vruntime_ms, struct thread_group *g)
{
	struct thread *t = &threads[i];

	*t = (struct thread){ .cpu = cpu,
			      .weight = 1024,
			      .group = g,
			      .state = THREAD_READY,
			      .vruntime = queues[cpu].min_vruntime + vruntime_ms * MS };
	cpuset_fill(&t->cpus);
	runq_add(&queues[cpu], t);
}

static void run(u32 cpu, u32 i)
{
	runq_remove(&queues[cpu], &threads[i]);
	threads[i].state = THREAD_RUNNING;
	threads[i].on_stack = true;
	queues[cpu].current = &threads[i];
}

/* CPU 0: 0 runs, 1 of the same group and 2 of another wait; CPU 1: 3 runs, 4 of the same group as 0 waits. */
static void start(void)
{
	now = 1000 * MS;
	yields = 0;
	diverted = false;
	for (u32 i = 0; i < CPUS; i++) {
		idle[i] = (struct thread){ .cpu = i, .weight = 1024 };
		runq_init(&queues[i], &idle[i], now);
	}
	add(0, 0, 1, &group);
	add(1, 0, 9, &group);
	add(2, 0, 4, &other_group);
	add(3, 1, 2, &other_group);
	add(4, 1, 30, &group);
	run(0, 0);
	run(1, 3);
}

static u64 v(u32 i)
{
	return threads[i].vruntime;
}

static u32 waiting(u32 cpu)
{
	u32 n = 0;
	u64 last = 0;

	list_for_each(node, &queues[cpu].ready) {
		const struct thread *t = list_entry(node, struct thread, rq_node);

		CHECK(t->vruntime >= last && t->state == THREAD_READY && t->cpu == cpu);
		last = t->vruntime;
		n++;
	}
	CHECK_EQ(n, queues[cpu].ready_count);
	return n;
}

TEST(same_cpu)
{
	u64 mine, its;

	start();
	mine = v(0);
	its = v(1);
	CHECK(thread_yield_to(&threads[1]));
	CHECK_EQ(yields, 1);
	CHECK(v(0) == its && v(1) == mine);
	CHECK_EQ(waiting(0), 2);
	CHECK(queues[0].ready.next == &threads[1].rq_node);
	/* It is before the caller already. */
	CHECK(thread_yield_to(&threads[1]));
	CHECK_EQ(yields, 2);
	CHECK(v(0) == its && v(1) == mine);
}

/* The caller's time until now is its own. */
TEST(charged_first)
{
	u64 sum;

	start();
	group.active = 1;
	sum = v(0) + v(1);
	now += 2 * MS;
	CHECK(thread_yield_to(&threads[1]));
	CHECK_EQ(v(0) + v(1), sum + 2 * MS);
	CHECK_EQ(threads[0].runtime_ns, 2 * MS);
	group.active = 0;
}

TEST(refused)
{
	u64 before[5];

	for (u32 i = 0; i < 5; i++) {
		start();
		before[i] = v(i);
	}
	start();
	CHECK(!thread_yield_to(&threads[0])); /* itself */
	CHECK(!thread_yield_to(&threads[2])); /* another's */
	CHECK(!thread_yield_to(&threads[3])); /* another's, that runs */
	threads[1].weight = 512;
	CHECK(!thread_yield_to(&threads[1]));
	threads[1].weight = 1024;
	cpuset_zero(&threads[4].cpus);
	cpuset_set(&threads[4].cpus, 1);
	CHECK(!thread_yield_to(&threads[4]));
	cpuset_fill(&threads[4].cpus);
	threads[4].bound = true;
	CHECK(!thread_yield_to(&threads[4]));
	threads[4].bound = false;
	queues[1].current = &idle[1]; /* that CPU is about to take it */
	CHECK(!thread_yield_to(&threads[4]));
	queues[1].current = &threads[3];
	runq_remove(&queues[0], &threads[1]);
	threads[1].state = THREAD_BLOCKED;
	CHECK(!thread_yield_to(&threads[1]));
	threads[1].state = THREAD_PARKED;
	CHECK(!thread_yield_to(&threads[1]));
	threads[0].group = threads[2].group = NULL;
	CHECK(!thread_yield_to(&threads[2]));
	CHECK_EQ(yields, 0);
	for (u32 i = 0; i < 5; i++)
		CHECK_EQ(v(i), before[i]);
	CHECK_EQ(locks_held, 0);
}

/* From another CPU, with all that it had there, be it more than a thread that comes has as a rule. */
TEST(other_cpu)
{
	u64 mine, its;

	start();
	threads[4].vruntime += 200 * MS;
	mine = v(0);
	its = v(4);
	CHECK(thread_yield_to(&threads[4]));
	CHECK_EQ(yields, 1);
	CHECK_EQ(threads[4].cpu, 0);
	CHECK(v(0) == its && v(4) == mine);
	CHECK(waiting(0) == 3 && waiting(1) == 0);
	/* It was told to be elsewhere meanwhile. */
	start();
	diverted = true;
	its = v(4);
	mine = v(0);
	thread_yield_to(&threads[4]);
	CHECK(v(4) == its && v(0) == mine && threads[4].cpu == 1);
	CHECK_EQ(locks_held, 0);
}

/* Yields without end, to anyone: a group is never further back than it was, and neighbours stay where they are. */
TEST(never_gains)
{
	for (u32 round = 0; round < 50; round++) {
		start();
		add(5, 0, 15, &group);
		for (u32 i = 0; i < 200; i++) {
			u64 had = v(0) + v(1) + v(4) + v(5), two = v(2), three = v(3);
			u64 time = rand_below(3) * MS;

			now += time;
			thread_yield_to(&threads[rand_below(6)]);
			CHECK(v(0) + v(1) + v(4) + v(5) >= had);
			CHECK(v(2) == two && v(3) >= three);
			waiting(0);
			waiting(1);
		}
	}
}
