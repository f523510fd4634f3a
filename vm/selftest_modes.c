/*
 * Self-test: a guest that goes through the CPU's modes and through what exits or is injected in them
 * (tests/guest/modes.asm), the same for both backends.
 */
#include "core/selftest.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

static int test_modes(void)
{
	struct vm *vm = flat_vm("modes", "modes.bin");

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	if (flat_expect(vm, "outs\nr\nmodes ok\n") || flat_wait(vm))
		return selftest_fail("state %s: %s", vm_state_name(vm->state), vm->stop_text);
	if (vm->stop_reason != STOP_POWEROFF)
		return selftest_fail("stopped: %s", vm->stop_text);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(vm_modes, "vm-modes", test_modes);
