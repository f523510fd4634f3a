/*
 * A self-test of core scheduling: threads of two groups that are alone and of nobody's, on a machine whose cores have several
 * threads. Each says where it runs, and looks who does on the others of its core.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/coresched.h"
#include "core/place.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"

#define MS      1000000ULL
#define RUN_NS  (1000 * MS)
#define RUNNERS 6 /* two of each kind */
#define ROUNDS  16

static struct runner {
	struct thread *thread;
	u32 kind;
	u64 rounds;
	u32 beside; /* the kind of whom it met; 0: none */
} runners[RUNNERS];

static struct thread_group alone[2] = { { .alone = true }, { .alone = true } };
static u32 here[MAX_CPUS]; /* by CPU: the kind that runs there; 0: none */
static u32 stop;

/* Yields where a vCPU would, and sleeps now and then. */
static void run(void *arg)
{
	struct runner *r = arg;

	while (!atomic_load_relaxed(&stop)) {
		u32 cpu = cpu_id();

		/* Full order: of two that are there at once one sees the other. */
		(void)atomic_xchg(&here[cpu], r->kind);
		for (u64 set = place_core(cpu) & ~BIT(cpu); set; set &= set - 1) {
			u32 other = atomic_load_relaxed(&here[__builtin_ctzll(set)]);

			if (other && other != r->kind)
				r->beside = other;
		}
		if (!thread_need_resched())
			continue;
		r->rounds++;
		atomic_store_release(&here[cpu], 0);
		if (r->rounds % 4)
			thread_yield();
		else
			thread_block_until(clock_ns() + MS);
	}
	atomic_store_release(&here[cpu_id()], 0);
}

static u64 idled(void)
{
	u64 ns = 0;

	for (u32 i = 0; i < cpu_count(); i++)
		ns += core_idled_ns(i);
	return ns;
}

static int test_cores(void)
{
	struct thread_spec spec = { .name = "selftest/runner", .fn = run, .cpu = -1 };
	u64 before = idled(), until = clock_ns() + RUN_NS;

	SELFTEST_CHECK(place_threads);
	for (u32 i = 0; i < RUNNERS; i++) {
		runners[i] = (struct runner){ .kind = 1 + i / 2 };
		spec.arg = &runners[i];
		spec.group = i < 4 ? &alone[i / 2] : NULL;
		runners[i].thread = thread_create(&spec);
		SELFTEST_CHECK(runners[i].thread);
	}
	for (u32 i = 0; i < RUNNERS; i++)
		thread_start(runners[i].thread);
	while (clock_ns() < until)
		thread_block_until(until);
	atomic_store_relaxed(&stop, 1);
	for (u32 i = 0; i < RUNNERS; i++)
		thread_join(runners[i].thread);
	for (u32 i = 0; i < RUNNERS; i++) {
		if (runners[i].beside)
			return selftest_fail("kind %u met kind %u", runners[i].kind,
					     runners[i].beside);
		SELFTEST_CHECK(runners[i].rounds > ROUNDS);
	}
	SELFTEST_CHECK(idled() > before);
	return 0;
}
SELFTEST(cores_alone, "cores-alone", test_cores);
