/*
 * A CPU that hangs, for the emulator test that looks at the panic that follows.
 */
#include "arch/cpu.h"
#include "core/clock.h"
#include "core/panic.h"
#include "core/selftest.h"
#include "core/thread.h"
#include "lib/compiler.h"

static volatile bool go_on; /* never set */

__noinline static void selftest_hang_here(void)
{
	irq_disable();
	while (!go_on)
		;
	irq_enable();
}

static void hang(void *arg)
{
	(void)arg;
	selftest_hang_here();
	go_on = true; /* not a tail call */
}

/* Another CPU than the one that this runs on, once both are known to watch. */
static int test_hang(void)
{
	struct thread_spec spec = { .name = "hanging", .fn = hang, .cpu = 1, .detached = true };
	struct thread *t;

	SELFTEST_CHECK(cpu_count() > 1);
	t = thread_create(&spec);
	SELFTEST_CHECK(t);
	thread_start(t);
	thread_block_until(clock_ns() + SELFTEST_PATIENCE_NS);
	return selftest_fail("nobody saw that a CPU hangs");
}
SELFTEST_ENTRY(watchdog_hang, "watchdog-hang", test_hang, true);
