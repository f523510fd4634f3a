/*
 * Self-test: a guest that goes down through the CPU's modes and up again, with what exits or is injected
 * in each (tests/guest/modes.asm).
 */
#include "core/selftest.h"
#include "vm/selftest_flat.h"

static int test_modes(void)
{
	return flat_passes("modes", "modes.bin", "outs\nr\nmodes ok\n");
}
SELFTEST(cpu_modes, "cpu-modes", test_modes);
