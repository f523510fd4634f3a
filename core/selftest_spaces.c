/*
 * Self-tests of threads in address spaces of their own: their stacks are mapped nowhere else, the
 * switch changes stack and space together, and the hooks run on the right side of it.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/atomic.h"
#include "lib/compiler.h"
#include "mm/aspace.h"

#define MS          1000000ULL
#define SPACES      2
#define THREADS     3 /* in each space; one more is in none */
#define ROUNDS      2000
#define HEAP_LIMIT  (2 * MIB)
/* Numbers that no VM of a self-test has. */
#define OWNER_FIRST (OWNER_VM + 60000)

static struct space {
	struct aspace *as;
	u32 wrong; /* something was not as it should be */
	u32 ins, outs;
} spaces[SPACES];

static void check(struct space *s, bool right)
{
	if (!right)
		atomic_fetch_add(&s->wrong, 1);
}

static void switch_out(struct thread *t, struct thread *next)
{
	struct space *s = t->data;

	check(s, aspace_current() == s->as && t != next);
	/* The stack that the hook runs on is the old one. */
	check(s, (u64)__builtin_frame_address(0) - (u64)t->stack < t->stack_size);
	atomic_fetch_add(&s->outs, 1);
}

static void switch_in(struct thread *t)
{
	struct space *s = t->data;

	check(s, aspace_current() == s->as && thread_current() == t);
	check(s, (u64)__builtin_frame_address(0) - (u64)t->stack < t->stack_size);
	atomic_fetch_add(&s->ins, 1);
}

static const struct thread_ops hooks = { .switch_out = switch_out, .switch_in = switch_in };

/* Gives way again and again; what it keeps on its stack must stay its own. */
static void visitor(void *arg)
{
	struct space *s = arg;
	volatile u64 mine[16];

	for (u32 i = 0; i < ARRAY_LEN(mine); i++)
		mine[i] = (u64)thread_current() + i;
	for (u32 n = 0; n < ROUNDS; n++) {
		if (n % 16 == 15)
			thread_block_until(clock_ns() + MS / 20);
		else
			thread_yield();
		check(s, aspace_current() == s->as);
		for (u32 i = 0; i < ARRAY_LEN(mine); i++)
			check(s, mine[i] == (u64)thread_current() + i);
	}
	check(s, (u64)mine - VM_STACK_BASE < VM_STACK_SIZE);
}

static void stranger(void *arg)
{
	for (u32 n = 0; n < ROUNDS; n++) {
		thread_yield();
		if (aspace_current())
			atomic_fetch_add((u32 *)arg, 1);
	}
}

static int visit(u32 cpu)
{
	struct thread_spec other = { .name = "selftest/none", .fn = stranger, .cpu = (s32)cpu };
	struct thread *t[SPACES * THREADS + 1];
	static u32 wrong;

	other.arg = &wrong;
	for (u32 i = 0; i < SPACES * THREADS; i++) {
		struct space *s = &spaces[i % SPACES];
		struct thread_spec spec = { .name = "selftest/visit",
					    .fn = visitor,
					    .arg = s,
					    .aspace = s->as,
					    .ops = &hooks,
					    .data = s,
					    .cpu = (s32)cpu };

		t[i] = thread_create(&spec);
		SELFTEST_CHECK(t[i]);
	}
	t[SPACES * THREADS] = thread_create(&other);
	SELFTEST_CHECK(t[SPACES * THREADS]);
	for (u32 i = 0; i < ARRAY_LEN(t); i++)
		thread_start(t[i]);
	for (u32 i = 0; i < ARRAY_LEN(t); i++)
		thread_join(t[i]);
	SELFTEST_CHECK(!wrong);
	for (u32 i = 0; i < SPACES; i++) {
		const struct space *s = &spaces[i];

		if (s->wrong || s->ins != s->outs || s->ins < ROUNDS)
			return selftest_fail("space %u: %u faults, switched in %u, out %u times", i,
					     s->wrong, s->ins, s->outs);
	}
	return 0;
}

static int test_spaces(void)
{
	/* One that is never started leaves nothing behind. */
	struct thread_spec unborn = { .name = "selftest/unborn", .fn = visitor, .cpu = -1 };
	int failed = 0;

	for (u32 cpu = 0; cpu < cpu_count() && !failed; cpu++) {
		struct thread *t;

		for (u32 i = 0; i < SPACES; i++) {
			spaces[i] = (struct space){ .as = NULL };
			spaces[i].as = aspace_create((owner_t)(OWNER_FIRST + i), HEAP_LIMIT);
			SELFTEST_CHECK(spaces[i].as);
		}
		unborn.aspace = spaces[0].as;
		t = thread_create(&unborn);
		SELFTEST_CHECK(t);
		failed = visit(cpu);
		thread_join(t);
		for (u32 i = 0; i < SPACES; i++)
			aspace_destroy(spaces[i].as);
	}
	return failed;
}
SELFTEST(sched_spaces, "sched-spaces", test_spaces);
