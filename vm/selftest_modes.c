/*
 * Self-test: a guest that goes down through the CPU's modes and up again, with what exits or is injected
 * in each (tests/guest/modes.asm).
 */
#include "core/selftest.h"
#include "lib/string.h"
#include "vm/selftest_flat.h"
#include "vm/vm.h"

static int test_modes(void)
{
	struct vm *vm = flat_vm("modes", "modes.bin");
	char text[64] = "";

	SELFTEST_CHECK(vm);
	SELFTEST_CHECK(!vm_start(vm));
	if (flat_wait(vm))
		return selftest_fail("did not end");
	chardev_host_read(&vm->serial[0], text, sizeof(text) - 1);
	if (strcmp(text, "outs\nr\nmodes ok\n") || vm->stop_reason != STOP_POWEROFF)
		return selftest_fail("'%s' %s", text, vm->stop_text);
	SELFTEST_CHECK(!flat_end(vm));
	return 0;
}
SELFTEST(cpu_modes, "cpu-modes", test_modes);
