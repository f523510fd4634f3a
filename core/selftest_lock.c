/*
 * Self-tests of the locks: exclusion between CPUs and against interrupts' view of them, and (in
 * debug builds) that a wrong order is found.
 */
#include "arch/cpu.h"
#include "arch/lock.h"
#include "core/clock.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"

#define ROUNDS      20000
/* Where an emulator has fewer CPUs than it shows, waiting for a ticket can take its time slices. */
#define COUNT_NS    500000000ULL
#define THREADS_MAX 8

static struct spinlock counter_lock = SPINLOCK_INIT(RANK_VDEV, "selftest counter");
static volatile u64 counter; /* lock: counter_lock */
static u64 counted;          /* what counter should be */

static void count(void *arg)
{
	u64 until = clock_ns() + COUNT_NS;
	u32 n;

	(void)arg;
	for (n = 0; n < ROUNDS && clock_ns() < until; n++) {
		spin_lock(&counter_lock);
		/* Not atomic on purpose: without the lock, increments are lost. */
		counter = counter + 1;
		spin_unlock(&counter_lock);
	}
	atomic_fetch_add(&counted, n);
}

static int test_exclusion(void)
{
	struct thread *t[THREADS_MAX];
	u32 n = MIN(cpu_count() * 2, (u32)THREADS_MAX);

	counter = 0;
	counted = 0;
	for (u32 i = 0; i < n; i++) {
		struct thread_spec spec = { .name = "selftest/lock",
					    .fn = count,
					    .cpu = (s32)(i % cpu_count()),
					    .preemptible = true };

		t[i] = thread_create(&spec);
		SELFTEST_CHECK(t[i]);
		thread_start(t[i]);
	}
	for (u32 i = 0; i < n; i++)
		thread_join(t[i]);
	if (counter != counted)
		return selftest_fail("counted to %llu instead of %llu", (unsigned long long)counter,
				     (unsigned long long)counted);
	return 0;
}
SELFTEST(lock_exclusion, "lock-exclusion", test_exclusion);

static int test_held(void)
{
	struct spinlock outer, inner;
	u64 flags;

	spin_init(&outer, RANK_VDEV, "outer");
	spin_init(&inner, RANK_RUNQ, "inner");
	SELFTEST_CHECK(!spin_any_held());
	spin_lock(&outer);
	SELFTEST_CHECK(spin_any_held());
	SELFTEST_CHECK(read_rflags() & RFLAGS_IF);
	flags = spin_lock_irq(&inner);
	SELFTEST_CHECK(!(read_rflags() & RFLAGS_IF));
	/* Not the order they were taken in: that is allowed. */
	spin_unlock(&outer);
	SELFTEST_CHECK(spin_any_held());
	spin_unlock_irq(&inner, flags);
	SELFTEST_CHECK(!spin_any_held());
	SELFTEST_CHECK(read_rflags() & RFLAGS_IF);
	return 0;
}
SELFTEST(lock_held, "lock-held", test_held);

/* Ends in the panic that names both locks, in debug builds; else it says so and fails. */
static int test_order(void)
{
	struct spinlock inner, outer;

	spin_init(&outer, RANK_VDEV, "selftest-outer");
	spin_init(&inner, RANK_HEAP, "selftest-inner");
	spin_lock(&inner);
	spin_lock(&outer);
	spin_unlock(&outer);
	spin_unlock(&inner);
	return selftest_fail("a wrong order was not found (is this a debug build?)");
}
SELFTEST_ENTRY(lock_order, "lockorder", test_order, true);
