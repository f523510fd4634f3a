/*
 * Self-test of instruction emulation: a guest that uses devices' registers with all kinds of instructions and
 * compares with memory (tests/guest/mmio.asm).
 */
#include "core/selftest.h"
#include "vm/selftest_flat.h"

static int test_emulation(void)
{
	return flat_passes("mmio", "mmio.bin", "mmio ok\n");
}
SELFTEST(emul_mmio, "emul-mmio", test_emulation);
