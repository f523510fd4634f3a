/*
 * Self-tests of threads that share several CPUs: shares where they do not divide evenly, weights, pins, quotas,
 * and threads that are moved all the time.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

#define MS        1000000ULL
#define SETTLE_NS (60 * MS)
#define SHARE_NS  (1200 * MS)
#define THREADS   8

/* Threads that want all that they can get, and yield where a vCPU would. */
static struct worker {
	struct thread *thread;
	u64 ns;     /* what it had */
	u32 cpu;    /* where it is, as it sees it: + 1 */
	u64 rounds; /* written by the thread */
	u32 wrong;  /* what it found: a line number */
} workers[THREADS];
static u32 stop;

static void work(void *arg)
{
	struct worker *w = arg;

	/* Without PAUSE, which some emulators take as a reason to let others run. */
	while (!atomic_load_relaxed(&stop)) {
		atomic_store_relaxed(&w->cpu, cpu_id() + 1);
		w->rounds++;
		if (thread_need_resched())
			thread_yield();
	}
}

static int start(u32 count, void (*fn)(void *arg))
{
	struct thread_spec spec = { .name = "selftest/worker", .fn = fn, .cpu = -1 };

	stop = 0;
	for (u32 i = 0; i < count; i++) {
		workers[i] = (struct worker){ 0 };
		spec.arg = &workers[i];
		workers[i].thread = thread_create(&spec);
		SELFTEST_CHECK(workers[i].thread);
	}
	for (u32 i = 0; i < count; i++)
		thread_start(workers[i].thread);
	return 0;
}

static void end(u32 count)
{
	atomic_store_relaxed(&stop, 1);
	for (u32 i = 0; i < count; i++)
		thread_join(workers[i].thread);
}

static int pin(struct thread *t, u64 set)
{
	struct cpuset cpus = { { set } };

	return thread_set_cpus(t, &cpus);
}

static void sleep(u64 ns)
{
	u64 until = clock_ns() + ns;

	while (clock_ns() < until)
		thread_block_until(until);
}

static void measure(u32 count, u64 ns)
{
	for (u32 i = 0; i < count; i++)
		workers[i].ns = thread_runtime(workers[i].thread);
	sleep(ns);
	for (u32 i = 0; i < count; i++)
		workers[i].ns = thread_runtime(workers[i].thread) - workers[i].ns;
}

/* Whether each had its share of all within a twentieth: weights are parts of their sum. */
static int check_shares(u32 count, const u32 *weights)
{
	u64 all = 0, sum = 0;

	for (u32 i = 0; i < count; i++) {
		all += workers[i].ns;
		sum += weights[i];
	}
	for (u32 i = 0; i < count; i++) {
		u64 want = all * weights[i] / sum;

		if (workers[i].ns * 20 < want * 19 || workers[i].ns * 20 > want * 21)
			return selftest_fail("thread %u ran %llu us instead of %llu", i,
					     (unsigned long long)workers[i].ns / 1000,
					     (unsigned long long)want / 1000);
	}
	return 0;
}

/* On these CPUs for so long. */
static int shares(u32 count, u64 cpus, const u32 *weights, u64 ns)
{
	int err = start(count, work);

	for (u32 i = 0; i < count && !err; i++) {
		err = pin(workers[i].thread, cpus);
		thread_set_weight(workers[i].thread, weights[i]);
	}
	if (err)
		return err;
	sleep(SETTLE_NS);
	measure(count, ns);
	end(count);
	return check_shares(count, weights);
}

static int on_two(u32 count, u64 ns)
{
	u32 weights[THREADS];

	for (u32 i = 0; i < count; i++)
		weights[i] = THREAD_WEIGHT_DEFAULT;
	return cpu_count() < 2 ? 0 : shares(count, 3, weights, ns);
}

static int test_three(void)
{
	return on_two(3, SHARE_NS);
}
SELFTEST(share_three, "share-three-on-two", test_three);

/* Each has less, and waits longer for its turn: a twentieth of that is less, too. */
static int test_eight(void)
{
	return on_two(8, 3 * SHARE_NS);
}
SELFTEST(share_eight, "share-eight-on-two", test_eight);

static int test_weights(void)
{
	static const u32 weights[] = { 512, 1024, 2048 };

	return shares(3, BIT(cpu_count() - 1), weights, SHARE_NS);
}
SELFTEST(share_weights, "share-weights", test_weights);

/* Until the thread says that it is on that CPU. */
static bool arrives(const struct worker *w, u32 cpu)
{
	u64 until = clock_ns() + SELFTEST_PATIENCE_NS;

	while (atomic_load_relaxed(&w->cpu) != cpu + 1) {
		if (clock_ns() > until)
			return false;
		thread_block_until(clock_ns() + MS / 4);
	}
	return true;
}

/* A running thread, the one that waits for it, and one that sleeps go where they are told. */
static int test_pin(void)
{
	int err = start(3, work);

	for (u32 i = 0; i < 100 && !err; i++) {
		struct worker *w = &workers[i % 3];
		u32 cpu = (i + i / 3) % cpu_count();
		struct cpuset got;

		err = pin(w->thread, BIT(cpu));
		thread_get_cpus(w->thread, &got);
		if (got.word[0] != BIT(cpu))
			err = selftest_fail("the set is %llx", (unsigned long long)got.word[0]);
		else if (!arrives(w, cpu))
			err = selftest_fail("a thread does not get to CPU %u", cpu);
	}
	SELFTEST_CHECK(pin(workers[0].thread, BIT(MAX_CPUS - 1)) || cpu_count() == MAX_CPUS);
	end(3);
	return err;
}
SELFTEST(sched_pin, "sched-pin", test_pin);

/*
 * One thread would rather be on CPU 1, which another one has or leaves: it is on the other CPU while that runs, and comes back whenever
 * that goes, though neither ever sleeps.
 */
static int test_soft(void)
{
	struct cpuset wish = { { BIT(1) } };
	int err;

	if (cpu_count() < 2)
		return 0;
	err = start(2, work);
	thread_set_soft(workers[0].thread, &wish);
	if (!err)
		err = pin(workers[0].thread, 3);
	for (u32 i = 0; i < 40 && !err; i++) {
		u32 other = i % 2;

		err = pin(workers[1].thread, BIT(other));
		if (!err && !arrives(&workers[0], !other))
			err = selftest_fail("it is not on CPU %u", !other);
	}
	end(2);
	return err;
}
SELFTEST(sched_soft, "sched-soft", test_soft);

static void pin_itself(void *arg)
{
	struct worker *w = arg;

	for (u32 i = 0; i < 200; i++) {
		u32 cpu = i % cpu_count();

		if (pin(thread_current(), BIT(cpu)) || cpu_id() != cpu)
			w->wrong = __LINE__;
		w->rounds++;
	}
}

static int test_pin_itself(void)
{
	int err = start(4, pin_itself);

	if (err)
		return err;
	end(4);
	for (u32 i = 0; i < 4; i++)
		SELFTEST_CHECK(!workers[i].wrong && workers[i].rounds == 200);
	return 0;
}
SELFTEST(sched_pin_itself, "sched-pin-itself", test_pin_itself);

#define PERIOD (40 * MS)
#define QUOTA  (10 * MS)

/* A quarter of a CPU, moved about or not; then no limit again. */
static int quota(bool moved)
{
	struct worker *w = &workers[0];
	u64 until, from;
	int err = start(1, work);

	if (err)
		return err;
	thread_set_quota(w->thread, QUOTA, PERIOD);
	sleep(2 * PERIOD);
	w->ns = thread_runtime(w->thread);
	from = clock_ns();
	until = from + 20 * PERIOD;
	for (u32 i = 0; clock_ns() < until && !err; i++) {
		if (moved)
			err = pin(w->thread, BIT(i % cpu_count()));
		sleep(3 * MS);
	}
	w->ns = thread_runtime(w->thread) - w->ns;
	from = clock_ns() - from;
	thread_set_quota(w->thread, 0, 0);
	if (!err)
		err = pin(w->thread, BIT(cpu_count() - 1));
	if (!err && !arrives(w, cpu_count() - 1))
		err = selftest_fail("still waits without a quota");
	end(1);
	/* One quota more or less than the periods that went by, and what it may run too long by. */
	if (!err &&
	    (w->ns > (from / PERIOD + 2) * QUOTA || w->ns + 2 * QUOTA < from / PERIOD * QUOTA))
		err = selftest_fail("ran %llu us in %llu", (unsigned long long)w->ns / 1000,
				    (unsigned long long)from / 1000);
	return err;
}

static int test_quota(void)
{
	return quota(false);
}
SELFTEST(share_quota, "share-quota", test_quota);

static int test_quota_moved(void)
{
	return quota(true);
}
SELFTEST(share_quota_moved, "share-quota-moved", test_quota_moved);

#define KEPT   48
#define ROUNDS 50

/* Keeps numbers on its stack and sleeps, yields and wakes the others. */
static void roam(void *arg)
{
	struct worker *w = arg;
	struct thread *self = thread_current();
	u32 me = (u32)(w - workers);
	volatile u64 kept[KEPT];

	for (u32 i = 0; i < KEPT; i++)
		kept[i] = me * 1000 + i;
	while (!atomic_load_relaxed(&stop)) {
		for (u32 i = 0; i < KEPT; i++)
			if (kept[i] != me * 1000 + i)
				w->wrong = __LINE__;
		/* Twice: what a CPU knows about itself is about this CPU. */
		if (thread_current() != self || self->cpu != cpu_id())
			w->wrong = __LINE__;
		atomic_store_relaxed(&w->cpu, cpu_id() + 1);
		w->rounds++;
		switch (w->rounds % 4) {
		case 0:
			thread_block_until(clock_ns() + w->rounds % 7 * MS / 20);
			break;
		case 1:
			thread_wake(workers[w->rounds / 4 % THREADS].thread);
			break;
		default:
			thread_yield();
		}
	}
	/* All are still there while one may be woken. */
	atomic_fetch_add(&workers[0].ns, 1);
	while (atomic_load_relaxed(&workers[0].ns) < THREADS)
		thread_block_until(clock_ns() + MS);
}

static bool all_went_round(u64 rounds)
{
	for (u32 i = 0; i < THREADS; i++)
		if (atomic_load_relaxed(&workers[i].rounds) < rounds)
			return false;
	return true;
}

static int test_roam(void)
{
	u64 now = clock_ns(), least = now + 500 * MS, until = now + SELFTEST_PATIENCE_NS;
	int err = start(THREADS, roam);

	if (err)
		return err;
	for (u32 i = 0; now < until && !err && (now < least || !all_went_round(ROUNDS)); i++) {
		struct thread *t = workers[i % THREADS].thread;
		u64 set = (i * 7 + i / 5) % (BIT(cpu_count()) - 1) + 1;

		err = pin(t, set);
		thread_set_weight(t, 100 + i * 37 % 2000);
		thread_set_quota(t, i % 3 ? 0 : MS / 2, MS);
		if (i % 4 == 0)
			thread_block_until(clock_ns() + MS / 10);
		else
			thread_yield();
		now = clock_ns();
	}
	for (u32 i = 0; i < THREADS; i++)
		thread_set_quota(workers[i].thread, 0, 0);
	end(THREADS);
	for (u32 i = 0; i < THREADS; i++)
		if (workers[i].wrong)
			return selftest_fail("thread %u: line %u", i, workers[i].wrong);
	SELFTEST_CHECK(all_went_round(ROUNDS));
	return err;
}
SELFTEST(sched_roam, "sched-roam", test_roam);
