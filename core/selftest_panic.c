/*
 * Self-tests that end in panic on purpose, for the emulator tests that look at what it prints.
 */
#include "core/clock.h"
#include "core/panic.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "core/timer.h"
#include "lib/atomic.h"
#include "lib/compiler.h"

#define SPIN_NS 10000000ULL

static volatile bool go_on; /* never set: the compiler must think that the panic may not come */

__noinline static int selftest_panic_inner(int code)
{
	if (!go_on)
		panic("deliberate panic with code %d", code);
	return code;
}

__noinline static int selftest_panic_outer(int code)
{
	/* Not a tail call: both show in the backtrace. */
	return selftest_panic_inner(code + 1) + 1;
}

static int test_panic(void)
{
	return selftest_panic_outer(41);
}
SELFTEST_ENTRY(panic_message, "panic-message", test_panic, true);

/* An address in the lower half, where nothing of the hypervisor's is. */
__noinline static int selftest_fault_inner(volatile int *where)
{
	return *where + 1;
}

static int test_fault(void)
{
	return selftest_fault_inner((volatile int *)0x123450) + 1;
}
SELFTEST_ENTRY(panic_fault, "fault", test_fault, true);

static void panic_in_timer(struct timer *timer)
{
	(void)timer;
	panic("deliberate panic in a timer");
}

__noinline static int selftest_spin_here(void)
{
	while (!go_on)
		cpu_relax();
	return 1;
}

/* In an interrupt: the backtrace goes on in what was interrupted. */
static int test_timer(void)
{
	static struct timer timer;

	timer_init(&timer, panic_in_timer);
	timer_arm(&timer, clock_ns() + SPIN_NS);
	return selftest_spin_here() + 1;
}
SELFTEST_ENTRY(panic_timer, "timerpanic", test_timer, true);

/* Steps over the end of its stack onto the guard page. */
__noinline static u64 selftest_stack_eater(u64 depth)
{
	volatile u64 frame[64];

	frame[0] = depth;
	if (depth == ~0ULL)
		return 0;
	return selftest_stack_eater(depth + 1) + frame[0];
}

static int test_stack(void)
{
	return selftest_stack_eater(0) ? 0 : 1;
}
SELFTEST_ENTRY(panic_stack, "stackoverflow", test_stack, true);

/* Writes where only a frame that is too deep would; the next switch finds it, in debug builds. */
static int test_mark(void)
{
	*(u64 *)thread_current()->stack = 0;
	thread_block_until(clock_ns() + SPIN_NS);
	return selftest_fail("an overrun stack was not found (is this a debug build?)");
}
SELFTEST_ENTRY(panic_mark, "stackmark", test_mark, true);
