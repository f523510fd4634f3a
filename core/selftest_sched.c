/*
 * Self-tests of threads and the scheduler: every CPU, waking across CPUs, shares, preemption, the
 * end of threads.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

#define MS              1000000ULL
#define PINGPONG_ROUNDS 10000
#define CHURN_ROUNDS    300
#define SHARE_NS        (600 * MS)
/* An emulator on a busy machine stops for a while now and then. */

static struct thread *spawn(const char *name, void (*fn)(void *arg), void *arg, u32 cpu, u32 weight,
			    bool preemptible)
{
	struct thread_spec spec = {
		.name = name,
		.fn = fn,
		.arg = arg,
		.cpu = (s32)cpu,
		.weight = weight,
		.preemptible = preemptible,
	};
	struct thread *t = thread_create(&spec);

	if (t)
		thread_start(t);
	return t;
}

static void note_cpu(void *arg)
{
	*(u32 *)arg = cpu_id() + 1;
}

static int test_cpus(void)
{
	static u32 seen[MAX_CPUS];

	for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
		struct thread *t = spawn("selftest/cpu", note_cpu, &seen[cpu], cpu, 0, false);

		SELFTEST_CHECK(t);
		thread_join(t);
		if (seen[cpu] != cpu + 1)
			return selftest_fail("the thread for CPU %u ran on %d", cpu,
					     (int)seen[cpu] - 1);
	}
	return 0;
}
SELFTEST(sched_cpus, "sched-cpus", test_cpus);

/* Two threads that hand a ball to and fro; each sleeps until it is woken. */
static struct {
	struct thread *player[2];
	u32 turn; /* whose it is */
	u32 rounds;
	u32 finished; /* players that touch nothing any more */
} game;

static void play(void *arg)
{
	u32 me = (u32)(u64)arg;

	while (atomic_load_acquire(&game.rounds) < PINGPONG_ROUNDS) {
		while (atomic_load_acquire(&game.turn) != me)
			thread_block();
		game.rounds++;
		/* Pairs with the acquires above, in the other player. */
		atomic_store_release(&game.turn, !me);
		thread_wake(game.player[!me]);
	}
	atomic_fetch_add(&game.finished, 1);
}

static int pingpong(u32 cpu_a, u32 cpu_b)
{
	u32 cpus[2] = { cpu_a, cpu_b };
	u64 until = clock_ns() + SELFTEST_PATIENCE_NS;

	game.turn = 0;
	game.rounds = 0;
	game.finished = 0;
	for (u32 i = 0; i < 2; i++) {
		struct thread_spec spec = { .name = "selftest/ping",
					    .fn = play,
					    .arg = (void *)(u64)i,
					    .cpu = (s32)cpus[i] };

		game.player[i] = thread_create(&spec);
		SELFTEST_CHECK(game.player[i]);
	}
	thread_start(game.player[0]);
	thread_start(game.player[1]);
	/* The last wake may go to a player that has ended, but not to one that is freed. */
	while (atomic_load_relaxed(&game.finished) < 2 && clock_ns() < until)
		thread_block_until(clock_ns() + MS);
	if (game.finished < 2)
		return selftest_fail("stuck after %u rounds", game.rounds);
	thread_join(game.player[0]);
	thread_join(game.player[1]);
	SELFTEST_CHECK(game.rounds >= PINGPONG_ROUNDS);
	return 0;
}

static int test_pingpong(void)
{
	return pingpong(0, cpu_count() - 1);
}
SELFTEST(sched_pingpong, "sched-pingpong", test_pingpong);

static int test_pingpong_same(void)
{
	return pingpong(cpu_count() - 1, cpu_count() - 1);
}
SELFTEST(sched_pingpong_same, "sched-pingpong-same-cpu", test_pingpong_same);

static u32 spin_stop;

static void spin(void *arg)
{
	(void)arg;
	/* Without PAUSE, which some emulators take as a reason to let others run. */
	while (!atomic_load_relaxed(&spin_stop))
		barrier();
}

static void spin_polite(void *arg)
{
	(void)arg;
	while (!atomic_load_relaxed(&spin_stop)) {
		barrier();
		if (thread_need_resched())
			thread_yield();
	}
}

/* Two threads of weights 1:2 that want all of one CPU; one polls need_resched if it is polite. */
static int share(void (*fn)(void *arg), bool preemptible)
{
	u32 cpu = cpu_count() - 1;
	struct thread *t[2];
	struct thread_times from[2], to[2];
	u64 ns[2], until, since;

	spin_stop = 0;
	t[0] = spawn("selftest/one", fn, NULL, cpu, 512, preemptible);
	t[1] = spawn("selftest/two", fn, NULL, cpu, 1024, preemptible);
	SELFTEST_CHECK(t[0] && t[1]);
	thread_block_until(clock_ns() + 20 * MS);
	since = clock_ns();
	for (u32 i = 0; i < 2; i++)
		thread_times(t[i], &from[i]);
	until = since + SHARE_NS;
	while (clock_ns() < until)
		thread_block_until(until);
	since = clock_ns() - since;
	for (u32 i = 0; i < 2; i++) {
		thread_times(t[i], &to[i]);
		ns[i] = to[i].run - from[i].run;
	}
	atomic_store_relaxed(&spin_stop, 1);
	thread_join(t[0]);
	thread_join(t[1]);
	/* 1:2 within a sixth. */
	if (ns[1] * 6 < ns[0] * 10 || ns[1] * 6 > ns[0] * 14)
		return selftest_fail("weights 1:2 ran %llu and %llu us",
				     (unsigned long long)ns[0] / 1000,
				     (unsigned long long)ns[1] / 1000);
	/* Each ran or waited all the time, within a hundredth. */
	for (u32 i = 0; i < 2; i++) {
		u64 waited = to[i].waited - from[i].waited;

		if (ns[i] + waited < since / 100 * 99 || ns[i] + waited > since / 100 * 101)
			return selftest_fail("of %llu us %llu were run and %llu waited",
					     (unsigned long long)since / 1000,
					     (unsigned long long)ns[i] / 1000,
					     (unsigned long long)waited / 1000);
	}
	if (ns[0] + ns[1] < SHARE_NS / 2)
		return selftest_fail("both ran %llu us only",
				     (unsigned long long)(ns[0] + ns[1]) / 1000);
	return 0;
}

static int test_share(void)
{
	return share(spin, true);
}
SELFTEST(sched_share, "sched-share", test_share);

static int test_share_polite(void)
{
	return share(spin_polite, false);
}
SELFTEST(sched_share_polite, "sched-share-polite", test_share_polite);

static u64 beats;

static void beat(void *arg)
{
	(void)arg;
	while (!atomic_load_relaxed(&spin_stop)) {
		atomic_fetch_add(&beats, 1);
		thread_block_until(clock_ns() + MS);
	}
}

/* A thread that mostly sleeps gets in at once where preemptible ones never give way by themselves. */
static int test_sleeper(void)
{
	u32 cpu = cpu_count() - 1;
	struct thread *hogs[2], *t;
	u64 until;

	spin_stop = 0;
	beats = 0;
	for (u32 i = 0; i < 2; i++) {
		hogs[i] = spawn("selftest/hog", spin, NULL, cpu, 0, true);
		SELFTEST_CHECK(hogs[i]);
	}
	t = spawn("selftest/beat", beat, NULL, cpu, 0, false);
	SELFTEST_CHECK(t);
	until = clock_ns() + SELFTEST_PATIENCE_NS;
	while (atomic_load_relaxed(&beats) < 100 && clock_ns() < until)
		thread_block_until(clock_ns() + MS);
	atomic_store_relaxed(&spin_stop, 1);
	thread_join(t);
	thread_join(hogs[0]);
	thread_join(hogs[1]);
	SELFTEST_CHECK(beats >= 100);
	return 0;
}
SELFTEST(sched_sleeper, "sched-sleeper", test_sleeper);

static u32 order_next;

static void take_turn(void *arg)
{
	u32 *at = arg;

	*at = atomic_fetch_add(&order_next, 1) + 1;
}

/* thread_yield() lets others run although the caller had less of its share. */
static int test_yield(void)
{
	static u32 at[4];
	struct thread *t[ARRAY_LEN(at)];
	u64 until = clock_ns() + SELFTEST_PATIENCE_NS;

	order_next = 0;
	for (u32 i = 0; i < ARRAY_LEN(at); i++) {
		at[i] = 0;
		t[i] = spawn("selftest/turn", take_turn, &at[i], cpu_id(), 0, false);
		SELFTEST_CHECK(t[i]);
	}
	/* Nobody has run: this thread is not preemptible. */
	SELFTEST_CHECK(!atomic_load_relaxed(&order_next));
	while (atomic_load_relaxed(&order_next) < ARRAY_LEN(at) && clock_ns() < until)
		thread_yield();
	SELFTEST_CHECK(order_next == ARRAY_LEN(at));
	for (u32 i = 0; i < ARRAY_LEN(at); i++)
		thread_join(t[i]);
	return 0;
}
SELFTEST(sched_yield, "sched-yield", test_yield);

/* A wake before thread_block() is kept, and a second one does not count double. */
static int test_pending(void)
{
	struct thread *t = thread_current();
	u64 start = clock_ns();

	thread_wake(t);
	thread_wake(t);
	thread_block();
	thread_block_until(clock_ns() + 30 * MS);
	SELFTEST_CHECK(clock_ns() >= start + 30 * MS);
	return 0;
}
SELFTEST(sched_pending, "sched-pending", test_pending);

static void nothing(void *arg)
{
	(void)arg;
}

/* Many short lives: the reaper keeps up, nothing leaks until memory is short. */
static int test_churn(void)
{
	struct thread_spec spec = { .name = "selftest/churn", .fn = nothing, .detached = true };

	for (u32 i = 0; i < CHURN_ROUNDS; i++) {
		struct thread *t =
			spawn("selftest/brief", nothing, NULL, i % cpu_count(), 0, i % 2);
		struct thread *detached;

		SELFTEST_CHECK(t);
		spec.cpu = (s32)((i + 1) % cpu_count());
		detached = thread_create(&spec);
		SELFTEST_CHECK(detached);
		thread_start(detached);
		thread_join(t);
	}
	return 0;
}
SELFTEST(sched_churn, "sched-churn", test_churn);
