/*
 * Self-test of what clears a CPU's memory by instructions: the stacks are as before.
 */
#include "arch/mitigate.h"
#include "core/selftest.h"

/* Calls that have to return behind it. */
static __noinline int deeper(u32 n)
{
	int r = n ? deeper(n - 1) : 1;

	mitigate_fill_returns();
	mitigate_clear_buffers();
	return r + 1;
}

static int test_stacks(void)
{
	SELFTEST_CHECK(deeper(40) == 42);
	return 0;
}
SELFTEST(mitigation_stacks, "mitigation-stacks", test_stacks);
